"""One running program, seen from outside: its clock, its CPU time, its end.

Runs in the supervisor. Time is counted so that the machine's load does not decide: CPU time of all the program's
processes, from /proc and, where there is one, the cgroup; and the clock less the time that the program or its judge was
ready and no processor was free.
"""

from __future__ import annotations

import functools
import math
import os
import select
import signal
import time
from typing import Any

from sandbox.guest import kept, procfs, wire
from sandbox.guest.judge_process import JudgeProcess
from sandbox.guest.seccomp import Refusals

# Of cgroup v1. A program that runs for longer is looked at every so often; with less than the margin left it is ended,
# for the kernel might end the supervisor instead: it counts pages of a process, not what its sockets hold.
MEMORY_LIMIT = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
MEMORY_USAGE = "/sys/fs/cgroup/memory/memory.usage_in_bytes"
MEMORY_STAT = "/sys/fs/cgroup/memory/memory.stat"
MEMORY_TICK_S = 0.01
MEMORY_MARGIN_BYTES = 96 * 2**20
GRACE_S = 1.0  # for the judge to see that its program is over
LAST_STEP_S = 0.2  # for a program that has closed its outputs to come to its own end


class Watch:
    """One running program: when and how it ended. ended: by itself, before it was seen alive after the judge's word.

    cgroup_start: what `outside_cpu` said before it was started. refusals: its calls that are refused are answered and
    counted there. keeper: of a compiler beside it, of which counts what it uses from now on.
    """

    def __init__(
        self,
        pid: int,
        limits: dict[str, Any],
        judge: JudgeProcess,
        cgroup_start: float,
        refusals: Refusals | None,
        keeper: kept.Keeper,
    ) -> None:
        self._limits, self._judge, self._control = limits, judge, judge.control
        self._keeper, self._kept_before_s = keeper, keeper.cpu_s()
        self.pid = pid
        self.over_time = self.ended = False
        self.exit_code: int | None = None
        self.signal: int | None = None
        self.cpu_s = self.wall_s = 0.0
        self.peak_memory_bytes = 0
        self._reaped = False
        self.start = time.monotonic()
        self._next_check = min(limits["cpu_s"], limits["wall_s"])
        self._cgroup_start = cgroup_start
        self.over_memory = False
        self.waited_for_disk = False
        self.starved = False  # the machine gave it too little time to come to any end
        self._delays_before = {str(pid): _scheduled(str(pid))[1] for pid in judge.pids}
        self._forks_before = 0 if limits["cgroup"] else _last_pid()
        self._ran: float | None = None  # CPU seconds of its threads when it first seemed late
        self._pidfd = os.pidfd_open(pid)
        self._poll = select.poll()
        self._refusals = refusals
        for fd in (self._control, self._pidfd, *([refusals.fd] if refusals else [])):
            self._poll.register(fd, select.POLLIN)
        self._poll.register(wire.HOST_IN, 0)

    def until_end(self) -> None:
        """Return when the first process ended, a limit was passed, or the judge has something to say."""
        while not self._wait():
            pass

    def let_end(self) -> None:
        """Give a program of which the judge has heard the last a moment to end by itself, for its exit code."""
        if not self.ended and not self.over_time and not self.over_memory:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            if poll.poll(LAST_STEP_S * 1000):
                self.ended = True
                self.reap()

    def until_judged(self) -> bool:
        """Whether the judge came to its end within the limits, or soon after them. The program is over by now."""
        grace_ends = time.monotonic() + GRACE_S if self.over_time else math.inf
        while True:
            if self._control in self._ready():
                return True
            if time.monotonic() > grace_ends or (not self.over_time and self._passed()):
                return False

    def _wait(self) -> bool:
        ready = self._ready()
        if self._pidfd in ready:
            self.ended = True
            self.reap()
            return True
        self.over_memory = self._limits["cgroup"] and memory_left() < MEMORY_MARGIN_BYTES
        self.over_time = not self.over_memory and self._passed()
        return self.over_memory or self.over_time or self._control in ready

    def _ready(self) -> list[int]:
        left = self.start + self._next_check - time.monotonic() if not self.over_time else GRACE_S
        if self._limits["cgroup"] and not self._reaped:
            left = min(left, MEMORY_TICK_S)
        ready = [fd for fd, _ in self._poll.poll(max(left, 0) * 1000 + 1)]
        if wire.HOST_IN in ready:
            os._exit(0)  # the host is gone: the end of the namespace's first process ends all
        if self._refusals and self._refusals.fd in ready:
            self._refusals.answer()
        return ready

    def _passed(self) -> bool:
        elapsed = time.monotonic() - self.start
        if elapsed < self._next_check:
            return False
        wall_limit = self._limits["wall_s"]
        cpu_left = self._limits["cpu_s"] - self._program_cpu_s() if not self._reaped else wall_limit
        wall_left = wall_limit - (elapsed - self._run_delays())
        if cpu_left <= 0 or (wall_left <= 0 and not self._waits_unseen()):
            return True
        if elapsed >= wire.LOAD_FACTOR * wall_limit:
            self.starved = True
            return True
        self._next_check = elapsed + max(min(cpu_left, wall_left), 0.02)
        return False

    def _waits_unseen(self) -> bool:
        """Whether it is ready and has not run since this was last asked: the kernel counts a wait when it ends."""
        threads = [] if self._reaped else self._threads(self._judges())
        if not any(_stat(each)[:1] == [b"R"] for each in threads):
            return False
        before, self._ran = self._ran, sum(_scheduled(each)[0] for each in threads)
        return before in (None, self._ran)

    def _program_cpu_s(self) -> float:
        """CPU seconds of the program so far: of its processes and, by the cgroup, of those that were reaped unseen."""
        judges = self._judges()
        theirs = sum(max(_scheduled(pid)[0] - self._judge.used.get(pid, 0.0), 0.0) for pid in judges)
        others = _cpu_of([pid for pid in _others() if pid not in judges]) - self._kept_before_s
        return max(others, self.cgroup_cpu_s(theirs))

    def kept_cpu_s(self) -> float:
        """CPU seconds that the compiler beside it used since the start."""
        return max(self._keeper.cpu_s() - self._kept_before_s, 0.0)

    def cgroup_cpu_s(self, judge_cpu_s: float) -> float:
        """CPU seconds that the kernel counted since the start, less those of the supervisor and of the judge.

        Holds what /proc cannot tell: children that were reaped unseen, because the program ignored SIGCHLD. 0 without
        a cgroup.
        """
        return max(outside_cpu() - self._cgroup_start - judge_cpu_s, 0.0)

    def _run_delays(self) -> float:
        before = self._delays_before
        judges = sum(max(_scheduled(pid)[1] - before.get(pid, 0.0), 0.0) for pid in self._judges())
        return judges + self._own_delays()

    def _own_delays(self) -> float:
        """What others than its own threads and processes made the program wait: its first thread, then another.

        The first may have nothing to do but to wait for another, as that of a JVM; of these counts the one that waited
        longest. What a thread's kin ran is all that they can have made it wait.
        Without a cgroup nobody knows what children used that were reaped unseen: where a process or thread of the
        program has ended, it may have waited for those.
        """
        if self._reaped:
            return 0.0
        judges = self._judges()
        threads = self._threads(judges)
        if not self._limits["cgroup"]:
            theirs = [int(pid) for pid in judges] + [int(each.rpartition("/")[2]) for each in threads]
            if _last_pid() - self._forks_before > sum(pid > self._forks_before for pid in theirs):
                return 0.0
        used = self._program_cpu_s()
        first = f"{self.pid}/task/{self.pid}"
        times = {each: _scheduled(each) for each in threads}
        delays = {each: max(waited - max(used - ran, 0.0), 0.0) for each, (ran, waited) in times.items()}
        return delays.pop(first, 0.0) + max(delays.values(), default=0.0)

    def _threads(self, judges: list[str]) -> list[str]:
        """Those of the program, as places in /proc: all but the judge's."""
        return [f"{pid}/task/{each}" for pid in _others() if pid not in judges for each in procfs.threads(pid)]

    def _judges(self) -> list[str]:
        """The judge and the process that it forked for this run."""
        own = str(self._judge.pid)
        return [pid for pid in _others() if pid == own or _stat(pid)[1:2] == [own.encode()]]

    def reap(self) -> None:
        """Wait for the first process, which ends or was killed. Safe to call twice."""
        if self._reaped:
            return
        _, status, usage = os.wait4(self.pid, 0)
        self._reaped = True
        self._poll.unregister(self._pidfd)
        self.wall_s = time.monotonic() - self.start
        self.cpu_s = usage.ru_utime + usage.ru_stime
        self.peak_memory_bytes = usage.ru_maxrss * 1024
        self.waited_for_disk = usage.ru_majflt > 0 or usage.ru_inblock > 0
        if os.WIFSIGNALED(status):
            self.signal = os.WTERMSIG(status)
        else:
            self.exit_code = os.WEXITSTATUS(status)

    def kill(self) -> None:
        """Kill the first process, by its pid: it may not have its own user yet. Does not wait for its end."""
        if not self._reaped:
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Give its descriptor back."""
        os.close(self._pidfd)


def _others() -> list[str]:
    """The pids of every other process of the namespace."""
    own = str(os.getpid())
    return [name for name in os.listdir("/proc") if name.isdigit() and name != own]


def memory_left() -> float:
    """Bytes that this cgroup may still use; the pages of files that it could give up count as left."""
    try:
        left = _memory_limit() - int(procfs.read((MEMORY_USAGE,)))
    except ValueError:  # no such cgroup, or no limit
        return math.inf
    if left >= MEMORY_MARGIN_BYTES:  # the usual case, and this is asked a few times for each program
        return left
    for line in procfs.read((MEMORY_STAT,)).splitlines():
        if line.startswith((b"total_inactive_file ", b"total_active_file ")):
            left += int(line.split()[1])
    return left


@functools.cache
def _memory_limit() -> int:
    """Of this cgroup, in bytes. Raises ValueError."""
    return int(procfs.read((MEMORY_LIMIT,)))


def _last_pid() -> int:
    """The pid that was given last in this namespace: it grows with every process and thread that is started."""
    try:
        return int(procfs.read(("/proc/loadavg",)).split()[-1])
    except (IndexError, ValueError):
        return 0


def _stat(pid: str) -> list[bytes]:
    """The fields of /proc/PID/stat after the name: state, parent, ...; empty where the process is gone."""
    return procfs.of_process(pid, "stat").rpartition(b")")[2].split()


def _cpu_of(pids: list[str]) -> float:
    return sum(map(kept.cpu_of, pids))


def outside_cpu() -> float:
    """CPU seconds of this cgroup without those of this process; 0 without a cgroup."""
    used = procfs.read(("/sys/fs/cgroup/cpuacct/cpuacct.usage",))
    if used:
        return int(used) / 1e9 - time.process_time()
    try:
        return int(procfs.read(("/sys/fs/cgroup/cpu.stat",)).split()[1]) / 1e6 - time.process_time()
    except (IndexError, ValueError):
        return 0.0


def _scheduled(pid: str) -> tuple[float, float]:
    """Seconds that a process ran, and that it was ready and had no processor: the machine's load, not its doing.

    The first two fields of /proc/PID/schedstat, in nanoseconds; 0 on kernels without it.
    """
    ran, waited, *_ = procfs.of_process(pid, "schedstat").split() or (0, 0)
    return int(ran) / 1e9, int(waited) / 1e9
