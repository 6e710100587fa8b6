"""The supervisor: one long-lived process in the sandbox that forks a fresh process for each run and watches its end.

Theory of operation. The host sends one job at a time: a frame that says how much follows, then the job itself. The
supervisor is the first process of its pid namespace, so no program can kill it, every orphan comes to it, and when the
host goes away (end of file on stdin) its exit ends everything. It is a manager of processes and never holds what they
work on: the job is spliced from the host to the judge, the judge's finding from the judge to the host. So a program,
which is a fork of the supervisor, finds no test, no expected result and no other program in its memory. For each run it

    makes the program's channel and pipes, and hands one end of each to the judge (`judge`),
    forks a child with its own uid, session and working directory (`child`),
    watches it (`watch`): CPU time, the clock, its end, the judge's word, the end of the host's stream,
    kills every process of that uid with one kill(-1): atomic, so that no fork can run ahead of it,
    empties the temporary file systems,
    and says `dirty` where it is not sure, whereupon the host destroys the whole sandbox.

Why not `docker exec` per program: 70 ms each, no reset, and a process of the host's engine enters a container in which
hostile code has run. Why kill(-1) and not the process group: a program leaves its group with setsid().

Standard library only; it runs alone, sent over the wire, on the interpreter of the image.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import os
import signal
import socket
import sys
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

from sandbox.guest import (
    building,
    cleaning,
    fetching,
    kept,
    landlock,
    places,
    procfs,
    program,
    reports,
    seccomp,
    testcode,
    wire,
)
from sandbox.guest.judge_process import JudgeProcess
from sandbox.guest.monitor import Watch, outside_cpu

INTERPRETER_BYTES = 64 * 2**20  # of a peak: the interpreter's own pages and numpy's
# Late by the clock with less CPU time than this share of it, and the disk was waited for: it may be the machine.
DOUBT = 0.5
TICK_S = 0.05  # what the measures of CPU time may differ by
SO_PASSRIGHTS = 83
UIDS = 1024  # of one sandbox: `pool.UID_BLOCK`
CGROUP = "/sys/fs/cgroup"
OOM_FILES = (f"{CGROUP}/memory/memory.oom_control", f"{CGROUP}/memory.events")
SCRATCH = "/tmp/preload"
OFTEN = 3  # programs of one sandbox that import a package before it is loaded for all
_wanted: dict[str, int] = {}
# the arguments of `program.main`
Start = tuple[program.Start, tuple[int, ...], int, int | None, landlock.Rules | None]
# What programs import most: forked children find it loaded. Every other module costs each fork its pages (3 µs a page),
# and `threading` 0.6 ms: what it does after a fork touches 110 of them.
WARM = (
    "bisect", "collections", "copy", "functools", "heapq", "itertools", "linecache", "math", "operator", "os", "re",
    "string", "sys", "time", "traceback", "types", "typing",
)  # fmt: skip


def main(
    first_uid: int | None, rendezvous_path: str | None, loopback: bool, calls: Sequence[str]
) -> Generator[Start, int, None]:
    """Serve jobs until the host closes the stream. Yields what each program is started with, takes its pid.

    first_uid: the judge's uid; each program has a fresh one from there on. None: no uids.
    rendezvous_path: the path of a socket on which the host listens; where it can be reached the stream moves there.
    loopback: whether programs may open sockets of the Internet's kind. calls: names of system calls that they may make
    beside those that all may.
    """
    if os.getpid() != 1:
        sys.exit("the supervisor must be the first process of a pid namespace: it ends programs with kill(-1)")
    if rendezvous_path is not None:
        _move(rendezvous_path)
    for name in WARM:
        __import__(name)
    program.drop_shared_state()
    cleaning.prepare()
    places.limit_files()
    if first_uid is not None:
        os.setgroups([])
    call_filter = seccomp.Filter(loopback, calls)
    gc.freeze()
    judge = JudgeProcess(first_uid, call_filter)
    walls = _Walls(landlock.Rules.make(loopback), call_filter.install_with_listener())
    keeper = kept.Keeper(_uid_of_compilers(first_uid))
    wire.write_all(wire.HOST_OUT, wire.encode(_hello()))
    uids = itertools.repeat(None) if first_uid is None else _uids(first_uid)
    while (order := wire.receive(wire.HOST_IN)) is not None:
        yield from _serve(order, uids, judge, walls, keeper)
    sys.exit(0)


def _uids(first: int) -> Iterator[int]:
    """Those above `first`, in an order that nobody can foresee: a program's is no count of those before it.

    A user's processes are gone and its files wiped before its number comes again.
    """
    count = UIDS - 2  # without the judge's and that of compilers that are kept
    steps = [step for step in range(2, count) if math.gcd(step, count) == 1]
    at, drawn = (int.from_bytes(os.urandom(4), "big") for _ in range(2))
    while True:
        at += steps[drawn % len(steps)]
        yield first + 1 + at % count


def _uid_of_compilers(first: int | None) -> int | None:
    """Of those that are kept: the last one, which no program is given."""
    return None if first is None else first + UIDS - 1


def _move(rendezvous_path: str) -> None:
    """Speak over a socket from here on, without the engine's relay between; stay where it cannot be reached."""
    found = socket.socket(socket.AF_UNIX)
    try:
        found.connect(rendezvous_path)
    except OSError:  # an engine on another machine, or one that maps root to another user
        found.close()
        return
    os.dup2(found.fileno(), wire.HOST_IN)
    os.dup2(found.fileno(), wire.HOST_OUT)
    found.close()


def _hello() -> dict[str, object]:
    """The versions of what is here, from the names of their metadata: importlib.metadata loads 3 MB for it."""
    versions: dict[str, str] = {}
    for folder in filter(os.path.isdir, sys.path):
        for entry in os.listdir(folder):
            name, _, version = entry.removesuffix(".dist-info").partition("-")
            if entry.endswith(".dist-info") and name in testcode.PRELOADABLE:
                versions.setdefault(name, version)
    return {"python": ".".join(map(str, sys.version_info[:3])), "packages": versions}


class _Walls:
    """What programs are held by. rules: of Landlock, None where there are none. refusals: None where nobody tells."""

    def __init__(self, rules: landlock.Rules | None, listener: int | None) -> None:
        self.rules = rules
        self.refusals = None if listener is None else seccomp.Refusals(listener)


class _Step(NamedTuple):
    """One process of a job. number: of the case; first: the job comes with it; compiles: it makes what others run.

    asks: it asks a compiler that is kept, by command and environment; empty for all other steps.
    """

    number: int
    first: bool
    last: bool
    compiles: bool
    limits: dict[str, Any]
    start: program.Start
    asks: dict[str, Any]


class _End(NamedTuple):
    """Of a step. go_on: whether the next may follow; settled: whether it needs no further attempt."""

    go_on: bool
    settled: bool


def _serve(
    order: dict[str, Any], uids: Iterator[int | None], judge: JudgeProcess, walls: _Walls, keeper: kept.Keeper
) -> Generator[Start, int, None]:
    """All steps of a job, up to the first that is not accepted; each has a user of its own."""
    for name in order["preload"]:
        if name in testcode.PRELOADS:
            _preload(name)
    compiled = False
    for step in _steps(order, judge.has_uid):
        if compiled and step.compiles:
            continue
        end = yield from _run(order, step, next(uids), judge, walls, keeper)
        compiled = compiled or (end.go_on and end.settled) or not step.compiles
        if not end.go_on or step.last:
            break
    if order["language"]:
        # without uids a program could change its own copy, and the sandbox serves one
        building.put_away(order["language"]["digest"] if compiled and judge.has_uid else None)


def _steps(order: dict[str, Any], has_uids: bool) -> Iterator[_Step]:
    """Compiling first, where there is a compiler; then each run.

    By one that is kept, where there is one, then by the usual command: that is left out where the first has settled it.
    """
    cgroup = os.path.isdir(CGROUP)
    language = order["language"]
    compiles = bool(language and language["compile"]) and not building.restore(language["digest"])
    asks = language["kept"] if compiles and has_uids else {}
    ways = [asks, {}] if asks else [{}]
    for way in ways if compiles else []:
        limits = {**language["compile_limits"], **(kept.LIMITS if way else {}), "cgroup": cgroup}
        start = program.Start(
            limits, language["compile"], language["source_file"], language["environment"], building.MADE,
            language["files"], bool(way),
        )  # fmt: skip
        first = way is ways[0]
        yield _Step(number=0, first=first, last=False, compiles=True, limits=limits, start=start, asks=way)
    limits = {**order["limits"], "cgroup": cgroup}
    start = program.Start(limits)
    if language:
        limits["memory_bytes"] += language["runtime_bytes"]
        start = program.Start(
            limits, language["run"], language["source_file"], language["environment"], "", language["files"]
        )
    for number in range(order["runs"]):
        first, last = number == 0 and not compiles, number + 1 == order["runs"]
        yield _Step(number=number, first=first, last=last, compiles=False, limits=limits, start=start, asks={})


def _preload(name: str) -> None:
    """Import here what many programs import: numpy costs each 100 ms, and once it is here every fork 1 ms."""
    _wanted[name] = _wanted.get(name, 0) + 1
    if _wanted[name] != OFTEN:
        return
    import shutil  # with the compressors that it loads 0.3 MB, of which every fork copies the page tables

    os.environ["MPLCONFIGDIR"] = SCRATCH  # matplotlib keeps a list of fonts, and else leaves a folder to every program
    os.makedirs(SCRATCH, exist_ok=True)
    try:
        __import__(testcode.PRELOADS[name])
    except ImportError:  # the program's own import will say so
        pass
    del os.environ["MPLCONFIGDIR"]
    shutil.rmtree(SCRATCH, ignore_errors=True)
    if "tempfile" in sys.modules:
        vars(sys.modules["tempfile"])["tempdir"] = None  # a program's own is another
    gc.freeze()  # else each program's collector touches all of it


def _run(
    order: dict[str, Any], step: _Step, uid: int | None, judge: JudgeProcess, walls: _Walls, keeper: kept.Keeper
) -> Generator[Start, int, _End]:
    """One step: two frames to the host, the judge's finding and what was measured."""
    oom_before = _oom_kills()
    watch = yield from _start(order, step, uid, judge, walls, keeper)
    gone, leftovers_s = _end_program(order, step, uid, judge, watch, keeper)
    unkept = building.keep(reports.WORKDIR) if step.compiles and gone and watch.exit_code == 0 else None
    if step.last and order["fetch"]:
        fetching.send(order["fetch"] if gone else [], uid, reports.WORKDIR)
    clean = gone and cleaning.wipe(reports.WORKDIR, step.start.source_file or reports.SCRIPT, uid)
    cpu_s = watch.cpu_s + leftovers_s
    if judge.alive and judge.fault is None:  # else nobody can tell the judge's part in what the cgroup counted
        cpu_s = max(cpu_s, watch.cgroup_cpu_s(judge.run_cpu_s))
    oom = watch.over_memory or _oom_kills() != oom_before  # of any of its processes
    passed = _limit_passed(step.limits, watch, cpu_s, oom) or judge.fault or unkept
    if passed is None and order["calls"] and watch.ended and judge.go_on:
        passed = "RUNTIME_ERROR", "ended before its tests did"  # another process answered in its place
    go_on = clean and _goes_on(order, step, judge, watch, passed)
    settled = not step.asks or (watch.exit_code in kept.SURE and passed in (None, unkept))
    if not settled:  # whatever went wrong there: the usual command will say
        keeper.end()
        go_on = judge.go_on and judge.fault is None and clean
        passed = None if go_on else ("INTERNAL_ERROR", "a compiler that is kept gave no answer")
    elif step.asks:
        keeper.rest()
    measured = {
        "compiles": step.compiles,
        "limit": passed,
        "exit_code": watch.exit_code,
        # our own kill of a program that waits for more questions is no end of its own
        "signal": watch.signal if watch.ended or watch.over_time or not order["calls"] else None,
        "wall_s": round(watch.wall_s, 4),
        "cpu_s": round(cpu_s, 4),
        "judge_cpu_s": round(judge.run_cpu_s, 4),
        "peak_memory_bytes": watch.peak_memory_bytes,
        "doubtful": watch.over_time and watch.waited_for_disk and cpu_s < DOUBT * step.limits["wall_s"],
        "starved": watch.starved,
        "refused": walls.refusals.by_name() if walls.refusals else {},
        "dirty": not clean,
        "last": step.last or not go_on,
    }
    watch.close()
    os.sched_setaffinity(0, procfs.PROCESSORS)
    wire.write_all(wire.HOST_OUT, wire.encode(measured))
    return _End(go_on, settled)


def _end_program(
    order: dict[str, Any], step: _Step, uid: int | None, judge: JudgeProcess, watch: Watch, keeper: kept.Keeper
) -> tuple[bool, float]:
    """Wait for a program's end, or end it, with all that it started; have the judge's finding passed on.

    Whether nothing of it is left, and the CPU seconds of what it had left.
    """
    watch.until_end()
    if not order["calls"]:
        watch.let_end()
    watch.kill()
    cleaning.kill_program(uid, {judge.pid})
    watch.reap()  # only now: a process of low priority dies late while others of its kind take the processor
    leftovers_s = cleaning.reap(keeper.pids) + (watch.kept_cpu_s() if step.asks else 0.0)
    if watch.until_judged():
        judge.take()
    else:
        watch.over_time = True
        judge.kill()
    return judge.alive and cleaning.all_gone(uid, judge.pids, keeper.pids), leftovers_s


def _goes_on(
    order: dict[str, Any], step: _Step, judge: JudgeProcess, watch: Watch, passed: tuple[str, str] | None
) -> bool:
    """Whether the next step may follow, if nothing of this one is left."""
    if order["all_cases"] and not step.compiles:  # each run says something by itself, however it ends
        ours = passed is not None and passed[0] == "INTERNAL_ERROR"
        return judge.go_on and judge.alive and judge.fault is None and not ours
    return judge.go_on and passed is None and watch.exit_code == 0


def _start(
    order: dict[str, Any], step: _Step, uid: int | None, judge: JudgeProcess, walls: _Walls, keeper: kept.Keeper
) -> Generator[Start, int, Watch]:
    """Hand the judge its ends; have the program forked; then splice the job to the judge, with the first run.

    Both are kept on the processor that this one is on: a question and its answer then cost 20 µs, and 110 where each
    wakes the other on another processor. The next program may be elsewhere. A command that is asked nothing may use all
    processors: a JVM starts on two of them in three quarters of the time.
    """
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # the judge is told which process sends
    with contextlib.suppress(OSError):  # kernels before 6.16: there the judge drops descriptors that are sent
        ours.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
    stdin_read, stdin_write = os.pipe()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    signs = order["signs"] and not step.compiles
    sign_read, sign_write = os.pipe() if signs else (-1, -1)
    programs = (stdin_read, out_write, err_write, sign_write)[: 3 + signs]
    judges = (ours.detach(), stdin_write, out_read, err_read, sign_read)[: 4 + signs]
    for fd in programs:
        os.fchmod(fd, 0o666)  # /dev/stdin and its kin are opened by the program's own user
    cpu = _stay() if order["calls"] or not step.start.command else None
    about = {
        "run": step.number, "first": step.first, "compile": step.compiles, "more": not step.last,
        "tests": order["tests"], "limits": step.limits, "cpu": cpu,
    }  # fmt: skip
    judge.order(about, list(judges))
    for fd in judges:
        os.close(fd)
    if walls.rules is not None:
        walls.rules.renew()
    if walls.refusals is not None:
        walls.refusals.clear()
    cgroup_start = outside_cpu()
    theirs_fd = theirs.detach()
    asked = (os.dup(keeper.wake(**step.asks)),) if step.asks else ()
    pid = yield step.start, (*programs, *asked), theirs_fd, uid, walls.rules
    for fd in (theirs_fd, *programs, *asked):
        os.close(fd)
    # only now: not even the length of the tests is in the memory of a process that was forked before
    if step.first and not wire.splice_frame(wire.HOST_IN, judge.body):
        sys.exit(0)
    return Watch(pid, step.limits, judge, cgroup_start, walls.refusals, keeper)


def _stay() -> int | None:
    """Stay on this processor, with all that is forked from here on; its number, None where the kernel does not say."""
    cpu = seccomp.libc().sched_getcpu()
    if cpu not in procfs.PROCESSORS:
        return None
    os.sched_setaffinity(0, (cpu,))
    return int(cpu)


def _limit_passed(limits: dict[str, Any], watch: Watch, cpu_s: float, oom: bool) -> tuple[str, str] | None:
    """Verdict and detail where a limit was passed that is measured from outside."""
    if watch.starved and cpu_s <= limits["cpu_s"]:
        return "INTERNAL_ERROR", f"the machine gave it {cpu_s:.1f} s of CPU time in {watch.wall_s:.0f} s"
    if watch.over_time or watch.signal == signal.SIGXCPU or cpu_s > limits["cpu_s"] + TICK_S:
        which = f"{limits['cpu_s']} s of CPU time" if cpu_s >= limits["cpu_s"] * 0.98 else f"{limits['wall_s']} s"
        return "TIME_LIMIT", f"ran for more than {which}"
    if oom:
        return "MEMORY_LIMIT", "killed: out of memory"
    if watch.peak_memory_bytes > limits["memory_bytes"] + INTERPRETER_BYTES:  # memory that it shared with itself
        return "MEMORY_LIMIT", f"used {watch.peak_memory_bytes >> 20} MiB"
    return None


def _oom_kills() -> int:
    """How often the kernel killed for memory here; 0 where it does not say (then no program is called over memory)."""
    for line in procfs.read(OOM_FILES).splitlines():
        if line.startswith(b"oom_kill "):
            return int(line.split()[1])
    return 0
