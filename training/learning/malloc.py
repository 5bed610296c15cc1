"""Memory of a process that trains: what one step frees, the next one takes."""

import contextlib
import ctypes

# Of glibc's malloc.h; other C libraries have no mallopt, or ignore it.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8
_NEVER = -1


def keep_what_is_freed() -> None:
    """Let the process keep the blocks that it frees, in one heap for all of its threads.

    TensorFlow frees the activations of a step one by one, and glibc would give each of them back to
    the system, which then hands the next step new pages, zeroed (EXPERIMENTS.md has figures).
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
        mallopt(_M_TOP_PAD, 256 * 1024 * 1024)
