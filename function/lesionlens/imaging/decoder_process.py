"""The fork server of decoder processes, and the decoders themselves.

`fork_server.ForkServer` starts `python -m lesionlens.imaging.decoder_process FD KIND`, where FD is
a socket connected to the server. The fork server imports what decoding a kind of file
(`file_kinds`) needs. It forks decoders in a few milliseconds; each enters the sandbox and decodes
files until its socket is closed or a limit ends it. `wire` defines the messages.
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

# Large pictures must not slow down the server and the decoders of usual pictures.
_LARGE_NICENESS = 10

_MOST_BYTES = 2**31 - 1
# Signals of a crashed codec. Not SIGABRT: C++ aborts when it runs out of memory, too.
_FAULTS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


def serve_forks(control: socket.socket) -> None:
    """Report that this process is ready, then fork and kill decoders until the server exits."""
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
            # Only the parent can kill it safely: its id is not reused before `waitpid`.
            os.kill(asked["end"], signal.SIGKILL)
            _, status = os.waitpid(asked["end"], 0)
            answer = {"pid": asked["end"], "crashed": _crashed(status)}
        control.sendall(json.dumps(answer).encode())


def _crashed(status: int) -> bool:
    """Whether the decoder crashed, rather than exited, exceeded a limit or was killed."""
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
    """Decode one file after the other. Raises EOFError when the server closes the connection.

    ``in_use``: bytes of address space when the sandbox was entered. After its first usual picture,
    a decoder keeps the modest memory limit, so that receiving a larger file ends it.
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
        # The exception's message may quote the file, so only its type and place are reported.
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
    """Run as the fork server; see the module."""
    descriptor, kind = int(sys.argv[1]), sys.argv[2]
    # Descriptors that libraries of the server may have left inheritable.
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, 4096)
    with socket.socket(fileno=descriptor) as control, contextlib.suppress(ConnectionError):
        decode.warm(kind)
        serve_forks(control)


if __name__ == "__main__":
    main()
