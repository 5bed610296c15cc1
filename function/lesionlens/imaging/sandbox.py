"""Drops the privileges of a decoder process: it can only compute, allocate memory and answer.

Resource limits work on every Unix. On Linux the process also ends with its parent and cannot gain
privileges, and a seccomp filter allows no system calls that open files or sockets or start
processes. All of this works without privileges and in containers, including gVisor. Landlock would
add nothing, since nothing can be opened.
"""

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path

# From linux/prctl.h and linux/seccomp.h.
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_PR_SET_NO_NEW_PRIVS = 38
_KILL_PROCESS, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x00010000

# From linux/filter.h: load a word, jump if equal, jump if a bit is set, return.
_LOAD, _JUMP_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
# Offsets in struct seccomp_data. Arguments have 8 bytes, of which the lower half is first.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

# By machine: its audit architecture (linux/audit.h) and the numbers of the allowed system calls.
# Those in `_GUARDED` are allowed for the process itself only, clone only for threads (libheif
# starts one).
_SYSTEM_CALLS: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (0xC000003E, {
        "read": 0, "write": 1, "close": 3, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11,
        "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "readv": 19,
        "writev": 20, "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35,
        "getitimer": 36, "setitimer": 38, "getpid": 39, "sendto": 44, "recvfrom": 45, "clone": 56,
        "exit": 60, "gettimeofday": 96, "getrusage": 98, "sysinfo": 99, "sigaltstack": 131,
        "getpriority": 140, "setpriority": 141, "gettid": 186, "futex": 202,
        "sched_getaffinity": 204, "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231,
        "tgkill": 234, "set_robust_list": 273, "prlimit64": 302, "getcpu": 309, "getrandom": 318,
        "membarrier": 324, "rseq": 334, "clone3": 435,
    }),
    "aarch64": (0xC00000B7, {
        "close": 57, "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66, "exit": 93,
        "exit_group": 94, "futex": 98, "set_robust_list": 99, "nanosleep": 101, "getitimer": 102,
        "setitimer": 103, "clock_gettime": 113, "clock_nanosleep": 115, "sched_getaffinity": 123,
        "sched_yield": 124, "tgkill": 131, "sigaltstack": 132, "rt_sigaction": 134,
        "rt_sigprocmask": 135, "rt_sigreturn": 139, "setpriority": 140, "getpriority": 141,
        "getrusage": 165, "getcpu": 168, "gettimeofday": 169, "getpid": 172, "gettid": 178,
        "sysinfo": 179, "sendto": 206, "recvfrom": 207, "brk": 214, "munmap": 215, "mremap": 216,
        "clone": 220, "mmap": 222, "mprotect": 226, "madvise": 233, "prlimit64": 261,
        "getrandom": 278, "membarrier": 283, "rseq": 293, "clone3": 435,
    }),
}  # fmt: skip
# System calls on a process: the index of the argument with its id.
_GUARDED = {"prlimit64": 0, "setpriority": 1, "getpriority": 1}


def enter(parent: int, most_memory: int) -> int:
    """Drop all privileges that decoding does not need, irrevocably; return the bytes in use.

    ``parent``: id of the parent process, with which this one ends. ``most_memory``: bytes of
    address space, above those in use, that `allow_memory` may allow later. Open files and sockets
    stay open.
    """
    in_use = _address_space()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + most_memory,) * 2)
    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NOFILE):
        resource.setrlimit(limit, (0, 0))
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # the parent had already exited
        _prctl(_PR_SET_DUMPABLE, 0)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _filter_system_calls()
    return in_use


def allow_memory(total: int) -> None:
    """Limit the address space to ``total`` bytes, or to the limit of `enter` if that is less."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (min(total, hard), hard))


def allow_processor(seconds: float) -> None:
    """End this process by SIGPROF after ``seconds`` of processor time; 0 for no limit."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _address_space() -> int:
    """Bytes of address space in use; 0 if the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()


def _prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    if ctypes.CDLL(None, use_errno=True).prctl(option, *padded) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _filter_system_calls() -> None:
    """Install the seccomp filter, if the kernel supports it and the machine is known."""
    known = _SYSTEM_CALLS.get(platform.machine())
    if known is None:
        return
    code = _program(*known)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: the number of instructions and their address.
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    holder = ctypes.create_string_buffer(program, len(program))
    try:
        _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(holder))
    except OSError:
        return


def _program(architecture: int, numbers: dict[str, int]) -> bytes:
    """The filter in classic BPF: instructions of struct sock_filter, 8 bytes each."""

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("HBBI", code, if_true, if_false, value)

    def allow_if(test: int, argument: int, value: int) -> bytes:
        return (
            step(_LOAD, _ARGUMENTS + 8 * argument)
            + step(test, value, 0, 1)
            + step(_RETURN, _ALLOW)
            + step(_RETURN, _ERRNO | _EPERM)
        )

    made = step(_LOAD, _ARCHITECTURE) + step(_JUMP_EQUAL, architecture, 1, 0)
    made += step(_RETURN, _KILL_PROCESS) + step(_LOAD, _NUMBER)
    # The flags of clone3 are in memory, out of a filter's reach. On ENOSYS, libraries use clone.
    made += step(_JUMP_EQUAL, numbers["clone3"], 0, 1) + step(_RETURN, _ERRNO | _ENOSYS)
    guarded = {
        "clone": allow_if(_JUMP_SET, 0, _CLONE_THREAD),
        # abort() sends a signal to its own process.
        "tgkill": allow_if(_JUMP_EQUAL, 0, os.getpid()),
        **{name: allow_if(_JUMP_EQUAL, which, 0) for name, which in _GUARDED.items()},
    }
    for name, check in guarded.items():
        made += step(_JUMP_EQUAL, numbers[name], 0, len(check) // 8) + check
    for name, number in numbers.items():
        if name not in guarded and name != "clone3":
            made += step(_JUMP_EQUAL, number, 0, 1) + step(_RETURN, _ALLOW)
    return made + step(_RETURN, _ERRNO | _EPERM)
