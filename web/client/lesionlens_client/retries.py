"""Which failures are retried, and after how long."""

import random
from dataclasses import dataclass

import httpx

from .problems import ProblemError

# A generator of its own, so that the program's seeded random numbers are not disturbed.
_dice = random.Random()  # noqa: S311


@dataclass(frozen=True)
class Retries:
    """How failed requests are retried: connection failures, and errors that may pass.

    The wait before each retry is at least what the service asks for with Retry-After, plus a random
    time of up to a second and a tenth of it; without Retry-After it is random, up to 1, 2, 4, …
    seconds. ``Retries(tries=1)`` never retries.

    Attributes:
        tries: Number of attempts in total, the first included.
        longest_wait_s: In seconds. A service that asks for a longer wait is not asked again: the
            error is raised.
    """

    tries: int = 4
    longest_wait_s: float = 60.0

    def wait_s(self, failure: ProblemError | httpx.TransportError, tried: int) -> float:
        """Return the seconds to wait after attempt number ``tried`` (from 1) failed.

        The random part keeps clients that failed together from retrying together. Raises
        ``failure`` itself if the request is not to be retried.
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
