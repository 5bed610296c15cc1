"""A rate: a number of images per unit of time."""

import re
from dataclasses import dataclass
from typing import Self

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
ACCEPTED = "a number of images above 0 and a time, such as 60/minute; " + ", ".join(SECONDS)


@dataclass(frozen=True)
class Rate:
    """At most ``images`` in each window of one ``unit``."""

    images: int
    unit: str  # one of SECONDS

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a rate such as 60/minute. Raises ValueError that says what is accepted."""
        match = re.fullmatch(r"([1-9][0-9]{0,8})/([a-z]+)", text)
        if match is None or match[2] not in SECONDS:
            raise ValueError(f"the rate is {text!r}; accepted is {ACCEPTED}")
        return cls(int(match[1]), match[2])

    @property
    def seconds(self) -> int:
        """The length of the window."""
        return SECONDS[self.unit]

    def __str__(self) -> str:
        return f"{self.images}/{self.unit}"
