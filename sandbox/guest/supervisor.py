"""The supervisor: one long-lived process in the sandbox that forks a fresh process for each program and judges its end.

Theory of operation. The host sends one job at a time as a frame on stdin; one frame on stdout answers it. The
supervisor is the first process of its pid namespace, so no program can kill it, every orphan comes to it, and when the
host goes away (end of file on stdin) its exit ends everything. For each job it

    forks a child with its own uid, session, pipes and working directory (`child`),
    watches it: CPU time from /proc, the clock, the bytes it prints, the end of the host's stream,
    kills every other process of the namespace with one kill(-1): atomic, so that no fork can run ahead of it,
    empties the temporary file systems and looks for anything else that a program could leave (IPC objects),
    and says `dirty` where it is not sure, whereupon the host destroys the whole sandbox.

Why not `docker exec` per program: 70 ms each, no reset, and a process of the host's engine enters a container in which
hostile code has run. Why kill(-1) and not the process group: a program leaves its group with setsid().

Standard library only; it runs alone, sent over the wire, on the interpreter of the image.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import sys
import time
from typing import Any

from sandbox.guest import child, wire

WIRE_IN, WIRE_OUT = 0, 1
PRELOADABLE = ("numpy",)
TEMPORARY = ("/tmp", "/dev/shm", "/dev/mqueue")
IPC_LISTS = ("/proc/sysvipc/msg", "/proc/sysvipc/sem", "/proc/sysvipc/shm")
TICKS = os.sysconf("SC_CLK_TCK")
REPORT_BYTES = 8192
LOAD_FACTOR = 10.0  # a program on an overloaded machine may take this many times its wall limit, and no more
# What programs import most; forked children find them loaded. A longer list makes every fork slower.
WARM = [
    "array",
    "ast",
    "atexit",
    "bisect",
    "collections",
    "copy",
    "ctypes",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "inspect",
    "io",
    "itertools",
    "json",
    "linecache",
    "math",
    "operator",
    "os",
    "random",
    "re",
    "statistics",
    "string",
    "sys",
    "threading",
    "time",
    "traceback",
    "types",
    "typing",
]


def main(first_uid: int | None) -> None:
    """Serve jobs until the host closes the stream. `first_uid`: a fresh uid per program from here on; None: no uids."""
    if os.getpid() != 1:
        sys.exit("the supervisor must be the first process of a pid namespace: it ends programs with kill(-1)")
    for name in WARM:
        __import__(name)
    wire.write_all(WIRE_OUT, wire.encode(_hello()))
    uid = first_uid
    while (job := wire.receive(WIRE_IN)) is not None:
        wire.write_all(WIRE_OUT, wire.encode(_serve(job, uid)))
        uid = None if uid is None else uid + 1


def _hello() -> dict[str, object]:
    from importlib import metadata

    versions = {}
    for name in PRELOADABLE:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"python": ".".join(map(str, sys.version_info[:3])), "packages": versions, "pid": os.getpid()}


def _serve(job: dict[str, Any], uid: int | None) -> dict[str, object]:
    for name in job["preload"]:
        if name in PRELOADABLE:
            _preload(name)
    tests = job["tests"]
    if tests is None or tests["kind"] == "call":
        return _run(job, uid)
    return _run_cases(job, uid)


def _preload(name: str) -> None:
    """Import once here what the tests of many programs import: numpy costs 100 ms in each child otherwise."""
    try:
        __import__(name)
    except ImportError:  # the program's own import will say so
        pass


def _run_cases(job: dict[str, Any], uid: int | None) -> dict[str, object]:
    """Stdin/stdout tests: the program once per case, until the first that fails."""
    cases: list[str] = []
    wall_s = cpu_s = 0.0
    peak = 0
    for case in job["tests"]["cases"]:
        result: dict[str, Any] = _run({**job, "tests": None, "stdin": case["stdin"]}, uid)
        place = f"case {len(cases) + 1}: "
        if result["verdict"] != "ACCEPTED":
            result["detail"] = place + result["detail"]
        elif _lines(result["stdout"]) != _lines(case["stdout"]):
            result["verdict"], result["detail"] = "WRONG_ANSWER", place + "the output differs"
        cases.append(result["verdict"])
        wall_s, cpu_s = wall_s + result["wall_s"], cpu_s + result["cpu_s"]
        peak = max(peak, result["peak_memory_bytes"])
        if result["verdict"] != "ACCEPTED" or result["dirty"]:
            break
    return {**result, "cases": cases, "wall_s": wall_s, "cpu_s": cpu_s, "peak_memory_bytes": peak}


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _run(job: dict[str, Any], uid: int | None) -> dict[str, object]:
    nonce = secrets.token_hex(16)
    oom_before = _oom_kills()
    watch = _Watch(job, uid, nonce)
    try:
        watch.until_end()
        leftovers = _kill_all()
        watch.drain()
    finally:
        watch.close()
    dirty = _wipe()
    cpu_s = watch.cpu_s + leftovers
    oom = watch.signal == signal.SIGKILL and _oom_kills() != oom_before
    verdict, detail = _judge(job, watch, nonce, cpu_s, oom)
    return {
        "verdict": verdict,
        "detail": detail,
        "cases": [],
        "exit_code": watch.exit_code,
        "signal": watch.signal,
        "wall_s": round(watch.wall_s, 4),
        "cpu_s": round(cpu_s, 4),
        "peak_memory_bytes": watch.peak_memory_bytes,
        "stdout": watch.streams[watch.out].decode("utf-8", "replace"),
        "stderr": watch.streams[watch.err].decode("utf-8", "replace"),
        "truncated": watch.overflow,
        "dirty": dirty,
    }


class _Watch:
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
        self.stdin = job["stdin"].encode("utf-8", "surrogateescape")
        stdin_read, self.stdin_write = os.pipe()
        self.out, out_write = os.pipe()
        self.err, err_write = os.pipe()
        self.report, report_write = os.pipe()
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
        self.poll.register(WIRE_IN, 0)
        self._feed()
        if self.stdin_write >= 0:
            self.poll.register(self.stdin_write, select.POLLOUT)

    def until_end(self) -> None:
        """Return when the first process ended or a limit was passed, whatever its children hold open."""
        next_check = min(self.cpu_limit_s, self.wall_limit_s)
        while True:
            left = self.start + next_check - time.monotonic()
            for fd, _ in self.poll.poll(max(left, 0) * 1000 + 1):
                if fd == WIRE_IN:
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
                cpu_left = self.cpu_limit_s - cpu_of_others()
                wall_left = self.wall_limit_s - (elapsed - run_delay(self.pid))
                if cpu_left <= 0 or wall_left <= 0 or elapsed >= LOAD_FACTOR * self.wall_limit_s:
                    self.over_time = True
                    return self._kill()
                next_check = elapsed + max(min(cpu_left, wall_left), 0.02)

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


def _judge(job: dict[str, Any], watch: _Watch, nonce: str, cpu_s: float, oom: bool) -> tuple[str, str]:
    """Verdict and detail, from what the supervisor saw; the report only tells how a program that ended, ended."""
    return _limit_passed(job["limits"], watch, cpu_s, oom) or _end(job, watch, nonce)


def _limit_passed(limits: dict[str, Any], watch: _Watch, cpu_s: float, oom: bool) -> tuple[str, str] | None:
    if watch.overflow:
        return "OUTPUT_LIMIT", f"printed more than {limits['output_bytes']} bytes"
    if watch.over_time or watch.signal == signal.SIGXCPU:
        which = f"{limits['cpu_s']} s of CPU time" if cpu_s >= limits["cpu_s"] * 0.98 else f"{limits['wall_s']} s"
        return "TIME_LIMIT", f"ran for more than {which}"
    if oom:
        return "MEMORY_LIMIT", "killed: out of memory"
    return None


def _end(job: dict[str, Any], watch: _Watch, nonce: str) -> tuple[str, str]:
    """How a program ended that passed no limit that is measured from outside."""
    report = _report(bytes(watch.streams[watch.report]), nonce)
    if report is None and watch.streams[watch.report]:
        return "TAMPERED", "wrote to the report channel"
    report = report or {}
    detail = str(report.get("detail", ""))
    if report.get("error") == "MemoryError":
        return "MEMORY_LIMIT", f"MemoryError: over {job['limits']['memory_bytes'] // 2**20} MiB"
    if report.get("phase") in ("start", "compile"):
        return {"start": "INTERNAL_ERROR", "compile": "COMPILE_ERROR"}[report["phase"]], detail
    if watch.signal is not None:
        return "RUNTIME_ERROR", f"killed by signal {watch.signal} ({signal.Signals(watch.signal).name})"
    if (watch.exit_code == 0) if job["tests"] is None else (report.get("phase") == "done"):
        return "ACCEPTED", ""
    if report.get("phase") == "tests" and report.get("error") == "AssertionError":
        return "WRONG_ANSWER", detail
    return "RUNTIME_ERROR", detail or f"exit code {watch.exit_code}" + (
        " before the tests ended" if job["tests"] else ""
    )


def _report(data: bytes, nonce: str) -> dict[str, Any] | None:
    """The child's report where it is one and carries the nonce, else None."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if isinstance(message, dict) and message.get("nonce") == nonce:
        return message
    return None


def _pids() -> list[str]:
    own = str(os.getpid())
    return [name for name in os.listdir("/proc") if name.isdigit() and name != own]


def cpu_of_others() -> float:
    """CPU seconds of every other process here, with their waited-for children."""
    ticks = 0
    for pid in _pids():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS


def run_delay(pid: int) -> float:
    """Seconds that a process was ready to run and had no processor: the machine's load, not the program's doing.

    The second field of /proc/PID/schedstat, in nanoseconds; 0 on kernels without it.
    """
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _kill_all() -> float:
    """Kill every other process of the namespace, wait for each; the CPU seconds that those used."""
    cpu_s = 0.0
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return cpu_s
        cpu_s += usage.ru_utime + usage.ru_stime


def _wipe() -> bool:
    """Empty what a program can write to. True where something may have been left."""
    for root in TEMPORARY:
        try:
            entries = os.listdir(root)
        except FileNotFoundError:
            continue
        for name in entries:
            path = os.path.join(root, name)
            try:
                os.rmdir(path)
            except OSError:
                _remove(path)
        if entries and os.listdir(root):
            return True
    for path in IPC_LISTS:
        try:
            with open(path, "rb") as file:
                if file.read().count(b"\n") > 1:
                    return True
        except FileNotFoundError:
            continue
    return bool(_pids())


def _remove(path: str) -> None:
    """Remove a tree without following a link out of it; what cannot be removed is found by the caller."""
    if os.path.islink(path) or not os.path.isdir(path):
        try:
            os.unlink(path)
        except OSError:
            pass
    else:
        shutil.rmtree(path, ignore_errors=True)


def _oom_kills() -> int:
    """How often the kernel killed for memory here; 0 where it does not say (then no program is called over memory)."""
    for path in ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"):
        try:
            with open(path) as file:
                for line in file:
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        except OSError:
            continue
    return 0
