"""POST /v1/batch: several images in one request."""

import base64
import io
import json
import time
from typing import Any

import pytest
from werkzeug.test import Client

from lesionlens.api import classification
from lesionlens.errors import Overloaded
from lesionlens.imaging.decoder_pool import DecoderPool
from tests import hostile
from tests.conftest import create_client
from tests.multipart_forms import multipart
from tests.pictures import JPEG, encoded, lesion

BASE64 = base64.b64encode(JPEG).decode()


def post(client: Client, *files: bytes, **options: Any) -> Any:
    body, media_type = multipart(*(("images", "lesion.jpg", data) for data in files))
    return client.post("/v1/batch", data=body, content_type=media_type, **options)


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
    real = DecoderPool.prepare

    def replaced(pool: DecoderPool, data: bytes, *options: Any) -> Any:
        return 1 / 0 if data == marked else real(pool, data, *options)

    monkeypatch.setattr("lesionlens.imaging.decoder_pool.DecoderPool.prepare", replaced)
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
        ({"data": JPEG, "content_type": "image/jpeg"}, 415, "The body is image/jpeg; accepted"),
        ({}, 415, "The body is of no type"),
        ({"headers": {"Accept": "text/css"}}, 406, "answers application/json, application/jsonl"),
        ({"json": {"images": []}}, 400, "1 to 16 are accepted"),
        ({"json": [BASE64]}, 400, "The JSON must be an object"),
        ({"json": {"images": [{"image": BASE64}, BASE64]}}, 400, "images[1] is no object with"),
        ({"json": {"images": [{"image": "@"}]}}, 400, "'images[0].image' is not valid base64"),
        ({"json": {"images": [{"image": BASE64, "id": 5}]}}, 400, "images[0].id is no text"),
        ({"json": {"images": [{"image": ""}] * 17}}, 400, "17 images were sent; at most 16"),
        ({"json": {"images": [{"image": "", "a": [[]] * 99}] * 16}}, 400, "no more"),
    ],
)
def test_a_request_that_is_no_batch_is_refused(
    shared_client: Client, request_of: dict[str, Any], status: int, message: str
) -> None:
    response = shared_client.post("/v1/batch", **request_of)
    assert response.status_code == status
    assert message in response.text


def as_json(*files: bytes) -> dict[str, Any]:
    images = [
        {"id": f"mine {number}", "image": base64.b64encode(data).decode()}
        for number, data in enumerate(files)
    ]
    return {"images": images}


def test_json_holds_several_images_with_ids(shared_client: Client) -> None:
    for path in ("/v1/batch", "/v1/batch/base64"):
        answer = shared_client.post(path, json=as_json(JPEG, b"", JPEG[:900]))
        entries = answer.json["results"]
        assert [entry["id"] for entry in entries] == ["mine 0", "mine 1", "mine 2"]
        assert ["result" in entry for entry in entries] == [True, False, False]


@pytest.mark.parametrize("accept", ["application/jsonl", "application/x-ndjson"])
def test_json_lines_come_one_by_one_and_are_kept(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    headers = {"Accept": accept, "Idempotency-Key": f"a-key-of-the-client-{accept[-5:]}"}
    at_first = post(shared_client, JPEG, JPEG[:900], headers=headers, buffered=False)
    assert at_first.content_type == "application/jsonl"
    first = next(at_first.response)
    assert json.loads(first)["index"] == 0
    rest = b"".join(at_first.response)
    assert json.loads(rest)["problem"]["type"] == "/problems/truncated-image"
    again = post(shared_client, JPEG, JPEG[:900], headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.data == first + rest


def test_json_lines_that_nobody_read_to_the_end_are_not_kept(shared_client: Client) -> None:
    headers = {"Accept": "application/jsonl", "Idempotency-Key": "another-key-of-the-client"}
    left = post(shared_client, JPEG, JPEG, headers=headers, buffered=False)
    next(left.response)
    left.close()
    again = post(shared_client, JPEG, JPEG, headers=headers)
    assert "Idempotent-Replayed" not in again.headers
    assert len(again.data.splitlines()) == 2


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


def test_an_unknown_option_is_refused(shared_client: Client) -> None:
    assert post(shared_client, JPEG, query_string="explian=true").status_code == 400


def test_after_one_image_met_an_overload_the_rest_are_not_tried(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def prepare(_: DecoderPool, data: bytes, *options: Any) -> Any:
        tried.append(data)
        raise Overloaded("No room.")

    monkeypatch.setattr("lesionlens.imaging.decoder_pool.DecoderPool.prepare", prepare)
    results = post(shared_client, JPEG, JPEG, JPEG).json["results"]
    assert [entry["problem"]["status"] for entry in results] == [503, 503, 503]
    assert len(tried) == 1


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/batch"])
def test_all_images_of_a_request_share_the_time_from_its_last_byte(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """With the decoders' limits (`test_decoder_pool.py`), this bounds a response to 8 s."""
    field = "images" if path == "/v1/batch" else "image"
    images = [JPEG] * (3 if path == "/v1/batch" else 1)
    body, media_type = multipart(*((field, "a.jpg", image) for image in images))
    read_at: list[float] = []
    untils: list[float] = []
    begun: list[float] = []
    real = DecoderPool.prepare

    class Body(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            read_at.append(time.monotonic())
            return data

        def readinto(self, buffer: Any) -> int:
            count = super().readinto(buffer)
            read_at.append(time.monotonic())
            return count

    def prepare(pool: DecoderPool, data: bytes, rule: Any, until: float) -> Any:
        untils.append(until)
        begun.append(time.monotonic())
        return real(pool, data, rule, until)

    monkeypatch.setattr("lesionlens.imaging.decoder_pool.DecoderPool.prepare", prepare)
    answer = shared_client.post(
        path, input_stream=Body(body), content_length=len(body), content_type=media_type
    )
    assert answer.status_code == 200
    assert len(untils) == len(images)
    (until,) = set(untils)
    assert read_at[-1] <= until - classification.DECODE_SECONDS <= begun[0]
    assert classification.DECODE_SECONDS < 8


def test_a_batch_is_answered_when_its_time_is_used_up(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen images, of which the first uses up the time."""
    monkeypatch.setattr(classification, "DECODE_SECONDS", 0.5)
    slow = hostile.bmp_of_run_lengths(1_500_000)
    results = post(shared_client, *[slow] * 16).json["results"]
    assert [entry["problem"]["status"] for entry in results] == [503] * 16
