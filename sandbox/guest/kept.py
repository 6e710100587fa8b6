"""Compilers that are kept in a process, so that not each program pays for their start.

A kept compiler only saves time. It is given one source text at a time and answers with what it said and made; it holds
no test, no file of a program and no place to write to. Where its answer is anything but "compiled" or "errors", or does
not come in time, it is ended and the usual command translates the text again, whose word counts.

It is a process of a user of its own: its memory is closed to every program, Landlock gives it the image to read and
nothing to write, no file of it may have a byte. It is stopped while programs run, costs them no time and does nothing
there, and is ended after LIFE programs.

In the supervisor: `Keeper`. In the process that stands for one compilation, and is limited and watched as the usual
command would be: `ask`. Frames: a name and a text there; back a code, what was said, and names with contents.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import struct
from collections.abc import Mapping, Sequence

from sandbox.guest import landlock, procfs, wire

FD = 4  # of the process that asks
LIFE = 200  # programs
DOUBT = 75  # exit code of `ask` where the compiler's word does not count
SURE = (0, 1)  # compiled; errors in the text
LIMITS = {"cpu_s": 10.0, "wall_s": 60.0}  # of one compilation: less than the usual command's
MEMORY_BYTES = 1 << 30
OPEN_FILES, PROCESSES = 64, 64
HIGHEST_FD = 1024
MAX_NAME, MAX_SAID, MAX_FILES, MAX_BYTES = 1000, 1 << 20, 1000, 64 << 20
TICKS = os.sysconf("SC_CLK_TCK")
_INT = struct.Struct(">I")


class Keeper:
    """The supervisor's handle on a compiler that is kept, if there is one.

    uid: its own, no program's. pids: of its process; whoever waits for that takes it out (`cleaning.reap`).
    """

    def __init__(self, uid: int | None) -> None:
        self._uid = uid
        self.pids: set[int] = set()
        self._command: Sequence[str] = ()
        self._socket: socket.socket | None = None
        self._programs = 0

    def wake(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Have the compiler ready for a text: the descriptor to ask it on. Raises OSError."""
        if self._command != command or self._programs >= LIFE:
            self.end()
        if not self.pids or self._socket is None:
            self._start(command, environment)
        self._programs += 1
        self._signal(signal.SIGCONT)
        assert self._socket is not None
        return self._socket.fileno()

    def rest(self) -> None:
        """After a compilation of which there is no doubt: it does nothing until the next."""
        self._signal(signal.SIGSTOP)

    def end(self) -> None:
        """End it, if it is there."""
        self._signal(signal.SIGKILL)
        for pid in self.pids:
            os.waitpid(pid, 0)
        self.pids.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def cpu_s(self) -> float:
        """CPU seconds that it has used so far."""
        return sum(cpu_of(str(pid)) for pid in self.pids)

    def _signal(self, number: int) -> None:
        """Until it is waited for, its number is nobody else's."""
        for pid in self.pids:
            os.kill(pid, number)

    def _start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        if self._socket is not None:
            self._socket.close()
        ours, theirs = socket.socketpair()
        if (pid := os.fork()) == 0:
            try:
                _become(theirs.detach(), self._uid, command, {**os.environ, **environment})
            finally:
                os._exit(DOUBT)
        theirs.close()
        self.pids.add(pid)
        self._socket, self._command, self._programs = ours, command, 0


def _become(peer: int, uid: int | None, command: Sequence[str], environment: Mapping[str, str]) -> None:
    """In its process: give up all that it does not need, and be the compiler."""
    os.setsid()
    null = os.open("/dev/null", os.O_WRONLY)
    for target, fd in enumerate((peer, peer, null)):
        os.dup2(fd, target)
    os.closerange(3, HIGHEST_FD)
    if (rules := landlock.Rules.make(loopback=False, writes=False)) is not None:
        rules.enter()
    os.closerange(3, HIGHEST_FD)
    os.sched_setaffinity(0, procfs.PROCESSORS)  # its parent stays on one
    if uid is not None:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    os.chdir("/")
    for what, value in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_NPROC, PROCESSES),
    ):
        resource.setrlimit(what, (value, value))
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    os.execve(command[0], [*command], dict(environment))


def cpu_of(pid: str) -> float:
    """CPU seconds of a process, with its waited-for children."""
    return sum(map(int, procfs.of_process(pid, "stat").rpartition(b")")[2].split()[11:15])) / TICKS


# -- in the process that stands for one compilation


class _Doubtful(Exception):  # noqa: N818 - the state
    """The answer is none that could be ours."""


def ask(text: str, source_file: str, folder: str) -> int:
    """Have the text translated, say what the compiler says, keep what it made below `folder`; the exit code."""
    try:
        source = text.encode()
        wire.write_all(FD, _frame(source_file.encode()) + _frame(source))
        code = _number()
        said = _payload(MAX_SAID)
        left = MAX_BYTES
        for _ in range(_number(MAX_FILES)):
            name, content = _payload(MAX_NAME).decode(), _payload(left)
            left -= len(content)
            _keep(folder, name, content)
    except (OSError, ValueError, _Doubtful):  # a lone surrogate in the text is the usual command's to complain of
        return DOUBT
    if code not in SURE:
        return DOUBT
    wire.write_all(2, said)
    return code


def _keep(folder: str, name: str, content: bytes) -> None:
    parts = name.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\0" in name:
        raise _Doubtful
    os.makedirs("/".join([folder, *parts[:-1]]), exist_ok=True)
    fd = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        wire.write_all(fd, content)
    finally:
        os.close(fd)


def _frame(payload: bytes) -> bytes:
    return _INT.pack(len(payload)) + payload


def _number(most: int = 255) -> int:
    head = wire.read_exactly(FD, _INT.size)
    if head is None or (number := _INT.unpack(head)[0]) > most:
        raise _Doubtful
    return int(number)


def _payload(most: int) -> bytes:
    data = wire.read_exactly(FD, _number(most))
    if data is None:
        raise _Doubtful
    return data
