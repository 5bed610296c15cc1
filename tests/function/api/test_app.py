"""The routes around the classification, through functions-framework."""

import io
import json
from pathlib import Path

import pytest
from PIL import ExifTags, Image
from werkzeug.test import Client

from lesionlens.model.diagnoses import TAXONOMY
from lesionlens.model.result import NOTICE
from tests import releases
from tests.conftest import ROOT, create_client
from tests.pictures import JPEG, encoded, lesion


def test_health_answers_without_the_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODEL_URI", (tmp_path / "nothing").as_uri())
    client = create_client()
    assert client.get("/health").json == {"status": "ok"}
    assert client.get("/ready").status_code == 503


def test_ready_loads_the_model(client: Client) -> None:
    assert client.get("/ready").json == {"status": "ok", "version": releases.VERSION}


def test_a_failed_load_is_503_and_the_next_request_tries_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_URI", tmp_path.as_uri())
    client = create_client()
    refused = client.post("/v1/classify", data=JPEG, content_type="image/jpeg")
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert str(tmp_path) not in refused.text
    assert "current.json does not exist" in capsys.readouterr().out

    releases.copy(tmp_path, "v1")
    answered = client.post("/v1/classify", data=JPEG, content_type="image/jpeg")
    assert answered.json["model"]["version"] == "v1"


def test_a_version_can_be_pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    releases.copy(tmp_path, "v1")
    releases.copy(tmp_path, "v2")
    monkeypatch.setenv("MODEL_URI", tmp_path.as_uri())
    monkeypatch.setenv("MODEL_VERSION", "v1")
    assert create_client().get("/ready").json["version"] == "v1"


def test_labels_stand_in_the_order_of_the_outputs(shared_client: Client) -> None:
    labels = shared_client.get("/v1/labels").json["labels"]
    assert tuple(entry["label"] for entry in labels) == releases.CLASSES
    melanoma = next(entry for entry in labels if entry["label"] == "mel")
    assert melanoma["malignant"] is True
    assert melanoma["codes"][0] == vars(TAXONOMY["mel"].codes[0])


def test_model_shows_the_manifest_its_licence_and_the_notice(shared_client: Client) -> None:
    model = shared_client.get("/v1/model").json
    assert model == {**releases.MANIFEST_DOCUMENT, "notice": NOTICE}
    assert model["licence"]["weights"] == "CC BY-NC 4.0"
    assert "not a cleared medical device" in model["notice"]


@pytest.mark.parametrize("web", [False, True], ids=["api alone", "beside the page"])
@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/v1/classify", 405, "GET is not possible here; accepted are OPTIONS, POST"),
        ("DELETE", "/v1/labels", 405, "accepted are GET, HEAD, OPTIONS"),
        ("GET", "/v2/classify", 404, "/health"),
        ("POST", "/v2/x", 404, "There is nothing here"),
        ("GET", "/v1/classify/", 404, "There is nothing here"),
        ("POST", "/v1//classify", 404, "There is nothing here"),
        ("GET", "/%2e%2e/etc/passwd", 404, "There is nothing here"),
        ("GET", "/reference", 404, "There is nothing here"),
    ],
)
def test_wrong_addresses_and_methods(
    monkeypatch: pytest.MonkeyPatch, web: bool, method: str, path: str, status: int, message: str
) -> None:
    if web:
        monkeypatch.setenv("WEB_DIR", str(ROOT / "web"))
    response = create_client().open(path, method=method)
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert message in response.json["detail"]


def test_a_405_names_the_methods(shared_client: Client) -> None:
    assert shared_client.get("/v1/classify").headers["Allow"] == "OPTIONS, POST"


@pytest.mark.parametrize(
    ("sent", "kept"), [("abc-123", True), ("a" * 65, False), ("new\\nline", False), ("", False)]
)
def test_a_request_id_is_kept_if_it_is_harmless(
    shared_client: Client, sent: str, kept: bool
) -> None:
    returned = shared_client.get("/health", headers={"X-Request-Id": sent}).headers["X-Request-Id"]
    assert (returned == sent) is kept
    assert returned


def test_every_answer_carries_security_headers(shared_client: Client) -> None:
    # functions-framework itself answers the last two.
    for path in ("/health", "/nothing", "/favicon.ico", "/robots.txt"):
        headers = shared_client.get(path).headers
        assert len(headers.getlist("Content-Security-Policy")) == 1
        assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_an_answer_about_an_image_is_not_stored(shared_client: Client) -> None:
    response = shared_client.post("/v1/classify", data=JPEG, content_type="image/jpeg")
    assert response.headers["Cache-Control"] == "no-store"


PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-request-id",
}


def test_cors_for_an_allowed_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://clinic.example")
    client = create_client()
    origin = {"Origin": "https://clinic.example"}
    preflight = client.options("/v1/classify", headers={**origin, **PREFLIGHT})
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://clinic.example"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "x-request-id"
    answer = client.post("/v1/classify", data=b"", headers=origin)
    assert answer.status_code == 400
    assert answer.headers["Access-Control-Allow-Origin"] == "https://clinic.example"
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", "https://clinic.example.evil", "null"])
def test_no_cors_for_an_origin_that_is_not_allowed(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://clinic.example")
    response = create_client().options("/v1/classify", headers={"Origin": origin, **PREFLIGHT})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_no_cors_unless_configured(shared_client: Client) -> None:
    headers = {"Origin": "https://clinic.example", **PREFLIGHT}
    response = shared_client.options("/v1/classify", headers=headers)
    assert "Access-Control-Allow-Origin" not in response.headers


def test_the_page_is_served_beside_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_DIR", str(ROOT / "web"))
    client = create_client()
    with client.get("/") as page:
        assert page.content_type.startswith("text/html")
        assert b"v1/classify" in page.data
    with client.get("/style.css") as style:
        assert style.content_type.startswith("text/css")
    assert client.get("/../pyproject.toml").status_code == 404
    assert client.get("/health").json == {"status": "ok"}


def test_one_structured_line_a_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = create_client()
    client.get("/ready")
    capsys.readouterr()
    headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "X-Request-Id": "mine"}
    client.post("/v1/classify", data=JPEG, content_type="image/jpeg", headers=headers)
    (line,) = capsys.readouterr().out.splitlines()
    fields = json.loads(line)
    assert fields["severity"] == "INFO"
    assert fields["message"] == "POST /v1/classify 200"
    assert fields["request_id"] == "mine"
    assert fields["model_version"] == releases.VERSION
    assert fields["logging.googleapis.com/trace"] == "a" * 32
    assert fields["httpRequest"]["status"] == 200
    assert fields["httpRequest"]["requestSize"] == len(JPEG)
    assert fields["httpRequest"]["latency"].endswith("s")


def test_nothing_of_an_image_or_its_metadata_is_logged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Marked Patient"
    marked = encoded(lesion(), exif=exif)
    assert b"Marked Patient" in marked
    client = create_client()

    def post(data: bytes) -> int:
        part = {"image": (io.BytesIO(data), "Marked Patient.jpg")}
        return client.post("/v1/classify", data=part).status_code

    assert post(marked) == 200
    assert post(marked[:3000]) == 422
    monkeypatch.setattr("lesionlens.imaging.decoder_pool.DecoderPool.prepare", lambda *_: 1 / 0)
    assert post(marked) == 500
    assert "Marked" not in capsys.readouterr().out


def test_a_long_address_is_cut_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    create_client().get("/" + "a" * 5000)
    assert len(capsys.readouterr().out) < 1000
