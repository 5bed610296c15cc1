"""Settings of the C library's heap, so that memory of large uploads is returned to the system."""

import contextlib
import ctypes

# From glibc's malloc.h; other C libraries have no mallopt, or ignore it.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def return_freed_memory() -> None:
    """Bound how much freed memory this process keeps.

    By default glibc raises its mmap threshold to the size of the largest block freed so far, up to
    32 MiB, and keeps smaller blocks in an arena for each thread: after uploads of 20 MB in eight
    threads the process kept 300 MiB more (function/DECISIONS.md).
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
        mallopt(_M_TRIM_THRESHOLD, 8 * 1024 * 1024)
        mallopt(_M_ARENA_MAX, 2)
