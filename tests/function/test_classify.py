"""POST /v1/classify through functions-framework, with the shipped model."""

import base64
import gzip
import html
import io
import json
from typing import Any

import pytest
from PIL import Image
from werkzeug.test import Client, TestResponse

from tests import releases
from tests.conftest import create_client
from tests.multipart_forms import Part, multipart
from tests.pictures import JPEG, encoded, lesion

PATH = "/v1/classify"
BASE64 = base64.b64encode(JPEG).decode()


def post_raw(client: Client, data: bytes, media_type: str = "image/jpeg", **kw: Any) -> Any:
    return client.post(PATH, data=data, content_type=media_type, **kw)


def assert_result(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json
    labels = [entry["label"] for entry in answer["probabilities"]]
    assert sorted(labels) == sorted(releases.CLASSES)
    assert sum(entry["probability"] for entry in answer["probabilities"]) == pytest.approx(1)
    assert answer["model"]["version"] == releases.VERSION
    return answer


@pytest.mark.parametrize(
    "request_of",
    [
        {"data": JPEG, "content_type": "image/jpeg"},
        {"data": JPEG, "content_type": "application/octet-stream"},
        {"data": JPEG},
        {"data": {"image": (io.BytesIO(JPEG), "lesion.jpg")}},
        {"json": {"image": BASE64}},
        {"data": JPEG, "content_type": "image/png"},
        {"data": JPEG, "content_type": "image/jpg"},
        {"data": JPEG, "content_type": "IMAGE/pjpeg"},
        {"data": JPEG, "content_type": "image/heif"},
        {"data": JPEG, "content_type": "binary/octet-stream"},
        {"json": {"image": f"data:image/jpeg;base64,{BASE64}"}},
        {"json": {"image": base64.encodebytes(JPEG).decode()}},
        {"json": {"image": base64.encodebytes(JPEG).decode().replace("\n", "\r\n")}},
        {"json": {"image": base64.urlsafe_b64encode(JPEG).decode().rstrip("=")}},
    ],
    ids=[
        *("raw", "octets", "untyped", "form", "json", "wrongly typed", "jpg", "pjpeg", "heif"),
        *("binary octets", "data URL", "base64 with LF", "with CRLF", "base64url"),
    ],
)
def test_every_way_of_sending_gets_the_same_answer(
    shared_client: Client, request_of: dict[str, Any]
) -> None:
    expected = assert_result(post_raw(shared_client, JPEG))
    answer = assert_result(shared_client.post(PATH, **request_of))
    assert answer["probabilities"] == expected["probabilities"]
    assert (answer["input"]["width"], answer["input"]["height"]) == (600, 450)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_every_format_is_classified(shared_client: Client, file_format: str) -> None:
    data = encoded(lesion(), file_format)
    assert_result(post_raw(shared_client, data, f"image/{file_format.lower()}"))


def test_a_file_of_several_pictures_says_so(shared_client: Client) -> None:
    data = encoded(lesion(), "GIF", save_all=True, append_images=[lesion(100, 100)])
    answer = assert_result(post_raw(shared_client, data, "image/gif"))
    assert answer["input"]["warnings"][0]["code"] == "first-picture"


@pytest.mark.parametrize(
    ("explain", "label"), [("true", None), ("mel", "mel"), ("false", "none"), ("vasc", "vasc")]
)
def test_an_explanation_comes_when_asked_for(
    shared_client: Client, explain: str, label: str | None
) -> None:
    answer = assert_result(
        shared_client.post(f"{PATH}?explain={explain}", data=JPEG, content_type="image/jpeg")
    )
    if label == "none":
        assert "explanation" not in answer
    else:
        assert answer["explanation"]["label"] == (label or answer["probabilities"][0]["label"])
        assert len(answer["explanation"]["grid"]) > 1


def asked(client: Client, query: str) -> dict[str, Any]:
    return assert_result(client.post(f"{PATH}?{query}", data=JPEG, content_type="image/jpeg"))


def test_several_views_are_another_answer_of_the_same_image(shared_client: Client) -> None:
    one, four = asked(shared_client, "views=1"), asked(shared_client, "views=4")
    assert one["views"] == 1
    assert four["views"] == 4
    assert one["probabilities"] != four["probabilities"]
    assert one["input"]["score"] == four["input"]["score"]


def test_another_prior_shifts_all_probabilities_alike(shared_client: Client) -> None:
    """A change of prior shifts the log-odds of two classes equally for every image."""
    answers = {prior: asked(shared_client, f"prior={prior}") for prior in ("uniform", "dataset")}
    assert [answer["prior"]["name"] for answer in answers.values()] == ["uniform", "dataset"]
    shares = {
        prior: {entry["label"]: entry["probability"] for entry in answer["probabilities"]}
        for prior, answer in answers.items()
    }
    # Nevi are the most frequent class, which the data set's prior therefore favours.
    assert shares["dataset"]["nv"] > shares["uniform"]["nv"]
    assert shares["dataset"]["df"] < shares["uniform"]["df"]
    for key in ("flag", "decision"):
        assert answers["uniform"]["malignancy"][key] == answers["dataset"]["malignancy"][key]


@pytest.mark.parametrize("query", ["", "prior=dataset", "prior=uniform", "prevalence=0.05"])
def test_what_an_answer_calls_its_prior_is_what_the_query_takes(
    shared_client: Client, query: str
) -> None:
    first = asked(shared_client, query)
    name, malignant = first["prior"]["name"], first["prior"]["malignant"]
    again = f"prevalence={malignant!r}" if name == "prevalence" else f"prior={name}"
    second = asked(shared_client, again)
    for key in ("prior", "probabilities", "prediction", "malignancy"):
        assert second[key] == first[key]


def test_a_photograph_of_something_else_is_not_recognized(shared_client: Client) -> None:
    noise = Image.effect_noise((300, 300), 90).convert("RGB")
    answer = assert_result(post_raw(shared_client, encoded(noise, "PNG"), "image/png"))
    assert answer["input"]["in_distribution"] is False
    assert answer["prediction"] is None
    assert answer["malignancy"] is None
    assert answer["input"]["warnings"][0]["code"] == "not-dermatoscopic"


def test_a_bad_picture_is_warned_of(shared_client: Client) -> None:
    small = encoded(Image.new("RGB", (40, 40), (10, 8, 8)), "PNG")
    warnings = assert_result(post_raw(shared_client, small, "image/png"))["input"]["warnings"]
    codes = {warning["code"] for warning in warnings}
    assert codes >= {"underexposed", "low-resolution"}


def form(*parts: Part) -> dict[str, Any]:
    return raw(*multipart(*parts))


def raw(data: bytes, media_type: str = "image/jpeg", **options: Any) -> dict[str, Any]:
    return {"data": data, "content_type": media_type, **options}


def nameless() -> bytes:
    return b'--e\r\nContent-Disposition: form-data; filename="a"\r\n\r\nx\r\n--e--\r\n'


FORM = "multipart/form-data; boundary=e"

BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "empty body": (raw(b""), 400, "The image is empty (0 bytes)"),
    "no body at all": ({}, 400, "The image is empty"),
    "form without image": (
        form(),
        400,
        "The form holds no field; the image belongs in the field",
    ),
    "form with another field": (form(("photo", "a.jpg", JPEG)), 400, "The form holds 'photo'"),
    "form with two images": (
        form(("image", "a.jpg", JPEG), ("image", "b.jpg", JPEG)),
        400,
        "2 images were sent; this address takes one",
    ),
    "form with an empty image": (form(("image", "a.jpg", b"")), 400, "The image is empty"),
    "form with text for an image": (
        form(("image", None, BASE64.encode())),
        400,
        "is text; send it as a file",
    ),
    "form with a large text for an image": (
        form(("image", None, b"A" * 600_000)),
        400,
        "is text; send it as a file",
    ),
    "form with a part without a name": (raw(nameless(), FORM), 400, "The form holds ''"),
    "form with a thousand fields": (
        form(*[("f", None, b"x")] * 1100),
        400,
        "too many or too long parts or headers",
    ),
    "form without a boundary": (
        raw(form(("image", "a", JPEG))["data"], "multipart/form-data"),
        400,
        "multipart/form-data without a boundary",
    ),
    "form with another boundary": (
        raw(form(("image", "a", JPEG))["data"], "multipart/form-data; boundary=other"),
        400,
        "does not hold the boundary 'other' that Content-Type announces; its own is 'edge'",
    ),
    "form with an endless boundary": (
        raw(form(("image", "a", JPEG))["data"], f"multipart/form-data; boundary={'b' * 200}"),
        400,
        "has 200 characters; accepted are up to 100",
    ),
    "form that is no form": (raw(JPEG, FORM), 400, "or no complete part after it"),
    "form cut in a part": (
        raw(form(("image", "a", JPEG))["data"][:9000], "multipart/form-data; boundary=edge"),
        400,
        "The form is malformed: Unexpected end",
    ),
    "form with base64 in a part": (
        raw(
            b"--e\r\nContent-Disposition: form-data; name=image; filename=a\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n" + BASE64.encode() + b"\r\n--e--\r\n",
            FORM,
        ),
        400,
        "Content-Transfer-Encoding 'base64'; accepted is the file as it is",
    ),
    "compressed body": (
        raw(gzip.compress(JPEG), headers={"Content-Encoding": "gzip"}),
        415,
        "Content-Encoding 'gzip'; accepted is a body without one",
    ),
    "not json": (raw(b"{", "application/json"), 400, "not valid JSON"),
    "deep json": (raw(b"[" * 200_000, "application/json"), 400, "must be an object"),
    "no json": (raw(b"image", "application/json"), 400, "not valid JSON"),
    "json list": (raw(b"[]", "application/json"), 400, 'must be an object {"image": "BASE64"}'),
    "json number": ({"json": {"image": 5}}, 400, "must be an object"),
    "json without image": ({"json": {"picture": BASE64}}, 400, "must be an object"),
    "invalid base64": ({"json": {"image": "@@@"}}, 400, "not valid base64"),
    "base64 of nothing": ({"json": {"image": ""}}, 400, "The image is empty"),
    "base64 with text beyond ASCII": ({"json": {"image": "é"}}, 400, "not valid base64"),
    "text": (raw(b"hello", "text/plain"), 415, "The body is text/plain; accepted are multipart"),
    "curl's default type": (
        raw(JPEG, "application/x-www-form-urlencoded"),
        415,
        "The body is application/x-www-form-urlencoded",
    ),
    "svg as jpg": (raw(b"<svg/>"), 415, "an SVG drawing; accepted are JPEG"),
    "pdf as jpg": (form(("image", "a.jpg", b"%PDF-1.4")), 415, "a PDF document"),
    "html as jpg": (raw(b"<html></html>"), 415, "an HTML page"),
    "not an image": (raw(b"\x01\x02" * 999), 422, "not an image that can be read"),
    "truncated": (raw(JPEG[:9000]), 422, "ends too early"),
    "too small": (raw(encoded(lesion(300, 20))), 422, "300×20 pixels; at least 32 a side"),
    "unknown parameter": (raw(JPEG, query_string="explian=1"), 400, "unknown parameter 'explian'"),
    "wrong value": (raw(JPEG, query_string="explain=perhaps"), 400, "explain is 'perhaps'"),
    "no json accepted": (
        raw(JPEG, headers={"Accept": "image/png"}),
        406,
        "Accept is 'image/png'; this address answers application/json, text/html, app",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_are_told_what_is_wrong(shared_client: Client, name: str) -> None:
    request_of, status, message = BAD[name]
    response = shared_client.post(PATH, **request_of)
    problem = json.loads(response.data)
    assert (response.status_code, problem["status"]) == (status, status), problem
    assert response.content_type == "application/problem+json"
    assert message in problem["detail"]
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert problem["request_id"] == response.headers["X-Request-Id"]


def test_a_bomb_is_refused_before_it_is_decoded(shared_client: Client) -> None:
    from PIL import Image

    bomb = encoded(Image.new("1", (30_000, 30_000)), "PNG")
    assert len(bomb) < 200_000
    response = post_raw(shared_client, bomb, "image/png")
    assert response.status_code == 422
    assert "900 megapixels; at most 50 are accepted of a PNG" in response.json["detail"]


@pytest.mark.parametrize("way", ["raw", "form"])
def test_a_body_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("MAX_UPLOAD_BYTES", "1000")
    request_of = raw(JPEG) if way == "raw" else form(("image", "a.jpg", JPEG))
    response = create_client().post(PATH, **request_of)
    assert response.status_code == 413
    assert "at most 1000 bytes are accepted" in response.json["detail"]


def test_an_unexpected_error_tells_the_client_nothing_and_the_log_where(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("sec" + "ret of the inside")

    monkeypatch.setattr("lesionlens.imaging.decoder_pool.DecoderPool.prepare", fail)
    response = post_raw(create_client(), JPEG)
    assert response.status_code == 500
    assert "secret" not in response.text
    lines = capsys.readouterr().out
    # A message could quote the upload; the type and location are logged.
    assert "secret" not in lines
    error = next(json.loads(line) for line in lines.splitlines() if "stack_trace" in line)
    assert error["error"] == "RuntimeError"
    assert "in fail" in error["stack_trace"]
    assert error["request_id"] == response.json["request_id"]


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_form_without_script_gets_a_page(shared_client: Client) -> None:
    answer = assert_result(shared_client.post(PATH, data={"image": (io.BytesIO(JPEG), "a.jpg")}))
    response = shared_client.post(
        PATH, data={"image": (io.BytesIO(JPEG), "a.jpg")}, headers=BROWSER
    )
    assert response.status_code == 200
    assert response.content_type.startswith("text/html")
    assert answer["prediction"]["name"] in html.unescape(response.text)
    assert "not a diagnosis" in response.text
    assert "<script" not in response.text
    picture = base64.b64encode(JPEG).decode()
    assert picture in response.text
    # The response kept for repetitions contains no image.
    data = {"image": (io.BytesIO(JPEG), "a.jpg")}
    headers = {**BROWSER, "Idempotency-Key": "once"}
    assert picture not in shared_client.post(PATH, data=data, headers=headers).text


def test_a_form_without_script_gets_its_problems_as_a_page(shared_client: Client) -> None:
    data = {"image": (io.BytesIO(b"%PDF <script>"), "<script>.pdf")}
    response = shared_client.post(PATH, data=data, headers=BROWSER)
    assert response.status_code == 415
    assert response.content_type.startswith("text/html")
    assert "a PDF document" in response.text
    assert "<script" not in response.text


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/json",
        "application/problem+json",
        "text/*;q=0.1, */*",
        "application/json; charset=utf-8",
    ],
)
def test_programs_get_json(shared_client: Client, accept: str) -> None:
    assert_result(post_raw(shared_client, JPEG, headers={"Accept": accept}))
