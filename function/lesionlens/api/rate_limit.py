"""Rate limits: images per caller, in fixed windows that start with the caller's first image.

Unlike a sliding window, a fixed one needs one number per caller, and after its Retry-After a batch
of any size fits. The drawback: a caller can send twice its limit around the end of a window.

In memory, each instance counts for itself; in Redis, all instances count together. While Redis
fails, each instance counts for itself again, so that the service continues with limits in place.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ..errors import BeyondLimit, TooManyRequests
from . import structured_log
from .authentication import Caller
from .rate import Rate
from .stores import MEMORY, REDIS_TIMEOUT_S

if TYPE_CHECKING:
    from limits import RateLimitItemPerSecond
    from limits.strategies import FixedWindowRateLimiter

T = TypeVar("T")

# Wrong API keys from one address, after which keys from it are refused for the rest of the window.
GUESSES = Rate(10, "minute")
POLICY = "images"  # the name of the limit in the RateLimit fields


@dataclass(frozen=True)
class Standing:
    """What is left of a window: images, and seconds until it ends (at least 1)."""

    left: int
    reset_s: int


class Quota:
    """Counts images and wrong keys. Thread-safe."""

    def __init__(self, store: str) -> None:
        """``store``: LIMIT_STORE, ``memory://`` or the address of a Redis."""
        # Imported on demand: the import is slow, and a service without limits does not need it.
        from limits.storage import MemoryStorage, storage_from_string
        from limits.strategies import FixedWindowRateLimiter

        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._shared = self._own
        if store != MEMORY:
            patience = {
                "socket_timeout": REDIS_TIMEOUT_S,
                "socket_connect_timeout": REDIS_TIMEOUT_S,
            }
            self._shared = FixedWindowRateLimiter(
                storage_from_string(store, wrap_exceptions=True, **patience)
            )

    def check(self, caller: Caller) -> None:
        """Raise TooManyRequests if the caller has no image left."""
        if caller.rate is not None and not self._test(caller.rate, caller.name, 1):
            self._refuse(caller)

    def charge(self, caller: Caller, images: int, views: int) -> None:
        """Count ``images`` × ``views`` images.

        Raises TooManyRequests if fewer are left, and counts none of them; BeyondLimit for more than
        a whole window allows.
        """
        if caller.rate is None:
            return
        cost = images * views
        if cost > caller.rate.images:
            raise BeyondLimit.of(images, views, caller.rate.images, str(caller.rate))
        # Tested first, because `hit` also counts what it refuses. Another request may have been
        # counted since the test; then `hit` refuses, after it has counted the images.
        if not self._test(caller.rate, caller.name, cost) or not self._hit(
            caller.rate, caller.name, cost
        ):
            self._refuse(caller)

    def count(self, caller: Caller) -> None:
        """Count one image for a refused request, even if none is left."""
        if caller.rate is not None:
            self._hit(caller.rate, caller.name, 1)

    def standing(self, caller: Caller) -> Standing | None:
        """Return what the caller has left; None without a limit."""
        return self._standing(caller.rate, caller.name) if caller.rate else None

    def check_guesses(self, address: str) -> None:
        """Raise TooManyRequests for an address that sent too many wrong keys."""
        if not self._test(GUESSES, _guesses(address), 1):
            wait = self._standing(GUESSES, _guesses(address)).reset_s
            raise TooManyRequests(
                f"Too many wrong keys came from this address; keys are looked at in {wait} s.", wait
            )

    def count_guess(self, address: str) -> None:
        """Count a wrong key from an address."""
        self._hit(GUESSES, _guesses(address), 1)

    def _refuse(self, caller: Caller) -> None:
        standing = self.standing(caller)
        assert standing is not None
        raise TooManyRequests(
            f"The limit is {caller.rate} images; {standing.left} are left, "
            f"and all again in {standing.reset_s} s.",
            standing.reset_s,
        )

    def _test(self, rate: Rate, name: str, cost: int) -> bool:
        return self._either(lambda limiter: limiter.test(_item(rate), name, cost=cost))

    def _hit(self, rate: Rate, name: str, cost: int) -> bool:
        return self._either(lambda limiter: limiter.hit(_item(rate), name, cost=cost))

    def _standing(self, rate: Rate, name: str) -> Standing:
        stats = self._either(lambda limiter: limiter.get_window_stats(_item(rate), name))
        # At least 1, also for a window that has just ended or not started.
        return Standing(stats.remaining, max(1, math.ceil(stats.reset_time - time.time())))

    def _either(self, ask: Callable[["FixedWindowRateLimiter"], T]) -> T:
        from limits.errors import StorageError

        try:
            return ask(self._shared)
        except StorageError as error:
            structured_log.error("the store of the limits does not answer", error)
            return ask(self._own)


def headers(rate: Rate, standing: Standing) -> dict[str, str]:
    """Return the header fields of draft-ietf-httpapi-ratelimit-headers-10."""
    return {
        "RateLimit-Policy": f'"{POLICY}";q={rate.images};w={rate.seconds}',
        "RateLimit": f'"{POLICY}";r={standing.left};t={standing.reset_s}',
    }


def _item(rate: Rate) -> "RateLimitItemPerSecond":
    from limits import RateLimitItemPerSecond

    return RateLimitItemPerSecond(rate.images, rate.seconds, namespace="lesionlens")


def _guesses(address: str) -> str:
    return f"guesses:{address}"
