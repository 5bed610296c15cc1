"""When a request is repeated, and after how long."""

import random
from dataclasses import dataclass

import httpx

from .problems import ProblemError

# The program's own random numbers stay as they were seeded.
_dice = random.Random()  # noqa: S311


@dataclass(frozen=True)
class Retries:
    """``tries`` in all, with at most ``longest_wait_s`` seconds between two of them."""

    tries: int = 4
    longest_wait_s: float = 60.0

    def wait_s(self, failure: ProblemError | httpx.TransportError, tried: int) -> float:
        """Return how many seconds to wait after the failure of a try, the first of which is 1.

        At least as long as Retry-After says and a random time more; without one, a random share of
        a time that doubles. So clients that failed together do not come back together. Raises the
        failure if the request is not to be repeated.
        """
        asked = None
        if isinstance(failure, ProblemError):
            asked = failure.retry_after_s
            if not failure.later:
                raise failure
        if tried >= self.tries or (asked is not None and asked > self.longest_wait_s):
            raise failure
        if asked is not None:
            return asked + _dice.uniform(0, 1 + asked / 10)
        return _dice.uniform(0.1, 1) * min(2.0 ** (tried - 1), self.longest_wait_s)
