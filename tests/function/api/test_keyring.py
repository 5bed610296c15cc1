"""Partners' keys: how they are configured and compared, and what a request with one gets."""

import hmac
import json
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import Client

from lesionlens.api.keyring import PREFIX, Keyring, KeysError, create, document, read
from lesionlens.api.rate import Rate
from tests.conftest import create_client
from tests.multipart_forms import multipart
from tests.pictures import JPEG

TODAY = datetime.now(UTC).date()
RATE = Rate(600, "minute")


def test_a_key_has_256_random_bits() -> None:
    text, _ = create("a", RATE, 16, TODAY)
    assert len(text) == len(PREFIX) + 43  # base64 of 32 bytes
    assert text != create("a", RATE, 16, TODAY)[0]


def test_a_key_opens_until_the_day_it_expires() -> None:
    for days, opens in ((1, True), (0, False), (-1, False)):
        text, key = create("a", RATE, 16, TODAY + timedelta(days=days))
        assert (Keyring((key,)).find(text) is not None) is opens


def test_every_key_is_compared_whichever_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [create(str(n), RATE, 16, date.max) for n in range(3)]
    ring = Keyring(tuple(key for _, key in made))
    compared = []
    real = hmac.compare_digest

    def comparing(one: str, other: str) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", comparing)
    for text in (made[0][0], made[2][0], "ll_wrong", ""):
        compared.clear()
        ring.find(text)
        assert len(compared) == 3


ENTRY = json.loads(document([create("Example Clinic", RATE, 16, date(2030, 1, 1))[1]]))["keys"][0]


@pytest.mark.parametrize(
    ("configured", "message"),
    [
        ("{", "neither a JSON object nor the path"),
        ("/nowhere/keys.json", "neither a JSON object nor the path"),
        ('{"keys": ' + "[" * 100_000, "neither a JSON object nor the path"),
        ({"key": []}, 'no object {"keys"'),
        ({"keys": [{**ENTRY, "hash": ""}]}, "key 0 has not exactly the fields"),
        ({"keys": [ENTRY, ENTRY]}, "two keys have the same id"),
        ({"keys": [{**ENTRY, "salt": "00"}]}, "too short"),
        ({"keys": [{**ENTRY, "sha256": "xyz"}]}, "key 0 is wrong"),
        ({"keys": [{**ENTRY, "rate": "many"}]}, "accepted is a number of images"),
        ({"keys": [{**ENTRY, "rate": 5}]}, "key 0 is wrong: rate is not a string"),
        ({"keys": [{**ENTRY, "partner": None}]}, "key 0 is wrong: partner is not a string"),
        ({"keys": [{**ENTRY, "partner": "\ud800"}]}, "unprintable"),
        ({"keys": [{**ENTRY, "id": 7}]}, "key 0 is wrong: id is not a string"),
        ({"keys": [{**ENTRY, "batch": 1.5}]}, "key 0 is wrong: batch is not a whole number"),
        ({"keys": [{**ENTRY, "batch": True}]}, "key 0 is wrong: batch is not a whole number"),
        ({"keys": [{**ENTRY, "batch": math.inf}]}, "key 0 is wrong: batch is not a whole number"),
        ({"keys": [{**ENTRY, "batch": 101}]}, "a batch of 1 to 100"),
        ({"keys": [{**ENTRY, "test": "yes"}]}, "key 0 has a test that is not true or false"),
        ({"keys": [{**ENTRY, "partner": ""}]}, "needs an id, a partner"),
        ({"keys": [{**ENTRY, "expires": "soon"}]}, "key 0 is wrong"),
    ],
)
def test_a_wrong_document_is_refused(configured: object, message: str) -> None:
    text = configured if isinstance(configured, str) else json.dumps(configured)
    with pytest.raises(KeysError) as refused:
        read(text)
    assert message in str(refused.value)


# ---- In requests ----


@pytest.fixture(scope="module")
def keyring() -> tuple[str, str, str]:
    """A valid key, an expired key, and the document with both."""
    good, one = create("Example Clinic", RATE, 2, date(2999, 1, 1))
    old, other = create("Former Clinic", RATE, 2, date(2020, 1, 1))
    return good, old, document([one, other])


def client_with(monkeypatch: pytest.MonkeyPatch, configured: str) -> Client:
    """The function with the keys of the document ``configured``."""
    monkeypatch.setenv("API_KEYS", configured)
    return create_client()


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch, keyring: tuple[str, str, str]) -> Client:
    return client_with(monkeypatch, keyring[2])


def test_both_headers_carry_a_key(
    monkeypatch: pytest.MonkeyPatch,
    keyring: tuple[str, str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, _, configured = keyring
    guarded = client_with(monkeypatch, configured)
    for headers in (
        {"Authorization": f"Bearer {good}"},
        {"Authorization": f"bearer {good}"},
        {"X-API-Key": good},
        {"X-API-Key": good, "Authorization": f"Bearer {good}"},
    ):
        assert guarded.get("/v1/labels", headers=headers).status_code == 200
    written = capsys.readouterr().out
    assert '"partner": "Example Clinic"' in written
    assert good not in written


@pytest.mark.parametrize("any_configured", [True, False])
def test_an_invalid_key_does_not_count_as_no_key(
    monkeypatch: pytest.MonkeyPatch, keyring: tuple[str, str, str], any_configured: bool
) -> None:
    good, old, configured = keyring
    client = client_with(monkeypatch, configured) if any_configured else create_client()
    for headers in (
        {"X-API-Key": "ll_wrong"},
        {"X-API-Key": ""},
        {"X-API-Key": old},
        {"X-API-Key": good[:-1]},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": f"Bearer {good}, Bearer {good}"},
        {"X-API-Key": "\xff\u20ac".encode().decode("latin-1")},
    ):
        response = client.get("/v1/labels", headers=headers)
        assert response.status_code == 401, headers
        assert response.content_type == "application/problem+json"
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.fixture(scope="module")
def pair() -> tuple[str, str, str]:
    """A partner's key and test key, each for one image a day, and the document with both."""
    real, one = create("Example Clinic", Rate(1, "day"), 2, date(2999, 1, 1))
    trial, other = create("Example Clinic", Rate(1, "day"), 2, date(2999, 1, 1), test=True)
    return real, trial, document([one, other])


def test_a_test_key_gets_real_answers_that_are_marked_and_leaves_the_other_limit_alone(
    monkeypatch: pytest.MonkeyPatch,
    pair: tuple[str, str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    real, trial, configured = pair
    client = client_with(monkeypatch, configured)

    def classify(key: str) -> tuple[int, dict[str, Any]]:
        answer = client.post(
            "/v1/classify", data=JPEG, content_type="image/jpeg", headers={"X-API-Key": key}
        )
        return answer.status_code, answer.json

    status, marked = classify(trial)
    assert (status, marked.pop("test")) == (200, True)
    assert '"test": true' in capsys.readouterr().out
    assert classify(trial)[0] == 429
    status, plain = classify(real)
    assert status == 200
    for name in ("probabilities", "malignancy", "input"):
        assert marked[name] == plain[name]
    assert "test" not in plain


@pytest.mark.parametrize(
    ("path", "field", "accept", "mark"),
    [
        ("/v1/batch", "images", "application/json", '"test":true'),
        ("/v1/batch", "images", "application/jsonl", '"test":true'),
        ("/v1/batch", "images", "application/fhir+json", '"code":"HTEST"'),
        ("/v1/classify", "image", "application/fhir+json", '"code":"HTEST"'),
        ("/v1/classify", "image", "text/html", "Test data:"),
    ],
)
def test_every_form_of_an_answer_is_marked(
    monkeypatch: pytest.MonkeyPatch,
    pair: tuple[str, str, str],
    path: str,
    field: str,
    accept: str,
    mark: str,
) -> None:
    real, trial, configured = pair
    client = client_with(monkeypatch, configured)
    body, media_type = multipart((field, "lesion.jpg", JPEG))
    for key, marked in ((trial, True), (real, False)):
        headers = {"Accept": accept, "X-API-Key": key}
        answer = client.post(path, data=body, content_type=media_type, headers=headers)
        assert answer.status_code == 200
        assert (mark in answer.text) is marked


def test_two_different_keys_are_400(guarded: Client, keyring: tuple[str, str, str]) -> None:
    headers = {"Authorization": f"Bearer {keyring[0]}", "X-API-Key": "other"}
    response = guarded.get("/v1/labels", headers=headers)
    assert response.status_code == 400
    assert "hold different keys" in response.json["detail"]


def test_without_a_key_the_public_tier_answers(guarded: Client) -> None:
    assert guarded.post("/v1/classify", data=JPEG, content_type="image/jpeg").status_code == 200


def test_a_wrong_key_does_not_stop_a_probe(guarded: Client) -> None:
    assert guarded.get("/health", headers={"X-API-Key": "wrong"}).status_code == 200


def test_clients_that_guess_keys_are_blocked(
    guarded: Client, keyring: tuple[str, str, str]
) -> None:
    def ask(key: str, address: str = "192.0.2.1") -> int:
        of = {"REMOTE_ADDR": address}
        response = guarded.get("/v1/labels", headers={"X-API-Key": key}, environ_overrides=of)
        return response.status_code

    assert [ask(f"ll_{n}") for n in range(12)] == [401] * 10 + [429] * 2
    # Not even the right key is accepted: that would confirm a guess.
    assert ask(keyring[0]) == 429
    assert ask(keyring[0], "192.0.2.2") == 200


def test_no_key_is_shown_where_the_document_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", '{"keys": ["secret-of-somebody"]}')
    with pytest.raises(Exception, match="API_KEYS cannot be used: key 0") as refused:
        create_client()
    assert "secret-of-somebody" not in str(refused.value)
