"""The processes that decode: a fork server, and the decoders that it forks.

`python -m lesionlens.imaging.decoder_process FD KIND` is started by `fork_server.ForkServer` with a
socket to it. The fork server imports what decoding files of a kind (`file_kinds`) needs; a decoder
is forked from it in a few milliseconds, drops its rights, and serves until its socket closes or a
limit ends it. What they say to each other is in `wire`.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import traceback
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import Problem
from . import decode, preprocess, sandbox, sizes, wire
from .model_input import Preprocessing
from .sizes import LARGE_MEMORY, LARGE_SECONDS, MODEST_MEMORY, MODEST_SECONDS

# Below the server and the decoders of usual pictures.
_LARGE_NICENESS = 10

_MOST_BYTES = 2**31 - 1
# Signals of a crashed codec. Not SIGABRT: C++ aborts when it runs out of memory, too.
_FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


def serve_forks(control: socket.socket) -> None:
    """Say that this is ready; fork and end decoders as asked, until the server has gone."""
    me = os.getpid()
    control.sendall(b"{}")
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, wire.MAX_HEAD, 1)
        if not message:
            return
        asked = json.loads(message)
        if "fork" in asked:
            child = os.fork()
            if child == 0:
                _run(control, descriptors[0], me)
            os.close(descriptors[0])
            answer = {"pid": child}
        else:
            # Only its parent can be sure that the number is still that of the decoder.
            os.kill(asked["end"], signal.SIGKILL)
            _, status = os.waitpid(asked["end"], 0)
            answer = {"pid": asked["end"], "crashed": _crashed(status)}
        control.sendall(json.dumps(answer).encode())


def _crashed(status: int) -> bool:
    """Whether a codec crashed; otherwise a limit, a request or the decoder itself ended it."""
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) in _FAULTS


def _run(control: socket.socket, descriptor: int, parent: int) -> None:
    """Serve as a decoder in the forked process, and exit."""
    try:
        with contextlib.suppress(EOFError, OSError), socket.socket(fileno=descriptor) as connected:
            control.close()
            serve_pictures(wire.Peer(connected), sandbox.enter(parent, LARGE_MEMORY))
    finally:
        os._exit(0)


def serve_pictures(peer: wire.Peer, in_use: int) -> None:
    """Answer one picture after the other. Raises EOFError when the server has gone.

    After its first usual picture a decoder keeps the usual limits: a larger upload ends it.
    """
    usual = False
    while True:
        text, data = peer.receive(_MOST_BYTES)
        preprocessing, large = _asked(text)
        if large:
            os.nice(_LARGE_NICENESS)
        elif not usual:
            sandbox.allow_memory(in_use + MODEST_MEMORY)
            usual = True
        sandbox.allow_processor(LARGE_SECONDS if large else MODEST_SECONDS)
        answer, pixels = _answer(data, preprocessing, large)
        sandbox.allow_processor(0)
        peer.send(answer, pixels)


@lru_cache(8)
def _asked(text: bytes) -> tuple[Preprocessing, bool]:
    head = wire.parsed(text)
    return Preprocessing.from_dict(head["preprocessing"]), head["large"]


def _answer(
    data: bytes, preprocessing: Preprocessing, large: bool
) -> tuple[dict[str, Any], bytes | memoryview]:
    try:
        prepared = preprocess.prepare(data, preprocessing, modest=not large)
    except sizes.NeedsMore:
        return {"needs_more": True}, b""
    except Problem as problem:
        return {"problem": type(problem).__name__, "detail": problem.detail}, b""
    except MemoryError:
        os._exit(1)
    except Exception as error:
        # The message may quote the file; type and place tell where to look.
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {place.name}, line {place.lineno}"
        return {"fault": where}, b""
    answer = {
        "width": prepared.width,
        "height": prepared.height,
        "warnings": [caution.code for caution in prepared.warnings],
    }
    return answer, np.ascontiguousarray(prepared.pixels).data.cast("B")


def main() -> None:
    descriptor, kind = int(sys.argv[1]), sys.argv[2]
    # What libraries of the server may have left open to every child.
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, 4096)
    with socket.socket(fileno=descriptor) as control, contextlib.suppress(ConnectionError):
        decode.warm(kind)
        serve_forks(control)


if __name__ == "__main__":
    main()
