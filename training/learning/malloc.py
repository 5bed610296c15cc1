"""Configures glibc's malloc to reuse the memory that a training step frees."""

import contextlib
import ctypes

# From glibc's malloc.h; other C libraries have no mallopt, or ignore it.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8
_NEVER = -1


def keep_what_is_freed() -> None:
    """Make malloc keep freed blocks, in one heap for all threads.

    TensorFlow frees the activations of a step one by one. By default glibc returns each to the
    system, which then has to provide zeroed pages for the next step (figures: EXPERIMENTS.md).
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _NEVER)
        mallopt(_M_TOP_PAD, 256 * 1024 * 1024)
