"""Several images in one request."""

import io
from typing import Any

import pytest
from werkzeug.test import Client

from lesionlens.errors import Overloaded
from lesionlens.imaging.decoders import Decoders
from tests.conftest import create_client
from tests.pictures import JPEG, encoded, lesion


def post(client: Client, *files: bytes, **options: Any) -> Any:
    form = {"images": [(io.BytesIO(data), "lesion.jpg") for data in files]}
    return client.post("/v1/batch", data=form, **options)


def without_what_differs(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in ("request_id", "timing_ms")}


def test_each_image_has_its_result_in_order(shared_client: Client) -> None:
    files = [JPEG, encoded(lesion(90, 80)), JPEG]
    answer = post(shared_client, *files, query_string="explain=true")
    assert answer.status_code == 200
    entries = answer.json["results"]
    assert [entry["index"] for entry in entries] == [0, 1, 2]
    for data, entry in zip(files, entries, strict=True):
        alone = shared_client.post(
            "/v1/classify?explain=true", data=data, content_type="image/jpeg"
        ).json
        assert without_what_differs(entry["result"]) == without_what_differs(alone)
        assert entry["result"]["request_id"] == answer.json["request_id"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_one_bad_image_does_not_fail_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marked = b"\xff\xd8 marked"
    real = Decoders.prepare

    def replaced(decoders: Decoders, data: bytes, *options: Any) -> Any:
        return 1 / 0 if data == marked else real(decoders, data, *options)

    monkeypatch.setattr("lesionlens.imaging.decoders.Decoders.prepare", replaced)
    answer = post(create_client(), JPEG, JPEG[:9000], b"%PDF-1.7", b"", marked, JPEG)
    entries = answer.json["results"]
    assert answer.status_code == 200
    assert [entry.get("problem", {}).get("status") for entry in entries] == [
        None, 422, 415, 400, 500, None,
    ]  # fmt: skip
    assert entries[1]["problem"]["type"] == "/problems/truncated-image"
    assert all(e["problem"]["request_id"] == answer.json["request_id"] for e in entries[1:5])
    assert '"error": "ZeroDivisionError"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("request_of", "status", "message"),
    [
        ({"data": {"image": (io.BytesIO(JPEG), "a.jpg")}}, 400, "no file in the field 'images'"),
        ({"data": {"images": "text"}, "content_type": "multipart/form-data"}, 400, "no file"),
        ({"data": JPEG, "content_type": "image/jpeg"}, 415, "The body is image/jpeg; accepted is"),
        ({}, 415, "The body is of no type"),
        ({"headers": {"Accept": "text/html"}}, 406, "application/json only"),
    ],
)
def test_a_request_that_is_no_batch_is_refused(
    shared_client: Client, request_of: dict[str, Any], status: int, message: str
) -> None:
    response = shared_client.post("/v1/batch", **request_of)
    assert response.status_code == status
    assert message in response.text


def test_at_most_sixteen_images(shared_client: Client) -> None:
    response = post(shared_client, *[JPEG] * 17)
    assert response.status_code == 400
    assert response.json["detail"] == "17 images were sent; at most 16 are accepted."


def test_the_limits_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_IMAGES", "2")
    monkeypatch.setenv("MAX_UPLOAD_BYTES", str(4 * len(JPEG)))
    client = create_client()
    assert "at most 2" in post(client, JPEG, JPEG, JPEG).json["detail"]
    assert post(client, bytes(2 * len(JPEG)), bytes(2 * len(JPEG))).status_code == 413


def test_an_unknown_option_is_refused_as_everywhere(shared_client: Client) -> None:
    assert post(shared_client, JPEG, query_string="explian=true").status_code == 400


def test_after_one_wait_for_room_the_rest_is_not_tried(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def prepare(_: Decoders, data: bytes, *options: Any) -> Any:
        tried.append(data)
        raise Overloaded("No room.")

    monkeypatch.setattr("lesionlens.imaging.decoders.Decoders.prepare", prepare)
    results = post(shared_client, JPEG, JPEG, JPEG).json["results"]
    assert [entry["problem"]["status"] for entry in results] == [503, 503, 503]
    assert len(tried) == 1
