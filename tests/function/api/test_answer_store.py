"""The stores of answers: bounded in bytes for each tier, and forgetful."""

import time
from pathlib import Path

import pytest

from lesionlens.api import answer_store
from lesionlens.api.answer_store import Answer, Memory
from tests import redis_server


def kept(body: str) -> Answer:
    return Answer("r", 200, "application/json", body)


def test_memory_is_bounded_in_bytes_and_the_oldest_goes_first() -> None:
    store = Memory(public=100_000)
    for number in range(50):
        store.claim(f"p{number}", Answer("r"))
        store.keep(f"p{number}", kept("é" * 10_000))
    assert store._tiers["p"].currsize <= 100_000
    assert store.has("p49")
    assert not store.has("p0")
    # A response larger than the store is not kept, and its claim is removed.
    store.claim("p50", Answer("r"))
    store.keep("p50", kept("x" * 200_000))
    assert not store.has("p50")
    for name in list(store._tiers["p"]):
        store.drop(name)
    assert store._tiers["p"].currsize == 0


def test_a_redis_is_bounded_in_bytes_for_each_tier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many anonymous keys fill their own part of the store; partners' responses are still found."""
    monkeypatch.setattr(answer_store, "KEPT_S", 10**9)  # a single period
    answer = Answer("of a request", 200, "application/json", "x" * 10_000)
    with redis_server.running(tmp_path) as address:
        store = answer_store.Redis(address, partners=50_000, public=50_000)
        crowd = [f"p{number}" for number in range(20)]
        for name in crowd:
            assert store.claim(name, Answer("of a request")) is None
            store.keep(name, answer)
        kept = [name for name in crowd if store.has(name)]
        assert kept == crowd[: len(kept)]
        assert 2 <= len(kept) <= 4
        # Claims without a response are removed.
        assert store.claim(crowd[-1], Answer("of a request")) is None
        assert store.claim(crowd[0], Answer("of a request")) == answer
        assert store.claim("k1", Answer("of a request")) is None
        store.keep("k1", answer)
        assert store.claim("k1", Answer("of a request")) == answer


def test_an_answer_is_forgotten_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    store = Memory()
    store.keep("ka", kept("{}"))
    store.claim("kb", Answer("r"))
    now[0] = answer_store.CLAIMED_S + 1.0
    assert (store.has("ka"), store.has("kb")) == (True, False)
    now[0] = answer_store.KEPT_S - 1.0
    assert store.claim("ka", Answer("r")) is not None
    now[0] = answer_store.KEPT_S + 1.0
    assert store.claim("ka", Answer("r")) is None
