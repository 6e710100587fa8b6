"""The supervisor: one long-lived process in the sandbox that forks a fresh process for each program and judges its end.

Theory of operation. The host sends one job at a time as a frame on stdin; one frame on stdout answers it. The
supervisor is the first process of its pid namespace, so no program can kill it, every orphan comes to it, and when the
host goes away (end of file on stdin) its exit ends everything. For each job it

    forks a child with its own uid, session, pipes and working directory (`child`),
    watches it (`watch`): CPU time, the clock, the bytes it prints, the end of the host's stream,
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
import signal
import sys
from typing import Any

from sandbox.guest import child, seccomp, wire
from sandbox.guest.watch import Watch, others

PRELOADABLE = ("numpy",)
TEMPORARY = ("/tmp", "/dev/shm", "/dev/mqueue")
INTERPRETER_BYTES = 64 * 2**20  # of a peak: the interpreter's own pages and numpy's
TICK_S = 0.05  # what the measures of CPU time may differ by
MAX_ENTRIES = 10_000
IPC_LISTS = ("/proc/sysvipc/msg", "/proc/sysvipc/sem", "/proc/sysvipc/shm")
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
    # Not dumpable: its memory and descriptors are closed to programs, even where they share its uid.
    child.control_process(child.PR_SET_DUMPABLE, 0)
    seccomp.prepare()
    for name in WARM:
        __import__(name)
    wire.write_all(wire.HOST_OUT, wire.encode(_hello()))
    uid = first_uid
    while (job := wire.receive(wire.HOST_IN)) is not None:
        wire.write_all(wire.HOST_OUT, wire.encode(_serve(job, uid)))
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
        elif result["dirty"] and len(cases) + 1 < len(job["tests"]["cases"]):
            result["verdict"], result["detail"] = "RUNTIME_ERROR", place + "left something behind for the next case"
        cases.append(result["verdict"])
        wall_s, cpu_s = wall_s + result["wall_s"], cpu_s + result["cpu_s"]
        peak = max(peak, result["peak_memory_bytes"])
        if result["verdict"] != "ACCEPTED":
            break
    return {**result, "cases": cases, "wall_s": wall_s, "cpu_s": cpu_s, "peak_memory_bytes": peak}


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _run(job: dict[str, Any], uid: int | None) -> dict[str, object]:
    nonce = secrets.token_hex(16)
    oom_before = _oom_kills()
    watch = Watch(job, uid, nonce)
    try:
        watch.until_end()
        leftovers = _kill_all()
        watch.drain()
    finally:
        watch.close()
    dirty = _wipe()
    cpu_s = max(watch.cpu_s + leftovers, watch.cgroup_cpu_s())
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


def _judge(job: dict[str, Any], watch: Watch, nonce: str, cpu_s: float, oom: bool) -> tuple[str, str]:
    """Verdict and detail, from what the supervisor saw; the report only tells how a program that ended, ended."""
    return _limit_passed(job["limits"], watch, cpu_s, oom) or _end(job, watch, nonce)


def _limit_passed(limits: dict[str, Any], watch: Watch, cpu_s: float, oom: bool) -> tuple[str, str] | None:
    if watch.overflow:
        return "OUTPUT_LIMIT", f"printed more than {limits['output_bytes']} bytes"
    if watch.over_time or watch.signal == signal.SIGXCPU or cpu_s > limits["cpu_s"] + TICK_S:
        which = f"{limits['cpu_s']} s of CPU time" if cpu_s >= limits["cpu_s"] * 0.98 else f"{limits['wall_s']} s"
        return "TIME_LIMIT", f"ran for more than {which}"
    if oom:
        return "MEMORY_LIMIT", "killed: out of memory"
    if watch.peak_memory_bytes > limits["memory_bytes"] + INTERPRETER_BYTES:  # memory that it shared with itself
        return "MEMORY_LIMIT", f"used {watch.peak_memory_bytes >> 20} MiB"
    return None


def _end(job: dict[str, Any], watch: Watch, nonce: str) -> tuple[str, str]:
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
        return "RUNTIME_ERROR", f"killed by {_signal_name(watch.signal)}"
    if (watch.exit_code == 0) if job["tests"] is None else (report.get("phase") == "done"):
        return "ACCEPTED", ""
    if report.get("phase") == "tests" and report.get("error") == "AssertionError":
        return "WRONG_ANSWER", detail
    return "RUNTIME_ERROR", detail or f"exit code {watch.exit_code}" + (
        " before the tests ended" if job["tests"] else ""
    )


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _report(data: bytes, nonce: str) -> dict[str, Any] | None:
    """The child's report where it is one and carries the nonce, else None."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if isinstance(message, dict) and message.get("nonce") == nonce:
        return message
    return None


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
    """Empty what a program can write to. True where something may have been left: the host then ends this sandbox."""
    try:
        return not all(_empty(root) for root in TEMPORARY if os.path.isdir(root)) or _left_ipc() or bool(others())
    except Exception:  # whatever a program made of its files: in doubt, dirty
        return True


def _empty(root: str) -> bool:
    """Remove all that is in `root`, without following a link; whether it is empty now.

    A directory in a directory is first moved up to `root`: no depth of nesting costs recursion, descriptors or a path
    that is too long. Gives up after MAX_ENTRIES: a fresh sandbox is sooner there.
    """
    top = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        pending = os.listdir(top)
        entries = len(pending)
        while pending and entries <= MAX_ENTRIES:
            name = pending.pop()
            if _unlink(name, top):
                continue
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                inside = os.listdir(folder)
                entries += len(inside)
                for child_name in inside[:MAX_ENTRIES]:
                    if not _unlink(child_name, folder):
                        pending.append(f"moved-{secrets.token_hex(8)}")
                        os.rename(child_name, pending[-1], src_dir_fd=folder, dst_dir_fd=top)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)
        return not os.listdir(top)
    finally:
        os.close(top)


def _unlink(name: str, folder: int) -> bool:
    """Remove one entry; False where it is a directory that is not empty."""
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError:
            return False
    return True


def _left_ipc() -> bool:
    """Whether a System V object is there: the lists have a heading, and a line for each."""
    for path in IPC_LISTS:
        if os.path.exists(path):
            with open(path, "rb") as file:
                if file.read().count(b"\n") > 1:
                    return True
    return False


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
