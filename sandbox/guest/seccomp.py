"""A system call filter for programs: what is not allowed is refused, with EPERM, and counted.

`syscalls` has the list. Beside it, by what is asked for: sockets are of UNIX only, no network, not even to itself;
clone makes no new namespaces; prlimit64 reaches no other process; sched_setscheduler is done already where it is for
the usual class, and refused for others (a process of the idle class waits for what its siblings do); getsockopt tells
no cookie, a number that counts the whole machine's sockets; clocks are the machine's and the program's own, for by a
number made of a pid the kernel tells the CPU time of anybody; fcntl gives no notice of what others do to a directory,
and preadv2 does not say which pages are in memory. The limit of core files is what the supervisor set, and a change
says that it is done (`program.drop_shared_state`). sync(2) does nothing and says that it is done. clone3 answers
ENOSYS, so that glibc takes clone, whose flags a filter can see. A call of a foreign architecture kills the process.

Theory of operation. The supervisor installs the filter once, before it forks programs, and every program inherits it:
in each program it would cost 0.3 ms. It asks the kernel to hold a refused call and to tell (SECCOMP_RET_USER_NOTIF);
while a program runs the supervisor answers and counts (`Refusals`). Calls that are allowed never get there. The judge,
which is forked before, has the same filter without a listener: the supervisor waits for the judge, and must not while
the judge waits for it. The supervisor itself makes no call that is not allowed, or it would wait for itself. Where the
kernel has no listeners (before 5.0, gVisor) a refused call is refused all the same, and nothing is counted.

Classic BPF (linux/filter.h, linux/seccomp.h) through prctl and seccomp: no library is needed. Where the architecture
has no table here, `prepare` raises OSError and no program is run.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
from collections.abc import Iterable, Sequence

from sandbox.guest import syscalls

LOAD, JUMP_EQUAL, JUMP_ABOVE, JUMP_AT_LEAST, JUMP_BITS, RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x06
ALLOW, NOTIFY, KILL, ERRNO = 0x7FFF0000, 0x7FC00000, 0x80000000, 0x00050000
# Offsets in struct seccomp_data; of an argument the low half, on a little-endian machine.
NUMBER, ARCHITECTURE, ARGUMENTS, ARGUMENT_BYTES, HIGH = 0, 4, 16, 8, 4
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PR_SET_SECCOMP, MODE_FILTER, NEW_LISTENER = 22, 2, 8
RECEIVE, SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV and _SEND
CALL, ANSWER = struct.Struct("=QIIiI56x"), struct.Struct("=QqiI")  # struct seccomp_notif, seccomp_notif_resp
NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
SOCKETS = ("socket", "socketpair")  # by their family
FAMILIES = (1,)  # AF_UNIX
LOOPBACK_FAMILIES = (2, 10)  # AF_INET, AF_INET6
SO_COOKIE = 57
RLIMIT_CORE = 4
F_SETLEASE, F_NOTIFY = 1024, 1026
RWF_NOWAIT = 8
# A clock of CPU time has a negative number, made of a pid; of threads the kernel gives a process its own alone.
CPU_CLOCK, THREAD_CLOCK, OWN_CLOCK = 0x80000000, 4, 0xFFFFFFFA
X32 = 0x40000000


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library, for what Python does not wrap. Loaded once, before programs are forked."""
    return ctypes.CDLL(None, use_errno=True)


class Filter:
    """The filter of this machine.

    loopback: whether sockets of the Internet's kind are allowed. more: names of calls beside `syscalls.ALLOWED`.
    Raises OSError where the architecture has no table, KeyError for a name that is none.
    """

    def __init__(self, loopback: bool, more: Sequence[str]) -> None:
        machine = os.uname().machine
        if machine not in AUDIT:
            raise OSError(errno.ENOSYS, f"no system call filter for {machine}")
        self._audit, self._numbers = AUDIT[machine], syscalls.numbers(machine)
        self._seccomp = self._numbers["seccomp"]
        # an architecture lacks calls that others kept for old programs; what is in no table at all is a mistake
        known = {name for each in AUDIT for name in syscalls.numbers(each)}
        if unknown := sorted({*more} - known):
            raise KeyError(f"no system call is called {', '.join(unknown)}")
        self._allowed = sorted({self._numbers[name] for name in (*syscalls.ALLOWED, *more) if name in self._numbers})
        self._families = (*FAMILIES, *LOOPBACK_FAMILIES) if loopback else FAMILIES
        self._programs = {refuse: self._program(refuse) for refuse in (NOTIFY, ERRNO | errno.EPERM)}
        self._numbers, self._allowed = {}, []  # every fork would copy the page tables of them

    def install(self) -> None:
        """Filter this process and all that it starts; nobody is told. Needs no_new_privs. Raises OSError."""
        header, _keep = self._header(ERRNO | errno.EPERM)
        if libc().prctl(PR_SET_SECCOMP, MODE_FILTER, header, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "seccomp")

    def install_with_listener(self) -> int | None:
        """As `install`, with a descriptor that tells of refused calls; None where there is none. Raises OSError."""
        header, _keep = self._header(NOTIFY)
        fd = libc().syscall(self._seccomp, 1, NEW_LISTENER, header)
        if fd >= 0:
            os.set_inheritable(fd, False)
            return int(fd)
        self.install()
        return None

    def _header(self, refuse: int) -> tuple[ctypes.Array[ctypes.c_char], ctypes.Array[ctypes.c_char]]:
        """struct sock_fprog, and what it points to."""
        program = self._programs[refuse]
        code = ctypes.create_string_buffer(program, len(program))
        header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
        return ctypes.create_string_buffer(header, len(header)), code

    def _program(self, refuse: int) -> bytes:
        """The filter: each rule is a jump over its answer. refuse: the answer to what is not allowed."""
        rules = [
            _step(LOAD, ARCHITECTURE),
            _step(JUMP_EQUAL, self._audit, 1, 0),
            _step(RETURN, KILL),
            _step(LOAD, NUMBER),
            _step(JUMP_AT_LEAST, X32, 0, 1),
            _step(RETURN, KILL),
        ]
        for names, answer in ((syscalls.IGNORED, 0), (syscalls.ABSENT, errno.ENOSYS)):
            for number in (self._numbers[name] for name in names):
                rules += [_step(JUMP_EQUAL, number, 0, 1), _step(RETURN, ERRNO | answer)]
        refused = _step(RETURN, refuse)
        rules += self._by_argument("clone", [_step(JUMP_BITS, NEW_NAMESPACES, 0, 1), refused])
        done = _step(RETURN, ERRNO)
        rules += self._by_argument(
            "prlimit64",
            [_step(JUMP_EQUAL, 0, 1, 0), refused, _load(1), _step(JUMP_EQUAL, RLIMIT_CORE, 0, 5),
             _load(2), _step(JUMP_EQUAL, 0, 0, 2), _load(2, HIGH), _step(JUMP_EQUAL, 0, 1, 0), done],
        )  # fmt: skip
        rules += self._by_argument("setrlimit", [_step(JUMP_EQUAL, RLIMIT_CORE, 0, 1), done])
        rules += self._by_argument(
            "fcntl", [_step(JUMP_EQUAL, F_NOTIFY, 1, 0), _step(JUMP_EQUAL, F_SETLEASE, 0, 1), refused], 1
        )
        rules += self._by_argument("preadv2", [_step(JUMP_BITS, RWF_NOWAIT, 0, 1), refused], 5)
        clocks = [
            _step(JUMP_BITS, CPU_CLOCK, 0, 3), _step(JUMP_BITS, THREAD_CLOCK, 2, 0), _step(JUMP_EQUAL, OWN_CLOCK, 1, 0),
            refused,
        ]  # fmt: skip
        for name in ("clock_gettime", "clock_nanosleep", "timer_create"):
            rules += self._by_argument(name, clocks)
        usual = [_step(JUMP_EQUAL, 0, 0, 1), done, refused]
        rules += self._by_argument("sched_setscheduler", usual, argument=1)
        rules += self._by_argument("getsockopt", [_step(JUMP_EQUAL, SO_COOKIE, 0, 1), refused], argument=2)
        families = [
            _step(JUMP_EQUAL, family, len(self._families) - place, 0) for place, family in enumerate(self._families)
        ]
        unknown = refused if refuse == NOTIFY else _step(RETURN, ERRNO | errno.EAFNOSUPPORT)
        for name in SOCKETS:
            rules += self._by_argument(name, [*families, unknown])
        for first, last in _ranges(self._allowed):
            rules += [_step(JUMP_AT_LEAST, first, 0, 2), _step(JUMP_ABOVE, last, 1, 0), _step(RETURN, ALLOW)]
        rules += [_step(JUMP_AT_LEAST, syscalls.NEWEST, 0, 1), _step(RETURN, ERRNO | errno.ENOSYS)]
        return b"".join([*rules, refused])

    def _by_argument(self, name: str, checks: list[bytes], argument: int = 0) -> list[bytes]:
        """`checks` on one argument of one system call, then ALLOW; skipped for every other call."""
        if name not in self._numbers:  # an architecture that has a newer call alone
            return []
        body = [_load(argument), *checks, _step(RETURN, ALLOW)]
        return [_step(JUMP_EQUAL, self._numbers[name], 0, len(body)), *body]


class Refusals:
    """The calls that programs were refused, told by the kernel on `fd` and answered here.

    counted: by the call's number, since `clear`.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.counted: dict[int, int] = {}
        numbers = syscalls.numbers(os.uname().machine)
        self._sockets = [numbers[name] for name in SOCKETS]

    def answer(self) -> None:
        """Refuse one call that is held, and count it; nothing if its caller is gone. Called where `fd` can be read."""
        call = ctypes.create_string_buffer(CALL.size)
        if libc().ioctl(self.fd, ctypes.c_ulong(RECEIVE), call) != 0:
            return
        held, _, _, number, _ = CALL.unpack(call.raw)
        self.counted[number] = self.counted.get(number, 0) + 1
        answer = ANSWER.pack(held, 0, -(errno.EAFNOSUPPORT if number in self._sockets else errno.EPERM), 0)
        libc().ioctl(self.fd, ctypes.c_ulong(SEND), ctypes.create_string_buffer(answer, len(answer)))

    def clear(self) -> None:
        """Begin again, for the next program."""
        self.counted.clear()

    def by_name(self) -> dict[str, int]:
        """How often each was refused; numbers that are no call's are counted together."""
        found: dict[str, int] = {}
        names = syscalls.names(os.uname().machine) if self.counted else {}
        for number, times in self.counted.items():
            name = names.get(number, "unknown")
            found[name] = found.get(name, 0) + times
        return found


def _ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of ascending `numbers` without a gap."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _load(argument: int, half: int = 0) -> bytes:
    """The lower half of an argument, or the higher."""
    return _step(LOAD, ARGUMENTS + argument * ARGUMENT_BYTES + half)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One struct sock_filter."""
    return struct.pack("=HBBI", code, if_true, if_false, value)
