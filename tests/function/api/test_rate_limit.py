"""Rate limits: counting, clients, and response headers; in memory and in a real Redis."""

import io
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from lesionlens.api import keyring
from lesionlens.api.authentication import Caller
from lesionlens.api.rate import Rate
from lesionlens.api.rate_limit import Quota
from lesionlens.errors import TooManyRequests
from tests import redis_server
from tests.conftest import create_client
from tests.pictures import JPEG


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server.running(tmp_path_factory.mktemp("redis")) as address:
        yield address


def post(client: Client, path: str = "/v1/classify", images: int = 1, **options: Any) -> Any:
    field = "image" if path == "/v1/classify" else "images"
    data = {field: [(io.BytesIO(JPEG), "lesion.jpg") for _ in range(images)]}
    return client.post(path, data=data, **options)


def left(response: TestResponse) -> int:
    (remaining,) = re.fullmatch(r'"images";r=(\d+);t=\d+', response.headers["RateLimit"]).groups()
    return int(remaining)


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("RATE_LIMIT", "3/hour")
    return create_client()


def test_images_are_counted_and_the_client_is_told(limited: Client) -> None:
    answers = [post(limited) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [left(answer) for answer in answers] == [2, 1, 0, 0]
    assert answers[0].headers["RateLimit-Policy"] == '"images";q=3;w=3600'
    assert answers[3].content_type == "application/problem+json"
    assert answers[3].json["detail"].startswith("The limit is 3/hour images; 0 are left")
    assert 0 < int(answers[3].headers["Retry-After"]) <= 3600


def test_a_batch_costs_as_many_as_its_images(limited: Client) -> None:
    assert left(post(limited, "/v1/batch", images=2)) == 1
    refused = post(limited, "/v1/batch", images=2)
    assert refused.status_code == 429
    # The refused request was not counted.
    assert left(refused) == 1
    assert post(limited).status_code == 200


def test_each_view_costs_as_an_image_does(limited: Client) -> None:
    def asked() -> TestResponse:
        return limited.post("/v1/classify?views=2", data=JPEG, content_type="image/jpeg")

    assert left(asked()) == 1
    assert asked().status_code == 429


@pytest.mark.parametrize(
    ("images", "views", "accepted"),
    [
        (4, 1, "4 images with views=1 count as 4, above the limit of 3/hour, so that waiting does "
               "not help; accepted are up to 3 images with views=1."),
        (2, 2, "accepted are up to 1 images with views=2 or views=1 or fewer."),
        (1, 8, "1 image with views=8 count as 8, above the limit of 3/hour, so that waiting does "
               "not help; accepted are views=3 or fewer."),
    ],
)  # fmt: skip
def test_more_than_a_limit_ever_permits_is_422(
    limited: Client, images: int, views: int, accepted: str
) -> None:
    refused = post(limited, f"/v1/batch?views={views}", images=images)
    assert refused.status_code == 422
    assert "Retry-After" not in refused.headers
    assert refused.json["type"] == "/problems/beyond-limit"
    assert accepted in refused.json["detail"]


@pytest.mark.parametrize(
    ("options", "status", "cost"),
    [
        ({"data": b"", "content_type": "image/jpeg"}, 400, 1),
        ({"data": b"--b\r\n", "content_type": "multipart/form-data; boundary=b"}, 400, 1),
        ({"data": b"x", "content_type": "text/plain"}, 415, 1),
        ({"data": b"x" * 30, "content_type": "image/jpeg"}, 413, 1),
        ({"data": b"no image", "content_type": "image/jpeg"}, 422, 1),
        ({"headers": {"Accept": "image/png"}}, 406, 0),
        ({"headers": {"X-API-Key": "ll_wrong"}}, 401, 0),
    ],
)
def test_a_refusal_costs_an_image_where_a_body_was_sent(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], status: int, cost: int
) -> None:
    monkeypatch.setenv("MAX_UPLOAD_BYTES", "20")
    monkeypatch.setenv("RATE_LIMIT", "3/hour")
    client = create_client()
    assert client.post("/v1/classify", **options).status_code == status
    after = client.post("/v1/classify", headers={"Accept": "image/png"})
    assert left(after) == 3 - cost


def test_labels_and_model_are_not_counted(limited: Client) -> None:
    for path in ("/v1/labels", "/v1/model", "/health"):
        assert "RateLimit" not in limited.get(path).headers
    assert left(post(limited)) == 2


def test_without_a_limit_there_is_none(shared_client: Client) -> None:
    assert "RateLimit" not in post(shared_client).headers


def test_a_key_has_limits_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    text, key = keyring.create("Example Clinic", Rate(5, "day"), 2, date(2999, 1, 1))
    monkeypatch.setenv("API_KEYS", keyring.document([key]))
    monkeypatch.setenv("RATE_LIMIT", "1/hour")
    client = create_client()
    known = {"X-API-Key": text}
    assert left(post(client)) == 0
    assert left(post(client, headers=known)) == 4
    assert left(post(client, "/v1/batch", images=2, headers=known)) == 2
    refused = post(client, "/v1/batch", images=3, headers=known)
    assert refused.status_code == 400
    assert refused.json["detail"] == "3 images were sent; at most 2 are accepted."
    assert post(client).status_code == 429


@pytest.mark.parametrize(
    ("hops", "forwarded", "one_client"),
    [
        # No trusted proxies: the header is ignored, as the client can write anything.
        ("0", ("198.51.100.1", "198.51.100.2"), True),
        # The load balancer wrote the last entry; spoofed ones before it are ignored.
        ("1", ("10.0.0.1, 198.51.100.1", "10.0.0.2, 198.51.100.1"), True),
        ("1", ("10.0.0.1, 198.51.100.1", "10.0.0.1, 198.51.100.2"), False),
        ("2", ("1.1.1.1, 198.51.100.1, 10.9.9.9", "2.2.2.2, 198.51.100.1, 10.9.9.9"), True),
        # With fewer entries than proxies, the request bypassed a proxy.
        ("2", ("198.51.100.1", "198.51.100.2"), True),
        ("1", ("not an address", "neither is this"), True),
        # An IPv6 client has a /64 network.
        ("1", ("2001:db8::1", "2001:db8::ffff:1"), True),
        ("1", ("2001:db8::1", "2001:db8:0:1::1"), False),
        ("1", ("::ffff:198.51.100.1", "198.51.100.1"), True),
        # A proxy may add the client's port, which differs between connections.
        ("1", ("198.51.100.1:1234", "198.51.100.1:5678"), True),
        ("1", ("198.51.100.1:1234", "198.51.100.1"), True),
        ("1", ("198.51.100.1:1234", "198.51.100.2:1234"), False),
        ("1", ("[2001:db8::1]:443", "2001:db8::2"), True),
        ("1", ("[2001:db8::1]", "[2001:db8::1]:443"), True),
        ("1", ("[2001:db8::1]:443", "[2001:db8:0:1::1]:443"), False),
    ],
)
def test_the_public_is_counted_by_address(
    monkeypatch: pytest.MonkeyPatch, hops: str, forwarded: tuple[str, str], one_client: bool
) -> None:
    monkeypatch.setenv("RATE_LIMIT", "9/hour")
    monkeypatch.setenv("TRUSTED_HOPS", hops)
    client = create_client()
    counts = [left(post(client, headers={"X-Forwarded-For": header})) for header in forwarded]
    assert counts == ([8, 7] if one_client else [8, 8])


def test_all_instances_share_a_redis(monkeypatch: pytest.MonkeyPatch, redis: str) -> None:
    monkeypatch.setenv("RATE_LIMIT", "3/hour")
    monkeypatch.setenv("LIMIT_STORE", redis)
    instances = [create_client(), create_client()]
    counts = [left(post(instance)) for instance in (*instances, instances[0])]
    assert counts == [2, 1, 0]
    assert post(instances[1]).status_code == 429


def test_a_kept_answer_is_shared_too(monkeypatch: pytest.MonkeyPatch, redis: str) -> None:
    monkeypatch.setenv("LIMIT_STORE", redis)
    key = {"Idempotency-Key": "0c6bb1f0-6f0e-4c50-8a53-2f6b0a1d9e11"}
    first, second = (post(create_client(), headers=key) for _ in range(2))
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.json == second.json
    other = {"Idempotency-Key": "7d2f1c36-9a41-4a0b-9f77-5a4f1f3c0b22"}
    assert post(create_client(), headers=other).json["request_id"] != first.json["request_id"]


def test_where_redis_fails_each_instance_counts_for_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_LIMIT", "1/hour")
    with redis_server.running(tmp_path) as address:
        monkeypatch.setenv("LIMIT_STORE", address)
        client = create_client()
    key = {"Idempotency-Key": "0c6bb1f0-6f0e-4c50-8a53-2f6b0a1d9e11"}
    assert post(client, headers=key).status_code == 200
    assert post(client).status_code == 429
    assert "the store of the limits does not answer" in capsys.readouterr().out


def test_many_threads_get_no_more_than_the_limit() -> None:
    from concurrent.futures import ThreadPoolExecutor

    quota = Quota("memory://")
    caller = Caller("public:a", None, Rate(20, "hour"), 16)

    def ask(_: int) -> bool:
        try:
            quota.charge(caller, 1, 1)
        except TooManyRequests:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(100))) == 20
