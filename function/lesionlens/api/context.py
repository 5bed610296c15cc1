"""The state of the request that is being answered, shared by its stages."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import flask

from .authentication import Caller
from .idempotency import Claim


@dataclass
class Context:
    """Created before a request is routed and completed by the stages that it passes."""

    request_id: str
    started: float  # time.perf_counter()
    caller: Caller | None = None  # set for paths under /v1
    claim: Claim | None = None  # of the Idempotency-Key, until the answer is stored
    decode_until: float = math.inf  # time.monotonic(): deadline for decoding all images
    charged: bool = False  # whether the images were counted against the rate limit
    keepable: bool = True  # whether the answer may be stored for repeated requests
    stages: dict[str, float] = field(default_factory=dict)  # milliseconds, for Server-Timing

    def add_stages(self, stages: Mapping[str, Any]) -> None:
        """Add the milliseconds that one image spent in each stage."""
        for name, milliseconds in stages.items():
            self.stages[name] = self.stages.get(name, 0.0) + milliseconds


def begin(context: Context) -> None:
    """Attach a context to Flask's current request."""
    flask.g.context = context


def current() -> Context:
    """Return the context of Flask's current request."""
    context: Context = flask.g.context
    return context
