"""Rate limits: counted in images, for each caller, in windows that its first image opens.

A fixed window rather than a moving one: it needs one number a caller, and what it tells a client to
wait is enough for a batch of any size. The price: a burst on both sides of a window's end.

In memory each instance counts for itself; in Redis all count together. Where Redis fails, each
counts for itself until it is back: the service goes on, and no limit is lifted.
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

# Wrong keys from one address, after which it is not listened to for the rest of the window.
GUESSES = Rate(10, "minute")
POLICY = "images"


@dataclass(frozen=True)
class Standing:
    """What is left of a window: images, and seconds until it ends."""

    left: int
    reset_s: int


class Quota:
    """Counts images and wrong keys. Safe for use by several threads."""

    def __init__(self, store: str) -> None:
        # Imported here: it takes long, and a service without limits does without it.
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
        """Raises TooManyRequests if the caller has not one image left."""
        if caller.rate is not None and not self._test(caller.rate, caller.name, 1):
            self._refuse(caller)

    def charge(self, caller: Caller, images: int, views: int) -> None:
        """Count images, each as many times as it has views.

        Raises TooManyRequests, and then counts none of them; BeyondLimit for more than a whole
        window holds.
        """
        if caller.rate is None:
            return
        cost = images * views
        if cost > caller.rate.images:
            raise BeyondLimit.of(images, views, caller.rate.images, str(caller.rate))
        # Tested first, since counting counts also what it refuses; it refuses what came between.
        if not self._test(caller.rate, caller.name, cost) or not self._hit(
            caller.rate, caller.name, cost
        ):
            self._refuse(caller)

    def count(self, caller: Caller) -> None:
        """Count one image for a request that was refused, whether or not there is one left."""
        if caller.rate is not None:
            self._hit(caller.rate, caller.name, 1)

    def standing(self, caller: Caller) -> Standing | None:
        """What the caller has left; None without a limit."""
        return self._standing(caller.rate, caller.name) if caller.rate else None

    def check_guesses(self, address: str) -> None:
        """Raises TooManyRequests where too many wrong keys came from."""
        if not self._test(GUESSES, _guesses(address), 1):
            wait = self._standing(GUESSES, _guesses(address)).reset_s
            raise TooManyRequests(
                f"Too many wrong keys came from this address; keys are looked at in {wait} s.", wait
            )

    def count_guess(self, address: str) -> None:
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
        # At least a second: a window that has just ended, or not begun, is no reason to hurry.
        return Standing(stats.remaining, max(1, math.ceil(stats.reset_time - time.time())))

    def _either(self, ask: Callable[["FixedWindowRateLimiter"], T]) -> T:
        from limits.errors import StorageError

        try:
            return ask(self._shared)
        except StorageError as error:
            structured_log.error("the store of the limits does not answer", error)
            return ask(self._own)


def headers(rate: Rate, standing: Standing) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers-10."""
    return {
        "RateLimit-Policy": f'"{POLICY}";q={rate.images};w={rate.seconds}',
        "RateLimit": f'"{POLICY}";r={standing.left};t={standing.reset_s}',
    }


def _item(rate: Rate) -> "RateLimitItemPerSecond":
    from limits import RateLimitItemPerSecond

    return RateLimitItemPerSecond(rate.images, rate.seconds, namespace="lesionlens")


def _guesses(address: str) -> str:
    return f"guesses:{address}"
