"""The server's side of one decoder process: sends a file and validates the answer."""

import json
import math
from functools import lru_cache
from typing import Any

import numpy as np

from .. import errors
from ..errors import ImageProblem, Overloaded, Problem, UnsupportedType
from . import wire
from .fork_server import ForkServer
from .model_input import CAUTIONS, Prepared, Preprocessing

# The problems that a decoder may report, by name; the decoder is not trusted.
_PROBLEMS: dict[str, type[Problem]] = {
    name: found
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, (ImageProblem, UnsupportedType))
}
_MAX_DETAIL = 1000  # characters


class DecoderFault(RuntimeError):
    """An internal error in a decoder; the message has the type and place of the exception only."""


class Exceeded(Exception):
    """The file needs more than the decoder's limits, or the decoder has exited."""


class Decoder:
    """A decoder process, for the kind of file (`file_kinds`) of its fork server."""

    def __init__(self, parent: ForkServer) -> None:
        """Fork a decoder. Raises one of `fork_server.GONE` if the fork server has exited."""
        self.parent: ForkServer | None = parent
        self.pid, connected = parent.fork()
        self.reusable = True
        self._peer = wire.Peer(connected)

    def prepare(
        self, data: bytes, preprocessing: Preprocessing, large: bool, until: float
    ) -> Prepared:
        """Decode a file to the model's input.

        ``large``: with the large limits of `sizes`, after which the process cannot be reused.
        ``until``: deadline on the clock of `time.monotonic`. Raises the problem that the decoder
        reports, DecoderFault for its internal errors, Exceeded, and Overloaded at the deadline.
        """
        self.reusable = False
        shape = (preprocessing.size, preprocessing.size, 3)
        try:
            self._peer.send(_asked(preprocessing, large), data, until)
            text, pixels = self._peer.receive(math.prod(shape), until)
            answer = wire.parsed(text)
            if answer.keys() & {"problem", "fault", "needs_more"} or not pixels:
                raise self._refusal(answer)
            prepared = Prepared(
                np.frombuffer(pixels, np.uint8).reshape(shape),
                int(answer["width"]),
                int(answer["height"]),
                tuple(CAUTIONS[code] for code in answer["warnings"]),
            )
        except TimeoutError:
            raise Overloaded("Decoding took too long beside others; try again.") from None
        except (EOFError, OSError, ValueError, LookupError, TypeError):
            # The decoder has exited, or its answer is invalid because it was compromised.
            raise Exceeded from None
        self.reusable = not large
        return prepared

    def _refusal(self, answer: dict[str, Any]) -> Exception:
        if "fault" in answer:
            return DecoderFault(str(answer["fault"])[:_MAX_DETAIL])
        self.reusable = True
        if "problem" in answer:
            return _PROBLEMS[answer["problem"]](str(answer["detail"])[:_MAX_DETAIL])
        return Exceeded()

    def close(self) -> None:
        """Close the connection, upon which the process exits."""
        self._peer.close()


@lru_cache(8)
def _asked(preprocessing: Preprocessing, large: bool) -> bytes:
    return json.dumps({"preprocessing": preprocessing.as_dict(), "large": large}).encode()
