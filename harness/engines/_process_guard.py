"""Runs a command, and ends it with all its descendants when standard input ends. A script of its own; standard library.

Theory of operation. A model server is several processes that hold a GPU; whatever becomes of the harness (Ctrl-C,
kill -9, a crash) they must not stay. So the harness starts this file, which starts the server in a session of its own,
and holds the other end of this process's stdin. The end of stdin means that the harness is gone, or wants the server
gone: SIGTERM to every descendant, SIGKILL after GRACE_S to what is left. Descendants whose parents ended come to this
process (PR_SET_CHILD_SUBREAPER), so that none is lost, whatever groups and sessions they made: vLLM's workers may leave
a process group. Should this process itself be killed, the kernel ends the server's first one (PR_SET_PDEATHSIG).

    python _process_guard.py COMMAND ...      exit code: the command's, 128 + N for a signal N
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

GRACE_S = 10.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def main(command: list[str]) -> int:
    """Run the command until it or standard input ends; its exit code."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C is for the harness, which then closes our stdin
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    first = os.fork()
    if first == 0:
        _become(command, libc)
    _wait_for_either(os.pidfd_open(first))
    return _end_all(first)


def _become(command: list[str], libc: ctypes.CDLL) -> None:
    """The command, in the forked process."""
    try:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    finally:
        os._exit(127)


def _wait_for_either(pidfd: int) -> None:
    """Return when the command ended, or standard input did."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(pidfd, select.POLLIN)
    while all(fd == 0 and os.read(0, 4096) for fd, _ in poll.poll()):
        pass


def _end_all(first: int) -> int:
    """End every descendant; the exit code of the first."""
    code: int | None = None
    deadline = time.monotonic() + GRACE_S
    _signal(signal.SIGTERM)
    while True:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == first:
                    code = os.waitstatus_to_exitcode(ended[1])
        if code is not None and not _descendants():
            return code if code >= 0 else 128 - code
        if time.monotonic() > deadline:
            _signal(signal.SIGKILL)  # again and again: what is killed may have been about to fork
        time.sleep(0.02)


def _signal(number: int) -> None:
    for pid in _descendants():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _descendants() -> set[int]:
    """Every process below this one, but for those that only wait to be reaped by another."""
    parents: dict[int, int] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
            state, parent = file.read().rpartition(b")")[2].split()[:2]
            if state != b"Z":
                parents[int(name)] = int(parent)
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return found - {os.getpid()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
