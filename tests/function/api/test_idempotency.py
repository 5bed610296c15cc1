"""Idempotency-Key: the same response, counted once, and nothing of the image kept."""

import io
from typing import Any

import pytest
from werkzeug.test import Client

from lesionlens.api import answer_store, idempotency
from lesionlens.api.answer_store import Memory
from lesionlens.api.idempotency import Answers, Owner, Replay
from lesionlens.errors import OtherRequest, StillAnswering
from tests.conftest import create_client
from tests.pictures import JPEG, encoded, lesion

UUID = "0c6bb1f0-6f0e-4c50-8a53-2f6b0a1d9e11"
CALLER = Owner("public:a", partner=False)
OTHER = encoded(lesion(90, 80))


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("RATE_LIMIT", "2/hour")
    return create_client()


def post(client: Client, data: bytes = JPEG, key: str = UUID, **options: Any) -> Any:
    form = {"image": (io.BytesIO(data), "lesion.jpg")}
    headers = {"Idempotency-Key": key, **options.pop("headers", {})}
    return client.post("/v1/classify", data=form, headers=headers, **options)


def test_a_repetition_gets_the_same_answer_and_costs_nothing(limited: Client) -> None:
    # Each with another multipart boundary, as in repetitions by real clients.
    first, *repeated = [post(limited) for _ in range(4)]
    assert first.status_code == 200
    assert "Idempotent-Replayed" not in first.headers
    for answer in repeated:
        assert answer.data == first.data
        assert answer.headers["Idempotent-Replayed"] == "true"
        assert answer.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert "r=1;" in first.headers["RateLimit"]
    assert "r=1;" in repeated[-1].headers["RateLimit"]


def test_a_repetition_is_answered_after_the_limit_is_used_up(limited: Client) -> None:
    post(limited)
    post(limited, key="another-key-of-the-client")
    assert post(limited).status_code == 200
    # Decided before the body is read; a new key does not circumvent it.
    refused = post(limited, b"", key="yet-another-of-the-client")
    assert refused.status_code == 429


def test_temporary_errors_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    client = create_client()
    with monkeypatch.context() as patch:
        patch.setattr("lesionlens.imaging.decoder_pool.DecoderPool.prepare", lambda *_: 1 / 0)
        assert post(client).status_code == 500
    assert post(client).status_code == 200


def test_a_batch_with_a_fault_of_ours_in_it_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    client = create_client()

    def batch() -> Any:
        form = {"images": (io.BytesIO(JPEG), "lesion.jpg")}
        answer = client.post("/v1/batch", data=form, headers={"Idempotency-Key": UUID})
        return answer.json["results"][0]

    with monkeypatch.context() as patch:
        patch.setattr("lesionlens.imaging.decoder_pool.DecoderPool.prepare", lambda *_: 1 / 0)
        assert batch()["problem"]["status"] == 500
    assert "result" in batch()


def test_a_problem_of_the_image_is_kept(limited: Client) -> None:
    first, second = post(limited, JPEG[:9000]), post(limited, JPEG[:9000])
    assert first.status_code == second.status_code == 422
    assert first.data == second.data
    assert second.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "changed",
    [{"data": OTHER}, {"query_string": "explain=true"}, {"headers": {"Accept": "text/html"}}],
    ids=["image", "query", "form of the answer"],
)
def test_a_key_of_another_request_is_422(limited: Client, changed: dict[str, Any]) -> None:
    post(limited)
    refused = post(limited, **changed)
    assert refused.status_code == 422
    assert post(limited).status_code == 200


def test_a_key_is_that_of_its_caller_only(limited: Client) -> None:
    first = post(limited)
    second = post(limited, environ_overrides={"REMOTE_ADDR": "192.0.2.9"})
    assert "Idempotent-Replayed" not in second.headers
    assert second.json["request_id"] != first.json["request_id"]


@pytest.mark.parametrize("key", ["", "short", "x" * 129, "with a space in the middle", '"' + UUID])
def test_a_malformed_key_is_400(shared_client: Client, key: str) -> None:
    response = post(shared_client, key=key)
    assert response.status_code == 400
    assert "accepted are 16 to 128" in response.json["detail"]


def test_a_key_in_quotes_is_the_key_without_them() -> None:
    assert idempotency.key_of(f'"{UUID}"') == idempotency.key_of(UUID) == UUID


def test_a_request_that_is_being_answered_is_409() -> None:
    answers = Answers("memory://")
    claim = answers.claim(CALLER, UUID, [JPEG])
    with pytest.raises(StillAnswering) as refused:
        answers.claim(CALLER, UUID, [JPEG])
    assert refused.value.headers["Retry-After"] == "1"
    answers.keep(claim, 200, "application/json", "{}")
    with pytest.raises(Replay) as replayed:
        answers.claim(CALLER, UUID, [JPEG])
    assert replayed.value.answer.body == "{}"


def test_parts_cannot_be_moved_between_images() -> None:
    answers = Answers("memory://")
    answers.claim(CALLER, UUID, [b"ab", b"c"])
    with pytest.raises(OtherRequest):
        answers.claim(CALLER, UUID, [b"a", b"bc"])


def test_nothing_that_is_kept_tells_the_image_or_the_key() -> None:
    store = Memory()
    answers = Answers("memory://")
    answers._store = store
    answers.claim(CALLER, UUID, [JPEG])
    ((name, kept),) = store._tiers["p"].items()
    assert UUID not in f"{name} {kept}"
    # With another key the same image has another hash.
    answers.claim(CALLER, UUID.upper(), [JPEG])
    assert len({kept.request for kept in store._tiers["p"].values()}) == 2


def test_a_crowd_of_anonymous_keys_evicts_no_partners_answer() -> None:
    answers = Answers("memory://")
    claim = answers.claim(Owner("key:1", partner=True), UUID, [JPEG])
    answers.keep(claim, 200, "application/json", "{}")
    for number in range(2 * answer_store.PUBLIC_BYTES // answer_store.ENTRY_BYTES):
        answers.claim(Owner(f"public:{number}", partner=False), UUID, [JPEG])
    assert answers.has(Owner("key:1", partner=True), UUID)
