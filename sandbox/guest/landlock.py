"""What of the file system a program may reach, by Landlock, on top of users, modes and read-only mounts.

Theory of operation. Each program enters a domain of its own before it is there. It may list every directory, read and
run what the image holds, write below the temporary folders, and open devices; of /proc it may read its own process and
what COMMON names, of /sys what the libraries ask for. So what other processes did, the counters of the control group
and most of the machine's are closed to it. It signals nobody outside its domain and reaches no abstract socket there.

The rules are made once for BATCH programs and kept as a descriptor: one rule costs 5 microseconds, and a program needs
twenty. Only the rule for its own directory of /proc is added by each program; those of earlier ones name directories
that are gone. Processes that a program starts are in its domain and cannot read their own directory of /proc.

Landlock comes with Linux 5.19 in the form that is needed (renames between directories); where there is none, or where
an engine's filter refuses it, `Rules.make` gives None and the other walls stand alone. linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import struct

from sandbox.guest import seccomp

CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # the same on every architecture
VERSION, PATH_BENEATH = 1, 1
LEAST, NETWORK_SINCE, SCOPES_SINCE = 2, 4, 6
RUN, WRITE, READ, LIST = 1, 2, 4, 8
EVERYTHING = (1 << 14) - 1  # version 2; REFER, a move between directories, is the last
TRUNCATE, TRUNCATE_SINCE = 1 << 14, 3
SCOPES, NETWORK = 3, 3
BATCH = 16
DESCRIPTORS = 64  # more than are open in a program before it is there
O_PATH = os.O_PATH
CLOSED = ("proc", "sys", "run", "dev", "tmp")  # of the root; the rest is the image
WRITABLE = ("/tmp", "/dev/shm")
# What programs and runtimes ask for. /proc/sys and /sys/devices are not open as a whole: they have counters of all that
# runs.
COMMON = (
    "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/uptime", "/proc/version",
    "/proc/filesystems", "/proc/cgroups", "/proc/sys/vm", "/proc/sys/kernel", "/proc/sys/fs/aio-nr",
    "/proc/sys/fs/pipe-max-size", *(f"/sys/devices/system/cpu/{name}" for name in (
        "online", "possible", "present", "cpu0/cache", "cpu0/topology")),
    "/sys/kernel/mm/transparent_hugepage",
)  # fmt: skip
_Buffer = ctypes.Array[ctypes.c_char]


class Rules:
    """The rules for programs, and how a program enters them. `make` gives None where there is no Landlock.

    loopback: whether it may connect by TCP. writes: whether there are places that it may write to.
    """

    def __init__(self, version: int, loopback: bool, writes: bool = True) -> None:
        truncate = TRUNCATE if version >= TRUNCATE_SINCE else 0
        network = NETWORK if version >= NETWORK_SINCE and not loopback else 0
        scopes = SCOPES if version >= SCOPES_SINCE else 0
        self._attributes = _buffer("=QQQ", EVERYTHING | truncate, network, scopes)
        self._size = 24 if version >= SCOPES_SINCE else 16 if version >= NETWORK_SINCE else 8
        self._rules = [rule for path, rights in _paths(truncate, writes) if (rule := _rule(path, rights)) is not None]
        # of a program's own directory, by the descriptor that it will have: made here, for each page that a program
        # touches first costs it microseconds
        self._own = [_buffer("=Qi", READ | WRITE | LIST | truncate, fd) for fd in range(DESCRIPTORS)]
        self._syscall = seccomp.libc().syscall
        self._left = 0
        self._fd = -1

    @classmethod
    def make(cls, loopback: bool, *, writes: bool = True) -> Rules | None:
        """In the supervisor, once. Raises OSError where Landlock is there and refuses a rule."""
        version = seccomp.libc().syscall(CREATE, None, 0, VERSION)
        if version < LEAST:
            return None
        rules = cls(version, loopback, writes)
        rules.renew()
        return rules

    def renew(self) -> None:
        """In the supervisor, before each program: the rules anew where enough programs had these."""
        self._left -= 1
        if self._left >= 0:
            return
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = _call(CREATE, self._attributes, self._size, 0)
        for rule in self._rules:
            _call(ADD_RULE, self._fd, PATH_BENEATH, rule, 0)
        self._left = BATCH - 1

    def enter(self) -> None:
        """In the program's process, before the program is there. A descriptor stays open. Raises OSError."""
        call, fd = self._syscall, self._fd
        if call(ADD_RULE, fd, 1, self._own[os.open("/proc/self", O_PATH)], 0) or call(RESTRICT, fd, 0):
            raise OSError(ctypes.get_errno(), f"landlock: {os.strerror(ctypes.get_errno())}")


def _paths(truncate: int, writes: bool) -> list[tuple[str, int]]:
    """Every path that is open to programs, with the rights below it."""
    image = [f"/{name}" for name in os.listdir("/") if name not in CLOSED]
    return [
        ("/", LIST),
        *((path, RUN | READ | LIST) for path in image),
        ("/dev", READ | WRITE | LIST),
        *((path, EVERYTHING | truncate) for path in WRITABLE if writes),
        *((path, READ | LIST) for path in COMMON),
    ]


def _rule(path: str, rights: int) -> _Buffer | None:
    """struct landlock_path_beneath_attr; None where the path is not there. The descriptor stays open with it."""
    try:
        fd = os.open(path, os.O_PATH)
    except OSError:
        return None
    if not os.path.isdir(path):
        rights &= RUN | WRITE | READ
    return _buffer("=Qi", rights, fd)


def _buffer(form: str, *values: int) -> _Buffer:
    data = struct.pack(form, *values)
    return ctypes.create_string_buffer(data, len(data))


def _call(number: int, *arguments: object) -> int:
    result = int(seccomp.libc().syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"landlock: {os.strerror(ctypes.get_errno())}")
    return result
