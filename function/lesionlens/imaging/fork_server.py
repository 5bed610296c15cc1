"""The server's end of the decoder processes: it has them forked, speaks with them, ends them."""

import json
import math
import os
import socket
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import errors
from ..errors import ImageProblem, Overloaded, Problem, UnsupportedType
from . import decode, wire
from .preprocess import Prepared, Preprocessing

# Seconds for the processes to start, and to fork.
START_S = 20.0

_MODULE = f"{__package__}.decoder_process"
# The folder that holds the package `lesionlens`.
_FOLDER = str(Path(__file__).parents[2])
# What a decoder may refuse a picture for, by name: nothing else is believed.
_PROBLEMS: dict[str, type[Problem]] = {
    name: found
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, (ImageProblem, UnsupportedType))
}
_MAX_DETAIL = 1000  # characters


# What `ForkServer.fork` and `end` raise if the process has gone.
GONE = (OSError, EOFError, ValueError)


class DecoderFault(RuntimeError):
    """A fault of ours in a decoder; the message names the type of the error and its place."""


class Exceeded(Exception):
    """The picture needs more than it was allowed, or the decoder has gone."""


class Decoder:
    """A decoder process, for the kind of files that its parent was started for."""

    def __init__(self, parent: "ForkServer", pid: int, peer: socket.socket) -> None:
        self.parent: ForkServer | None = parent
        self.pid = pid
        self.reusable = True
        self._peer = wire.Peer(peer)

    def prepare(
        self, data: bytes, preprocessing: Preprocessing, large: bool, until: float
    ) -> Prepared:
        """Raises Problem, Exceeded, Overloaded."""
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
                tuple(decode.CAUTIONS[code] for code in answer["warnings"]),
            )
        except TimeoutError:
            raise Overloaded("Decoding took too long beside others; try again.") from None
        except (EOFError, OSError, ValueError, LookupError, TypeError):
            # Gone, or not itself any more.
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
        self._peer.close()


@lru_cache(8)
def _asked(preprocessing: Preprocessing, large: bool) -> bytes:
    return json.dumps({"preprocessing": preprocessing.as_dict(), "large": large}).encode()


class ForkServer:
    """The process that forks decoders for one kind of files, see `decoder_process`. Thread-safe."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._lock = threading.Lock()  # one question at a time
        self._ready = False
        self._control, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            # Nothing of the environment, which holds secrets; the paths stand for site-packages,
            # whose search -S saves. One arena, and what a usual picture takes is kept for the next
            # (which saves 1 ms); larger blocks go back when they are freed.
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-P", "-m", _MODULE, str(descriptor), kind],
                env={
                    # This package first, which an editable install may have found without a path.
                    "PYTHONPATH": os.pathsep.join(filter(None, (_FOLDER, *sys.path))),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                    "MALLOC_ARENA_MAX": "1",
                    "MALLOC_MMAP_THRESHOLD_": str(8 * 2**20),
                    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[descriptor],
                # Ctrl-C is for the server, whose end ends this.
                process_group=0,
            )

    def wait(self) -> None:
        """Return when the process has imported what it needs. Raises one of `GONE`."""
        if not self._ready:
            self._ask({}, [])
            self._ready = True

    def fork(self) -> Decoder:
        """Have it fork a decoder, once it is ready. Raises one of `GONE`."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                pid = int(self._ask({"fork": True}, [theirs.fileno()])["pid"])
            except BaseException:
                ours.close()
                raise
        return Decoder(self, pid, ours)

    def end(self, pid: int) -> bool:
        """Kill a decoder, wait for its end, and tell whether it had crashed. Raises as `fork`."""
        return bool(self._ask({"end": pid}, [])["crashed"])

    def close(self) -> None:
        """End the process and, with it, its decoders; nothing if that was done."""
        with self._lock:
            self._control.close()
            try:
                self._process.wait(START_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def abandon(self) -> None:
        """Let go of it in a process that was forked from the one that started it."""
        self._control.close()
        self._process.returncode = 0  # it is another's child

    def _ask(self, message: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        with self._lock:
            self._control.settimeout(START_S)
            socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
            answer = self._control.recv(wire.MAX_HEAD)
        if not answer:
            raise EOFError("the fork server has gone")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed
