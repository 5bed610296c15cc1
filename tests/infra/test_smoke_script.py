"""infra/smoke.sh against a stand-in server, without faults and with one fault at a time."""

import json
from pathlib import Path

import pytest

from tests import server
from tests.infra.recording import Scripts
from tests.infra.standin import StandIn

PROBLEM = "application/problem+json"
PARTS = ["health", "model loads", "classification", "CORS preflight", "an error", "page"]


def test_smoke_passes_a_sound_service(scripts: Scripts, stand_in: StandIn) -> None:
    done = scripts.run("smoke.sh", stand_in.address)

    assert done.status == 0, done.output
    assert [line[:2] for line in done.output.splitlines()[1:]] == ["ok"] * len(PARTS)
    for part in PARTS:
        assert part in done.output
    assert "version v1" in done.output


def result(**changes: object) -> bytes:
    with StandIn() as server:
        return json.dumps(server.result() | changes).encode()


FAULTS = [
    ("GET /health", (500, "application/json", b"{}", {}), "health", "status 500"),
    ("GET /ready", (503, PROBLEM, b'{"detail": "no"}', {}), "model loads", "status 503"),
    (
        "POST /v1/classify",
        (200, "application/json", b"not JSON", {}),
        "classification",
        "JSONDecodeError",
    ),
    (
        "POST /v1/classify",
        (200, "text/html", b"<p>", {}),
        "classification",
        "content type 'text/html'",
    ),
    (
        "POST /v1/classify",
        (200, "application/json", result(probabilities=[]), {}),
        "classification",
        "0 probabilities",
    ),
    (
        "POST /v1/classify",
        (200, "application/json", result(notice=""), {}),
        "classification",
        "the notice is missing",
    ),
    (
        "OPTIONS /v1/classify",
        (200, "text/plain", b"", {"Access-Control-Allow-Origin": "*"}),
        "CORS preflight",
        "an origin that is not allowed is let in",
    ),
    ("OPTIONS /v1/classify", (405, PROBLEM, b"{}", {}), "CORS preflight", "status 405"),
    (
        "POST /v1/classify",
        (415, PROBLEM, b'{"detail": "Traceback"}', {}),
        "an error",
        "lacks request_id",
    ),
    ("POST /v1/classify", (500, "text/html", b"", {}), "an error", "status 500, expected 415"),
    ("GET /", (404, "text/html", b"", {}), "page", "status 404"),
    ("GET /", (200, "text/html", b"<form>", {}), "page", "Content-Security-Policy is missing"),
    (
        "GET /",
        (200, "text/html", b"<p>", {"Content-Security-Policy": "x"}),
        "page",
        "there is no form",
    ),
]


@pytest.mark.parametrize(("request_line", "answer", "part", "message"), FAULTS)
def test_smoke_finds_what_is_wrong(
    request_line: str,
    answer: tuple[int, str, bytes, dict[str, str]],
    part: str,
    message: str,
    scripts: Scripts,
    stand_in: StandIn,
) -> None:
    stand_in.faults[request_line] = answer

    done = scripts.run("smoke.sh", stand_in.address)

    line = next(line for line in done.output.splitlines() if f"  {part} " in f"{line} ")
    assert line.startswith("FAIL")
    assert message in line
    assert done.status == done.output.count("FAIL")


def test_smoke_counts_what_failed_when_nobody_answers(scripts: Scripts) -> None:
    done = scripts.run("smoke.sh", "http://127.0.0.1:1")

    assert done.status == len(PARTS)
    assert done.output.count("no answer: curl:") >= 1


def test_smoke_can_demand_a_version(scripts: Scripts, stand_in: StandIn) -> None:
    done = scripts.run("smoke.sh", stand_in.address, "--model-version", "v2")

    assert done.status == 1
    assert "version v1 answers, not v2" in done.output


def test_smoke_can_demand_an_origin(scripts: Scripts, stand_in: StandIn) -> None:
    stand_in.allowed_origin = "https://partner.example.org"

    good = scripts.run("smoke.sh", stand_in.address, "--origin", "https://partner.example.org")
    bad = scripts.run("smoke.sh", stand_in.address, "--origin", "https://other.example.org")

    assert good.status == 0, good.output
    assert bad.status == 1
    assert "is not let in" in bad.output


def test_smoke_sends_a_key(scripts: Scripts, stand_in: StandIn) -> None:
    # pragma: allowlist nextline secret
    scripts.run("smoke.sh", stand_in.address, LESIONLENS_API_KEY="secret")

    assert all(headers["Authorization"] == "Bearer secret" for headers in stand_in.headers)


def test_smoke_waits_for_a_new_address(scripts: Scripts) -> None:
    done = scripts.run("smoke.sh", "http://127.0.0.1:1", "--wait", "3")

    assert done.status == len(PARTS)
    assert done.errors == ""


@pytest.mark.parametrize(
    "arguments", [[], ["ftp://x"], ["http://a", "http://b"], ["http://a", "--origin", "x"]]
)
def test_smoke_refuses_wrong_arguments(arguments: list[str], scripts: Scripts) -> None:
    assert scripts.run("smoke.sh", *arguments).status == 2


def test_smoke_passes_the_real_function(scripts: Scripts, repository: Path, tmp_path: Path) -> None:
    with server.running(tmp_path / "log", WEB_DIR=str(repository / "web")) as serving:
        done = scripts.run("smoke.sh", serving.url)

    assert done.status == 0, done.output
