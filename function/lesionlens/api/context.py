"""What is known of the request that is being answered."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import flask

from .authentication import Caller
from .idempotency import Claim


@dataclass
class Context:
    request_id: str
    started: float  # time.perf_counter()
    caller: Caller | None = None  # of addresses under /v1
    claim: Claim | None = None  # on an Idempotency-Key
    decode_until: float = math.inf  # time.monotonic(), for all images
    charged: bool = False  # whether images were counted against a limit
    keepable: bool = True  # whether a repetition should get this answer, too
    stages: dict[str, float] = field(default_factory=dict)  # milliseconds, for Server-Timing

    def add_stages(self, stages: Mapping[str, Any]) -> None:
        for name, milliseconds in stages.items():
            self.stages[name] = self.stages.get(name, 0.0) + milliseconds


def begin(context: Context) -> None:
    flask.g.context = context


def current() -> Context:
    context: Context = flask.g.context
    return context
