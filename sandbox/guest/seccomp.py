"""A system call filter for programs, on top of the engine's own: what no program under test needs.

Denied with EPERM: kernel keyrings, System V and POSIX queues, shared memory and semaphores that outlive a process,
io_uring and the older asynchronous reads (their slots are the whole host's), tracing and reading of other processes,
userfaultfd, bpf, perf, memory files (no limit of a process counts them), mounts, new namespaces, file handles,
other scheduling classes than the usual one, which is set already and whose setting does nothing (a process of the idle
class waits for what its siblings do), and changing another process's limits.
sync(2) does nothing and says that it is done: it would wait for all that the host has to write. Sockets are of UNIX
only: no network, not even to itself. clone3 answers ENOSYS, so that glibc takes clone, whose flags a filter can see. A
call of a foreign architecture kills the process.

Classic BPF (linux/filter.h, linux/seccomp.h) through prctl: no library is needed. Where the architecture has no table
here, `install` raises OSError and no program is run.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
from typing import NamedTuple

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
# Offsets in struct seccomp_data; of the argument the low half, on a little-endian machine.
NUMBER, ARCHITECTURE, FIRST_ARGUMENT, SECOND_ARGUMENT = 0, 4, 16, 24
PR_SET_SECCOMP, MODE_FILTER = 22, 2
NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
FAMILIES = (1,)  # AF_UNIX
LOOPBACK_FAMILIES = (2, 10)  # AF_INET, AF_INET6
X32 = 0x40000000


class _Table(NamedTuple):
    """System call numbers of one architecture; `audit` is its AUDIT_ARCH value."""

    audit: int
    denied: tuple[int, ...]
    ignored: tuple[int, ...]
    clone: int
    socket: int
    prlimit: int
    set_scheduler: int
    clone3: int = 435


# Since 5.1 numbers are the same everywhere: memfd_secret, io_uring, mounts by descriptor, pidfd_getfd, mount_setattr.
_COMMON = (447, 425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442)
_TABLES = {
    # keyrings; System V memory, semaphores, queues; POSIX queues; memfd_create, ptrace, process_vm_*; userfaultfd, bpf,
    # perf, unshare, setns; mount, umount, pivot_root; personality, kcmp, *_by_handle_at, fanotify; sched_set*
    "x86_64": _Table(
        audit=0xC000003E,
        denied=(
            *(248, 249, 250, 29, 30, 31, 67, 64, 65, 66, 220, 68, 69, 70, 71, 240, 241, 242, 243, 244, 245),
            *(
                206,
                207,
                208,
                209,
                210,
                333,
                319,
                101,
                310,
                311,
                323,
                321,
                298,
                272,
                308,
                165,
                166,
                155,
                135,
                312,
                303,
                304,
                300,
                142,
                314,
            ),
            *_COMMON,
        ),
        ignored=(162, 306),
        clone=56,
        socket=41,
        prlimit=302,
        set_scheduler=144,
    ),
    "aarch64": _Table(
        audit=0xC00000B7,
        denied=(
            *(217, 218, 219, 194, 195, 196, 197, 190, 191, 192, 193, 186, 187, 188, 189, 180, 181, 182, 183, 184, 185),
            *(
                0,
                1,
                2,
                3,
                4,
                292,
                279,
                117,
                270,
                271,
                282,
                280,
                241,
                97,
                268,
                40,
                39,
                41,
                92,
                272,
                264,
                265,
                262,
                118,
                274,
            ),
            *_COMMON,
        ),
        ignored=(81, 267),
        clone=220,
        socket=198,
        prlimit=261,
        set_scheduler=119,
    ),
}


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library, for what Python does not wrap. Loaded once, before programs are forked."""
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def prepare(loopback: bool) -> bytes:
    """The filter of this machine, with sockets of the Internet's kind or without.

    Made once, before programs are forked. Raises OSError where there is none.
    """
    table = _TABLES.get(os.uname().machine)
    if table is None:
        raise OSError(errno.ENOSYS, f"no system call filter for {os.uname().machine}")
    return _program(table, (*FAMILIES, *LOOPBACK_FAMILIES) if loopback else FAMILIES)


def install(loopback: bool) -> None:
    """Filter this process and all that it starts. Needs no_new_privs. Raises OSError where it cannot."""
    program = prepare(loopback)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    if libc().prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.create_string_buffer(header, len(header)), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def _program(table: _Table, families: tuple[int, ...]) -> bytes:
    """The filter: each rule is a jump over its answer."""
    rules = [
        _step(LOAD, ARCHITECTURE),
        _step(JUMP_EQUAL, table.audit, 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER),
        _step(JUMP_AT_LEAST, X32, 0, 1),
        _step(RETURN, KILL),
    ]
    for number in table.denied:
        rules += [_step(JUMP_EQUAL, number, 0, 1), _step(RETURN, ERRNO | errno.EPERM)]
    for number in table.ignored:
        rules += [_step(JUMP_EQUAL, number, 0, 1), _step(RETURN, ERRNO)]
    rules += [_step(JUMP_EQUAL, table.clone3, 0, 1), _step(RETURN, ERRNO | errno.ENOSYS)]
    # the class that every process has: done already. Other classes are denied
    usual = [_step(JUMP_EQUAL, 0, 0, 1), _step(RETURN, ERRNO), _step(RETURN, ERRNO | errno.EPERM)]
    rules += _by_argument(table.set_scheduler, usual, SECOND_ARGUMENT)
    rules += _by_argument(table.clone, [_step(JUMP_BITS, NEW_NAMESPACES, 0, 1), _step(RETURN, ERRNO | errno.EPERM)])
    rules += _by_argument(table.prlimit, [_step(JUMP_EQUAL, 0, 1, 0), _step(RETURN, ERRNO | errno.EPERM)])
    allowed = [_step(JUMP_EQUAL, family, len(families) - place, 0) for place, family in enumerate(families)]
    rules += _by_argument(table.socket, [*allowed, _step(RETURN, ERRNO | errno.EAFNOSUPPORT)])
    return b"".join([*rules, _step(RETURN, ALLOW)])


def _by_argument(number: int, checks: list[bytes], argument: int = FIRST_ARGUMENT) -> list[bytes]:
    """`checks` on one argument of one system call, then ALLOW; skipped for every other call."""
    body = [_step(LOAD, argument), *checks, _step(RETURN, ALLOW)]
    return [_step(JUMP_EQUAL, number, 0, len(body)), *body]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One struct sock_filter."""
    return struct.pack("=HBBI", code, if_true, if_false, value)
