"""How many samples the harness's own process can take: its CPU time for a sample, whatever the sandboxes take.

    python -m tests.bench.host_capacity --samples 20000

A whole `harness score` of HumanEval, each sample another program, with stand-ins for the guests that read each order and
answer at once what a guest answers to a right program: the only stand-in there is. Reading, planning, deduplication,
sending, judging by the answer, scoring, storing, progress, summary and results file are all in the figure. Printed, from
two sizes, so that the start is left out: CPU milliseconds and KB of memory for a sample, samples for a CPU second.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sandbox
from harness.cli.display.run import RunDisplay
from harness.config import RunConfig
from harness.datasets import load_set
from harness.pipeline import run, shards
from harness.pipeline.execute import LocalSandboxes
from sandbox import Limits
from sandbox.backends import docker
from sandbox.guest import wire
from sandbox.pool import Pool
from sandbox.preflight import Finding
from tests.bench import systems

FINDING = {"verdict": "ACCEPTED", "detail": "", "truncated": False, "calls": 7, "stdout": "", "stderr": "", "gone": []}
MEASURED = {
    "compiles": False, "limit": None, "exit_code": None, "signal": None, "wall_s": 0.0044, "cpu_s": 0.0025,
    "judge_cpu_s": 0.0036, "peak_memory_bytes": 12451840, "doubtful": False, "starved": False, "refused": {},
    "dirty": False, "last": True,
}  # fmt: skip
# Reads frames, and answers every second one: an order, then what goes past the supervisor to the judge.
STAND_IN = """
import os, sys
answer = bytes.fromhex(sys.argv[1])
hello = bytes.fromhex(sys.argv[2])
data = bytearray()
def frame():
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], 'big'):
        chunk = os.read(0, 1 << 18)
        if not chunk: os._exit(0)
        data.extend(chunk)
    del data[:4 + int.from_bytes(data[:4], 'big')]
frame()
os.write(0, hello)
while True:
    frame()
    frame()
    os.write(0, answer)
"""


class StandIns:
    """Starts stand-ins, each a process. They are not waited for, so that their CPU time is nobody's."""

    def __call__(self) -> docker.DockerStream:
        """The stream of one."""
        ours, theirs = socket.socketpair()
        answer = (wire.encode(FINDING) + wire.encode(MEASURED)).hex()
        hello = wire.encode({"python": "3.11.7", "packages": {}}).hex()
        arguments = [sys.executable, "-I", "-S", "-c", STAND_IN, answer, hello]
        os.posix_spawn(sys.executable, arguments, {}, file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)])
        theirs.close()
        return _Stream(ours)

    def close(self) -> None:
        """They end with their streams."""


class _Stream(docker.DockerStream):
    """A container's stream, once its guest has connected."""

    def __init__(self, connection: socket.socket) -> None:
        self.name, self.rendezvous_path = "stand-in", None
        docker.be_patient(connection)
        self._connection, self._rendezvous, self._buffer = connection, None, bytearray()

    def _said(self) -> str:
        return ""

    def kill(self) -> None:
        """See `close`."""

    def close(self) -> None:
        """It ends with its stream."""
        if self._connection is not None:
            self._connection.close()


class _Pool(Pool):
    """A stand-in denies nothing."""

    def prove_denials(self) -> list[Finding]:
        """Nothing is run."""
        return []


@dataclass(kw_only=True)
class Sandboxes(LocalSandboxes):
    """Stand-ins in the place of this machine's sandboxes."""

    def open(self, limits: Iterable[Limits], most: int) -> Pool:
        """A pool of them."""
        workers = max(1, min(self.workers(), most))
        ceiling = sandbox.ceiling(list(limits))
        return _Pool(StandIns(), backend="docker", workers=workers, ceiling=ceiling, uids=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What one whole run took. wall_s: by the clock."""

    cpu_s: float
    wall_s: float
    peak_mb: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default=str(systems.HUMANEVAL), help="HumanEval.jsonl.gz")
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=None, help="sandboxes; default: as many as the machine has")
    parser.add_argument("--processes", type=int, default=1, help="of the host, among which the problems are dealt out")
    parser.add_argument("--profile", action="store_true", help="print where the time of all threads goes instead")
    options = parser.parse_args()
    if options.processes > 1:
        options.workers = options.workers or 3 * options.processes
        shards.SANDBOXES_OF_ONE = -(-options.workers // options.processes)
    print(f"{systems.load()}", flush=True)
    sizes = (options.samples,) if options.profile else (options.samples // 4, options.samples)
    found = {}
    for count in sizes:
        found[count] = used = measure(options.problems, count, options.workers, profile=options.profile)
        print(
            f"{count:,} samples: {used.cpu_s:.2f} s of CPU time, {used.wall_s:.2f} s, {used.peak_mb:.0f} MB", flush=True
        )
    if len(found) == 2:
        (few, less), (many, more) = found.items()
        cpu_ms = 1000 * (more.cpu_s - less.cpu_s) / (many - few)
        kilobytes = 1024 * (more.peak_mb - less.peak_mb) / (many - few)
        print(
            f"a sample: {cpu_ms:.3f} ms of CPU time and {kilobytes:.2f} KB; {1000 / cpu_ms:,.0f} samples for a CPU second; "
            f"by the clock {(many - few) / (more.wall_s - less.wall_s):,.0f}/s, stand-ins beside it"
        )


def measure(problems: str, count: int, workers: int | None, *, profile: bool) -> Used:
    """What a run of so many samples takes, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        samples = Path(name, "samples.jsonl")
        _write(samples, problems, count)
        start = time.monotonic()
        child = os.fork()  # a peak is a process's own
        if child == 0:
            os.chdir(name)
            _profiled(problems, samples, workers) if profile else _score(problems, samples, workers)
            os._exit(0)
        _, status, usage = os.wait4(child, 0)
        wall_s = time.monotonic() - start
    if status:
        raise SystemExit(f"a run ended with {os.waitstatus_to_exitcode(status)}")
    return Used(cpu_s=usage.ru_utime + usage.ru_stime, wall_s=wall_s, peak_mb=usage.ru_maxrss / 1024)


def _write(path: Path, problems: str, count: int) -> None:
    """Each sample a program of its own."""
    loaded = load_set(problems, path.parent).problems
    with open(path, "w") as file:
        for n in range(count):
            problem = loaded[n * len(loaded) // count]
            row = {"task_id": problem.id, "completion": f"{problem.references[0]}\n# {n}\n"}
            file.write(json.dumps(row) + "\n")


def _score(problems: str, samples: Path, workers: int | None) -> None:
    config = RunConfig(problems=problems, samples=samples, engine="replay", workers=workers)
    with RunDisplay(quiet=True) as observer:
        result = run.run(config, observer, sandboxes=Sandboxes(backend="docker", count=workers))
    run.write_results(config, result, samples.with_name("results.jsonl"))
    if not result.complete or set(result.summary["verdicts"]) != {"ACCEPTED"}:
        raise SystemExit(f"not every sample was accepted: {result.summary['verdicts']}")


def _profiled(problems: str, samples: Path, workers: int | None) -> None:
    """Of every thread, in CPU time of the thread."""
    profiles = [cProfile.Profile(time.thread_time)]
    work = threading.Thread.run

    def profiled(self: threading.Thread) -> None:
        mine = cProfile.Profile(time.thread_time)
        profiles.append(mine)
        mine.runcall(work, self)

    threading.Thread.run = profiled  # type: ignore[method-assign]
    profiles[0].runcall(_score, problems, samples, workers)
    found: Any = pstats.Stats(profiles[0])
    for each in profiles[1:]:
        found.add(each)
    found.sort_stats("tottime").print_stats(60)
    sys.stdout.flush()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{used.ru_utime:.2f} s user, {used.ru_stime:.2f} s system, {used.ru_nvcsw} waits, {used.ru_nivcsw} preemptions"
    )


if __name__ == "__main__":
    main()
