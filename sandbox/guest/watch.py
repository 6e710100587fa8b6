"""One running program, seen from outside: its pipes, its clock, its CPU time, its end.

Runs in the supervisor. Time is counted so that the machine's load does not decide: CPU time of all processes here, from
/proc and, where there is one, the cgroup; and the clock less the time that the program was ready and no processor was
free.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import time
from typing import Any

from sandbox.guest import child, wire

TICKS = os.sysconf("SC_CLK_TCK")
REPORT_BYTES = 8192
LOAD_FACTOR = 10.0  # a program on an overloaded machine may take this many times its wall limit, and no more


class Watch:
    """One running program: its descriptors, what it printed, when and how it ended."""

    def __init__(self, job: dict[str, Any], uid: int | None, nonce: str) -> None:
        limits = job["limits"]
        self.cpu_limit_s, self.wall_limit_s = limits["cpu_s"], limits["wall_s"]
        self.room = limits["output_bytes"]
        self.overflow = self.over_time = False
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.cpu_s = self.wall_s = 0.0
        self.peak_memory_bytes = 0
        self.stdin = memoryview(job["stdin"].encode("utf-8", "surrogatepass"))
        stdin_read, self.stdin_write = os.pipe()
        self.out, out_write = os.pipe()
        self.err, err_write = os.pipe()
        self.report, report_write = os.pipe()
        self.cgroup_start = _outside_cpu()
        self.start = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            # The name is drawn at random: a program that learns its uid could otherwise prepare the next one's path.
            child.main({**job, "nonce": nonce}, (stdin_read, out_write, err_write), report_write, uid,
                       f"/tmp/{secrets.token_hex(8)}")  # fmt: skip
        for fd in (stdin_read, out_write, err_write, report_write):
            os.close(fd)
        for fd in (self.stdin_write, self.out, self.err, self.report):
            os.set_blocking(fd, False)
        self.streams = {self.out: bytearray(), self.err: bytearray(), self.report: bytearray()}
        self.pidfd = os.pidfd_open(self.pid)
        self.poll = select.poll()
        for fd in (self.out, self.err, self.report, self.pidfd):
            self.poll.register(fd, select.POLLIN)
        self.poll.register(wire.HOST_IN, 0)
        self._feed()
        if self.stdin_write >= 0:
            self.poll.register(self.stdin_write, select.POLLOUT)

    def until_end(self) -> None:
        """Return when the first process ended or a limit was passed, whatever its children hold open."""
        next_check = min(self.cpu_limit_s, self.wall_limit_s)
        while True:
            left = self.start + next_check - time.monotonic()
            for fd, _ in self.poll.poll(max(left, 0) * 1000 + 1):
                if fd == wire.HOST_IN:
                    os._exit(0)  # the host is gone: the end of the namespace's first process ends all
                if fd == self.pidfd:
                    return self._reap()
                if fd == self.stdin_write:
                    self._feed()
                elif fd in self.streams:
                    self._read(fd)
            elapsed = time.monotonic() - self.start
            if self.overflow:
                return self._kill()
            if elapsed >= next_check:
                cpu_left = self.cpu_limit_s - max(cpu_of_others(), self.cgroup_cpu_s())
                wall_left = self.wall_limit_s - (elapsed - run_delay(self.pid))
                if cpu_left <= 0 or wall_left <= 0 or elapsed >= LOAD_FACTOR * self.wall_limit_s:
                    self.over_time = True
                    return self._kill()
                next_check = elapsed + max(min(cpu_left, wall_left), 0.02)

    def cgroup_cpu_s(self) -> float:
        """CPU seconds that the kernel counted here since the start, less the supervisor's own; 0 without a cgroup.

        Holds what /proc cannot tell: children that were reaped unseen, because the program ignored SIGCHLD.
        """
        return max(_outside_cpu() - self.cgroup_start, 0.0)

    def _feed(self) -> None:
        try:
            while self.stdin:
                self.stdin = self.stdin[os.write(self.stdin_write, self.stdin) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            pass
        try:
            self.poll.unregister(self.stdin_write)
        except KeyError:
            pass
        os.close(self.stdin_write)
        self.stdin_write = -1

    def _read(self, fd: int) -> None:
        """Take what is there, up to the limit; more than the limit is an overflow."""
        held = self.streams[fd]
        room = REPORT_BYTES - len(held) if fd == self.report else self.room
        try:
            data = os.read(fd, min(room + 1, 1 << 16))
        except BlockingIOError:
            return
        if not data:
            self.poll.unregister(fd)
            return
        held += data[:room]
        if fd == self.report:
            if len(data) > room:
                self.poll.unregister(fd)
            return
        self.room -= min(len(data), room)
        self.overflow = self.overflow or len(data) > room

    def _kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self._reap()

    def _reap(self) -> None:
        _, status, usage = os.wait4(self.pid, 0)
        self.wall_s = time.monotonic() - self.start
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.peak_memory_bytes = usage.ru_maxrss * 1024
        if os.WIFSIGNALED(status):
            self.signal = os.WTERMSIG(status)
        else:
            self.exit_code = os.WEXITSTATUS(status)

    def drain(self) -> None:
        """Read what is left in the pipes; all writers are dead, so each ends."""
        for fd in self.streams:
            before = -1
            while len(self.streams[fd]) != before and not self.overflow:
                before = len(self.streams[fd])
                try:
                    self._read(fd)
                except KeyError:  # at its end already
                    break

    def close(self) -> None:
        for fd in (self.stdin_write, self.out, self.err, self.report, self.pidfd):
            if fd >= 0:
                os.close(fd)


def others() -> list[str]:
    """The pids of every other process of the namespace."""
    own = str(os.getpid())
    return [name for name in os.listdir("/proc") if name.isdigit() and name != own]


def cpu_of_others() -> float:
    """CPU seconds of every other process here, with their waited-for children."""
    ticks = 0
    for pid in others():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def _outside_cpu() -> float:
    """CPU seconds of this cgroup without those of this process."""
    used = 0.0
    try:
        with open("/sys/fs/cgroup/cpuacct/cpuacct.usage") as file:
            used = int(file.read()) / 1e9
    except OSError:
        try:
            with open("/sys/fs/cgroup/cpu.stat") as file:
                used = int(file.readline().split()[1]) / 1e6
        except (OSError, IndexError, ValueError):
            return 0.0
    return used - time.process_time()


def run_delay(pid: int) -> float:
    """Seconds that a process was ready to run and had no processor: the machine's load, not the program's doing.

    The second field of /proc/PID/schedstat, in nanoseconds; 0 on kernels without it.
    """
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0
