"""function/openapi.json is valid and complete, and real responses conform to it."""

import base64
import html
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image
from werkzeug.test import Client, TestResponse

from lesionlens import errors
from lesionlens.api import app, fhir
from lesionlens.imaging import decoder_client, decoder_pool, sizes
from lesionlens.imaging.decoder_pool import DecoderPool
from lesionlens.imaging.lane import Lane
from lesionlens.model.figures import PartMetrics
from lesionlens.model.manifest import Manifest
from lesionlens.model.result import NOTICE
from lesionlens.model.result_document import Result
from lesionlens.settings import Settings, from_environment
from tests import releases
from tests.conftest import ROOT, create_client
from tests.multipart_forms import multipart
from tests.openapi_shapes import COMPONENTS, DOCUMENT, from_type, shape
from tests.pictures import JPEG, encoded, lesion

CLASSIFY = "/v1/classify"
BATCH = "/v1/batch"


def closed(node: Any) -> Any:
    """Return a copy whose objects permit documented properties only.

    The document itself permits others, as clients must ignore unknown fields. Objects without any
    documented property stay open.
    """
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    copy = {key: closed(value) for key, value in node.items()}
    if "properties" in node and copy.get("additionalProperties", True) is True:
        copy["additionalProperties"] = False
    return copy


CLOSED = closed(DOCUMENT)


def assert_valid(value: Any, schema: dict[str, Any]) -> None:
    """Validate a value against a schema of the document, which may refer to its components."""
    whole = {**schema, "components": CLOSED["components"]}
    formats = Draft202012Validator.FORMAT_CHECKER
    faults = Draft202012Validator(whole, format_checker=formats).iter_errors(value)
    assert [f"{fault.json_path}: {fault.message}" for fault in faults] == []


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """The component that a ``$ref`` leads to, or the node itself."""
    if "$ref" not in node:
        return node
    _, _, kind, name = node["$ref"].split("/")
    component: dict[str, Any] = CLOSED["components"][kind][name]
    return component


def assert_documented(response: TestResponse, described: dict[str, Any]) -> None:
    """Compare a real response with a documented one: headers, media type, content."""
    described = resolved(described)
    for name, header in described["headers"].items():
        header = resolved(header)
        schema = header["schema"]
        if name not in response.headers and not header.get("required"):
            continue
        value = response.headers[name]
        assert_valid(int(value) if schema.get("type") == "integer" else value, schema)
    schema = described["content"][response.mimetype]["schema"]
    is_json = response.mimetype.endswith("json")
    if response.mimetype == "application/jsonl":
        for line in response.data.splitlines():
            assert_valid(json.loads(line), CLOSED["components"]["schemas"]["BatchEntry"])
    content: Any = json.loads(response.data) if is_json else response.text
    assert_valid(content, schema)
    if response.mimetype == fhir.MEDIA_TYPE and content["resourceType"] == "Bundle":
        schemas = CLOSED["components"]["schemas"]
        for entry in content["entry"]:
            of = {"DiagnosticReport": "Report", "OperationOutcome": "Outcome"}
            assert_valid(entry["resource"], schemas[of[entry["resource"]["resourceType"]]])


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and operation."""
    for path, item in CLOSED["paths"].items():
        for method in item.keys() - {"parameters"}:
            yield method.upper(), path, item[method]


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every example in the document, with its schema."""
    if isinstance(node, dict):
        given = node.get("examples", {})
        if "schema" in node:
            yield from ((node["schema"], example["value"]) for example in given.values())
        elif isinstance(given, list):
            yield from ((node, value) for value in given)
        node = [value for key, value in node.items() if key != "examples"]
    if isinstance(node, list):
        for child in node:
            yield from examples(child)


# ---- The document ----


def test_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_every_example_is_valid() -> None:
    found = list(examples(CLOSED))
    assert len(found) > 50
    for schema, value in found:
        assert_valid(value, schema)


def test_every_field_is_described() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, described in fields(schema, name):
            assert described.keys() & {"description", "$ref"}, field


def fields(schema: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all schemas inside it, with their names."""
    if isinstance(schema, dict):
        yield name, schema
        for field, inner in schema.get("properties", {}).items():
            yield from fields(inner, f"{name}.{field}")
        for keyword in ("items", "additionalProperties"):
            yield from fields(schema.get(keyword), f"{name}[]")


def test_it_has_every_route_and_no_other() -> None:
    settings = from_environment({"MODEL_URI": "file:///nowhere"})
    classify: Any = lambda *_: {}  # noqa: E731
    rules = app.create(settings, classify).url_map.iter_rules()
    routes = {
        (method, re.sub("<(.*?)>", r"{\1}", rule.rule))
        for rule in rules
        for method in rule.methods or ()
    }
    documented = {(method, path) for method, path, _ in operations()}
    assert documented == {route for route in routes if route[0] not in ("HEAD", "OPTIONS")}


def test_every_operation_takes_one_form_of_body() -> None:
    """Client generators use one of several forms and send the others incorrectly."""
    for _, _, operation in operations():
        assert len(operation.get("requestBody", {}).get("content", {"none": {}})) == 1


@pytest.mark.parametrize(
    "limit",
    [
        f"{Settings.max_upload_bytes} bytes",
        f"{sizes.MIN_SIDE} pixels a side",
        f"{sizes.MAX_PIXELS['JPEG'] // sizes.MEGA} megapixels as a baseline JPEG",
        f"{sizes.MAX_PIXELS['progressive JPEG'] // sizes.MEGA} as a progressive one",
        f"{sizes.MAX_PIXELS['AVIF'] // sizes.MEGA} as AVIF",
        f"{sizes.MAX_PIXELS['WEBP'] // sizes.MEGA} as WebP",
        f"{sizes.MAX_OTHER_PIXELS // sizes.MEGA} otherwise",
    ],
)
def test_it_has_the_limits(limit: str) -> None:
    assert limit in DOCUMENT["paths"][CLASSIFY]["post"]["requestBody"]["description"]


def test_it_has_the_notice_and_the_licence_of_the_weights() -> None:
    assert NOTICE in DOCUMENT["info"]["description"]
    assert releases.MANIFEST_DOCUMENT["licence"]["weights"] in DOCUMENT["info"]["description"]


def test_the_page_links_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_DIR", str(ROOT / "web"))
    client = create_client()
    with client.get("/") as page:
        (link,) = re.findall(r'href="([^"]*openapi[^"]*)"', page.get_data(as_text=True))
    response = client.get(urljoin("/", link))
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert response.json == DOCUMENT


def test_the_result_is_documented_as_it_is_typed() -> None:
    assert from_type(Result) == shape(COMPONENTS["Result"], COMPONENTS)


# For these, the types in the code are less specific than the document, or both are unspecific.
OPEN = ("training", "evidence", "libraries", "input", "metrics")


def test_the_manifest_is_documented_as_it_is_typed() -> None:
    typed, documented = from_type(Manifest), shape(COMPONENTS["Model"], COMPONENTS)
    assert documented["properties"].pop("notice") == {"type": {"string"}}
    assert documented["required"] - {"notice"} == typed["required"]
    assert list(documented["properties"]) == list(typed["properties"])
    for name in typed["properties"].keys() - set(OPEN):
        assert documented["properties"][name] == typed["properties"][name], name
    assert from_type(PartMetrics) == shape(COMPONENTS["Metrics"], COMPONENTS)


# ---- Responses of the function ----


def form(content: bytes, field: str = "image", pieces: int = 1) -> dict[str, Any]:
    return raw(*multipart(*[(field, "lesion.jpg", content)] * pieces))


def raw(data: bytes, media_type: str = "image/jpeg", **options: Any) -> dict[str, Any]:
    return {"data": data, "content_type": media_type, **options}


def explained(value: str) -> dict[str, Any]:
    return raw(JPEG, query_string={"explain": value})


PAGE = {"Accept": "text/html"}
RAW, BASE64, BATCH_BASE64 = f"{CLASSIFY}/raw", f"{CLASSIFY}/base64", f"{BATCH}/base64"


def shown(path: str) -> dict[str, Any]:
    """The example of a JSON body."""
    content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return {"json": content["examples"]["gray"]["value"]}


RECORD = {"subject": "Patient/123", "identifier": "urn:x:y|4711", "body_site": "left arm"}
FHIR = {"Accept": "application/fhir+json"}
LINES = {"Accept": "application/jsonl"}

SLUG = "{slug}"


def open_path(client: Client, path: str, **request_of: Any) -> TestResponse:
    """Send a request to a path of the document, with its parameter filled in."""
    return client.open(path.replace(SLUG, "truncated-image"), **request_of)


ANSWERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "problem types": ("GET", "/problems", {}),
    "a problem type": ("GET", f"/problems/{SLUG}", {}),
    "health": ("GET", "/health", {}),
    "ready": ("GET", "/ready", {}),
    "labels": ("GET", "/v1/labels", {}),
    "model": ("GET", "/v1/model", {}),
    "device": ("GET", "/v1/device", {}),
    "this document": ("GET", "/openapi.json", {}),
    "raw": ("POST", RAW, raw(JPEG, "application/octet-stream")),
    "form": ("POST", CLASSIFY, form(JPEG)),
    "json": ("POST", BASE64, shown(BASE64)),
    "a record": ("POST", BASE64, {"json": {**shown(BASE64)["json"], **RECORD}}),
    "batch as json": ("POST", BATCH_BASE64, shown(BATCH_BASE64)),
    "batch in lines": ("POST", BATCH, {**form(JPEG, "images"), "headers": LINES}),
    "bundle": ("POST", BATCH, {**form(JPEG, "images"), "headers": FHIR}),
    "predicted class explained": ("POST", CLASSIFY, explained("true")),
    "any class explained": ("POST", CLASSIFY, explained(releases.CLASSES[-1])),
    "no class explained": ("POST", CLASSIFY, explained("false")),
    "several pictures": (
        "POST",
        CLASSIFY,
        raw(encoded(lesion(), "GIF", save_all=True, append_images=[lesion(99, 99)]), "image/gif"),
    ),
    "page": ("POST", CLASSIFY, raw(JPEG, headers=PAGE)),
    "batch": ("POST", BATCH, form(JPEG, "images", pieces=3)),
    "batch of a bad image": ("POST", BATCH, form(JPEG[:9000], "images")),
    "report": ("POST", CLASSIFY, raw(JPEG, headers=FHIR)),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_is_as_documented(shared_client: Client, name: str) -> None:
    method, path, request_of = ANSWERS[name]
    response = open_path(shared_client, path, method=method, **request_of)
    assert response.status_code == 200, response.text
    assert_documented(response, CLOSED["paths"][path][method.lower()]["responses"]["200"])


def test_every_operation_is_tried() -> None:
    tried = {(method, path) for method, path, _ in ANSWERS.values()}
    assert tried == {(method, path) for method, path, _ in operations()}


BOMB = encoded(Image.new("1", (30_000, 30_000)), "PNG")

# Keys are names of examples in the document.
PROBLEMS: dict[str, dict[str, Any]] = {
    "empty-image": raw(b""),
    "ended-early": raw(JPEG, environ_overrides={"CONTENT_LENGTH": str(2 * len(JPEG))}),
    "field-missing": form(JPEG, field="photo"),
    "field-is-text": raw(*multipart(("image", None, b"/9j/"))),
    "no-boundary": raw(multipart()[0], "multipart/form-data"),
    "other-boundary": raw(
        multipart(("image", "a", JPEG))[0], "multipart/form-data; boundary=other"
    ),
    "bad-reference": {"json": {"image": "/9j/", "subject": "Jane Doe"}},
    "content-encoding": raw(JPEG, headers={"Content-Encoding": "gzip"}),
    "two-images": form(JPEG, pieces=2),
    "not-json": raw(b"{", "application/json"),
    "json-without-image": {"json": {"picture": base64.b64encode(JPEG).decode()}},
    "not-base64": {"json": {"image": "@@@"}},
    "unknown-parameter": raw(JPEG, query_string="explian=true"),
    "unknown-value": explained("perhaps"),
    "method-not-allowed": {"method": "GET"},
    "not-found": {"method": "GET", "path": "/problems/nothing"},
    "not-acceptable": raw(JPEG, headers={"Accept": "image/png"}),
    "explained-report": raw(
        JPEG, query_string="explain=true", headers={"Accept": "application/fhir+json"}
    ),
    "body-too-large": raw(bytes(Settings.max_upload_bytes + 1)),
    "media-type": raw(b"hello", "text/plain"),
    "kind-of-file": raw(b"%PDF-1.7"),
    "undecodable-image": raw(b"\x01\x02" * 999),
    "truncated-image": raw(JPEG[:9000]),
    "image-too-small": raw(encoded(lesion(300, 20))),
    "too-many-pixels": raw(BOMB, "image/png"),
    "wrong-key": raw(JPEG, headers={"X-API-Key": "ll_wrong"}),
    "other-scheme": raw(JPEG, headers={"Authorization": "Basic dTpw"}),
    "two-keys": raw(JPEG, headers={"Authorization": "Bearer a", "X-API-Key": "b"}),
    "short-idempotency-key": raw(JPEG, headers={"Idempotency-Key": "1"}),
    "images-missing": {"path": BATCH, **form(JPEG)},
    "too-many-images": {"path": BATCH, **form(JPEG, "images", pieces=17)},
    "batch-media-type": {"path": BATCH, **raw(JPEG)},
}
# These need special settings or an earlier request; see below.
FAULTS = {
    *("internal-error", "model-unavailable", "overloaded", "other-request", "still-answering"),
    *("limit", "beyond-limit", "guessing", "batch-as-a-page", "too-slow", "too-costly-image"),
}


def problem_examples(response: dict[str, Any]) -> dict[str, Any]:
    content = response.get("content", {}).get("application/problem+json", {})
    given: dict[str, Any] = content.get("examples", {})
    return given


def documented_problem(name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Reference, response and value of the example with this name."""
    for key, response in CLOSED["components"]["responses"].items():
        given = problem_examples(response)
        if name in given:
            return f"#/components/responses/{key}", response, given[name]["value"]
    raise KeyError(name)


def assert_as_documented(response: TestResponse, name: str) -> None:
    _, described, example = documented_problem(name)
    assert_documented(response, described)
    found = json.loads(response.data)
    if response.mimetype == "application/fhir+json":
        assert found["issue"][0]["details"]["text"] == example["detail"]
        return
    assert seconds_left_out(found.pop("detail")) == seconds_left_out(example["detail"])
    identity = {"request_id": response.headers["X-Request-Id"], "detail": example["detail"]}
    assert {**found, "detail": example["detail"]} == {**example, **identity}
    assert response.status_code == example["status"]


def seconds_left_out(detail: str) -> str:
    return re.sub(r"in \d+ s", "in a while", detail)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_is_as_documented(shared_client: Client, name: str) -> None:
    request_of = {"path": CLASSIFY, "method": "POST", **PROBLEMS[name]}
    assert_as_documented(shared_client.open(**request_of), name)


def test_every_example_of_a_problem_is_tried() -> None:
    responses = CLOSED["components"]["responses"].values()
    shown = {name for response in responses for name in problem_examples(response)}
    assert shown == FAULTS | set(PROBLEMS)


@pytest.mark.parametrize("path", [CLASSIFY, RAW, BASE64, BATCH, BATCH_BASE64])
def test_a_classification_refers_to_its_problems(path: str) -> None:
    responses = CLOSED["paths"][path]["post"]["responses"]
    for name in FAULTS | PROBLEMS.keys() - {"method-not-allowed", "not-found"}:
        reference, _, example = documented_problem(name)
        assert responses[str(example["status"])] == {"$ref": reference}


def test_every_kind_of_problem_has_an_example() -> None:
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = {kind.slug for kind in classes if issubclass(kind, errors.Problem)}
    names = FAULTS | set(PROBLEMS)
    shown = {documented_problem(name)[2]["type"].removeprefix("/problems/") for name in names}
    assert kinds <= shown


def test_a_problem_as_an_outcome_is_as_documented(shared_client: Client) -> None:
    response = shared_client.post(CLASSIFY, **raw(b"hello", "text/plain", headers=FHIR))
    assert response.mimetype == "application/fhir+json"
    assert_documented(response, documented_problem("media-type")[1])


def test_a_problem_as_a_page_is_as_documented(shared_client: Client) -> None:
    response = shared_client.post(CLASSIFY, **raw(b"hello", "text/plain", headers=PAGE))
    assert response.mimetype == "text/html"
    assert_documented(response, documented_problem("media-type")[1])


def test_a_batch_as_a_page_is_refused_as_documented(shared_client: Client) -> None:
    response = shared_client.post(BATCH, **form(JPEG, "images"), headers=PAGE)
    _, described, example = documented_problem("batch-as-a-page")
    assert response.status_code == example["status"]
    # The problem has the requested format.
    assert response.mimetype == "text/html"
    assert_documented(response, described)
    assert example["detail"] in html.unescape(response.text)


def test_an_internal_error_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lesionlens.imaging.decoder_pool.DecoderPool.prepare", lambda *_: 1 / 0)
    assert_as_documented(create_client().post(CLASSIFY, **raw(JPEG)), "internal-error")


def test_an_idempotency_key_of_another_request_is_as_documented(shared_client: Client) -> None:
    key = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    assert shared_client.post(CLASSIFY, **raw(JPEG, headers=key)).status_code == 200
    replayed = shared_client.post(CLASSIFY, **raw(JPEG, headers=key))
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert_documented(replayed, CLOSED["paths"][CLASSIFY]["post"]["responses"]["200"])
    other = shared_client.post(CLASSIFY, **explained("true"), headers=key)
    assert_as_documented(other, "other-request")


def test_an_early_repetition_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    client = create_client()
    key = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    repeated = []
    real = DecoderPool.prepare

    def replaced(*arguments: Any) -> Any:
        # While the first request is being answered.
        repeated.append(client.post(CLASSIFY, **raw(JPEG, headers=key)))
        return real(*arguments)

    monkeypatch.setattr("lesionlens.imaging.decoder_pool.DecoderPool.prepare", replaced)
    assert client.post(CLASSIFY, **raw(JPEG, headers=key)).status_code == 200
    assert_as_documented(repeated[0], "still-answering")


def test_a_slow_upload_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a time limit that has already passed."""
    monkeypatch.setattr("lesionlens.api.deadlines.Deadlines.end", lambda *_: False)
    with socket.socket() as connection:
        served = raw(JPEG, environ_overrides={"gunicorn.socket": connection})
        assert_as_documented(create_client().post(CLASSIFY, **served), "too-slow")


def test_limits_are_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT", "2/day")
    client = create_client()
    beyond = create_client().post(BATCH, **form(JPEG, "images", pieces=3))
    assert_as_documented(beyond, "beyond-limit")
    answered = client.post(BATCH, **form(JPEG, "images", pieces=2))
    assert "RateLimit" in answered.headers
    assert_documented(answered, CLOSED["paths"][BATCH]["post"]["responses"]["200"])
    assert_as_documented(client.post(CLASSIFY, **raw(JPEG)), "limit")
    for _ in range(10):
        client.get("/v1/labels", headers={"X-API-Key": "ll_wrong"})
    refused = client.get("/v1/labels", headers={"X-API-Key": "ll_wrong"})
    assert_as_documented(refused, "guessing")


@pytest.mark.parametrize("path", ["/v1/labels", "/v1/model", "/openapi.json"])
def test_a_304_is_as_documented(shared_client: Client, path: str) -> None:
    tag = shared_client.get(path).headers["ETag"]
    again = shared_client.get(path, headers={"If-None-Match": tag})
    described = resolved(CLOSED["paths"][path]["get"]["responses"]["304"])
    assert again.status_code == 304
    assert described["headers"].keys() <= set(dict(again.headers))
    assert "content" not in described


def test_a_costly_image_is_as_documented(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if its decoder had reached its limits."""

    def exceed(*_: object) -> None:
        raise decoder_client.Exceeded

    monkeypatch.setattr("lesionlens.imaging.decoder_client.Decoder.prepare", exceed)
    assert_as_documented(shared_client.post(CLASSIFY, **raw(JPEG)), "too-costly-image")


def test_an_overload_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no slot and no queue for decoding."""
    monkeypatch.setattr(decoder_pool.shared, "_modest", Lane(places=0, waiting=0))
    assert_as_documented(create_client().post(CLASSIFY, **raw(JPEG)), "overloaded")


def test_a_missing_model_is_as_documented(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MODEL_URI", tmp_path.as_uri())
    client = create_client()
    reference, _, _ = documented_problem("model-unavailable")
    for method, path, operation in operations():
        response = open_path(client, path, method=method)
        if "503" in operation["responses"]:
            assert operation["responses"]["503"] == {"$ref": reference}
            assert_as_documented(response, "model-unavailable")
        else:
            assert response.status_code == 200
