"""A Ray cluster beside one machine, in pairs of one run. Takes root: hosts are network namespaces of this machine.

    python -m tests.bench.cluster [--rounds 3] [--programs 100000]

waiting   programs that sleep: all three nodes beside one, of 8 sandboxes each. To be at least 2.7.
quick     HumanEval's references, executed, through one Ray node beside the pool of the same machine. At least 0.9.
driver    CPU milliseconds of the driving process per program, in batches of 64, with a node that answers at once: what
          is left is ours, Ray's and the wire's. At most 0.2. The use of the object store is looked at meanwhile.
run       the same for a whole `harness score`, with 100 hosts in its own process, each as fast as a node of 50 programs
          a second: planning, deduplication, scoring and writing too, and the memory that a program costs. It takes no
          Ray and no root.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sandbox
from harness.cli.display.run import RunDisplay
from harness.config import RunConfig
from harness.datasets import load_set
from harness.pipeline import run
from harness.pipeline.execute import LocalSandboxes, Runner
from harness.scale import cluster as ray_cluster_module
from harness.scale.cluster import Cluster, Connection, NodeLink
from harness.scale.dispatch import LANES, Dispatcher
from harness.scale.node import Node
from harness.tasks import codegen
from harness.types import Completion, Problem
from sandbox import CallTests, Execution, Limits, Program, Tests, Verdict, parcels
from sandbox.parcels import Answer
from tests.bench import systems
from tests.fixtures.places import ROOT
from tests.fixtures.ray_hosts import ray_cluster

SLEEP_S = 0.5
ACCEPTED = Execution(verdict=Verdict.ACCEPTED)
HOSTS, RATE = 100, 50  # of `run`: how many, and how many programs each executes in a second
SANDBOXES = 3  # of each
IN_TIME = Execution(verdict=Verdict.ACCEPTED, wall_s=SANDBOXES / RATE)
QUIET: Callable[[str], None] = lambda _: None  # noqa: E731 - a name for nothing


class Immediate(Node):
    """A node that answers at once, without executing: what the way there and back costs."""

    def open(self, identity: Any, limits: Limits, workers: int | None) -> dict[str, Any]:
        """No sandbox."""
        self._threads = ThreadPoolExecutor(2)
        return {"workers": 64}

    def _run(self, lane: Any, at: int, item: Any, tests: Any) -> None:
        lane.end(Answer(index=at, execution=ACCEPTED))


class Some:
    """The first few nodes of a cluster."""

    def __init__(self, whole: Cluster, most: int) -> None:
        self._whole, self._most = whole, most

    def present(self) -> Sequence[str]:
        """Their names."""
        return self._whole.present()[: self._most]

    def open_link(self, name: str) -> NodeLink:
        """As the cluster does."""
        return self._whole.open_link(name)


def main() -> None:
    """Start the hosts, and measure on the first of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--programs", type=int, default=100_000)
    parser.add_argument("--parts", default="waiting,quick,driver,run")
    parser.add_argument("--problems", default=str(systems.HUMANEVAL), help="HumanEval.jsonl.gz")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measure(options)
        return
    if options.parts == "run":
        whole_run(options.programs)
        return
    with tempfile.TemporaryDirectory() as folder, ray_cluster(Path(folder)) as hosts:
        hosts.start(2 if "waiting" in options.parts else 0)
        given = [*sys.argv[1:], "--inside"]
        raise SystemExit(hosts.popen(sys.executable, "-m", "tests.bench.cluster", *given, cwd=ROOT).wait())


def measure(options: argparse.Namespace) -> None:
    """All parts, on the head."""
    parts = options.parts.split(",")
    with Connection("auto") as connection:
        print(systems.load(), flush=True)
        if "waiting" in parts:
            ratios = [waiting(connection) for _ in range(options.rounds)]
            print(f"waiting: three nodes / one: {_shown(ratios)}, median {statistics.median(ratios):.2f}", flush=True)
        if "quick" in parts:
            problems = list(load_set(options.problems, Path(".cache")).problems)
            pairs = [quick(connection, problems) for _ in range(options.rounds)]
            ratios = [here / there for here, there in pairs]
            rate = len(problems) / statistics.median(here for here, _ in pairs)
            print(
                f"quick: one Ray node / the local pool: {_shown(ratios)}, median {statistics.median(ratios):.2f}; "
                f"locally {rate:.0f} programs a second; {systems.load()}",
                flush=True,
            )
        ray_cluster_module.Node = Immediate  # type: ignore[misc]  # from here on nodes answer at once
        if "driver" in parts:
            driver(connection, options.programs)
    if "run" in parts:
        whole_run(min(options.programs, 20_000))


def waiting(connection: Connection) -> float:
    """How much sooner three nodes are done than one."""
    taken = {}
    for nodes in (1, 3):
        whole = Cluster(connection, LocalSandboxes(count=8))
        whole.identity(QUIET)
        with Dispatcher(Some(whole, nodes), Limits()) as pool:
            if len(pool.hosts()) != nodes:
                raise SystemExit(f"waiting: {pool.hosts()} are used, not {nodes} nodes: a busy machine?")
            list(_all(pool, _sleeping(8 * nodes)))  # every sandbox is up
            start = time.monotonic()
            list(_all(pool, _sleeping(240)))
            taken[nodes] = time.monotonic() - start
    return taken[1] / taken[3]


def quick(connection: Connection, problems: Sequence[Problem]) -> tuple[float, float]:
    """Seconds for the references here, and through a Ray node of this machine."""
    work = [(_program(problem), problem.tests, problem.limits or Limits()) for problem in problems]
    ceiling = sandbox.ceiling([limits for _, _, limits in work])
    seconds = []
    local = LocalSandboxes()
    local.identity(QUIET)
    with local.open([ceiling], len(work)) as pool:
        seconds.append(_timed(pool, work))
    whole = Cluster(connection, LocalSandboxes())
    whole.identity(QUIET)
    with Dispatcher(Some(whole.for_limits([ceiling]), 1), ceiling) as far:
        seconds.append(_timed(far, work))
    return seconds[0], seconds[1]


def driver(connection: Connection, programs: int) -> None:
    """CPU of this process per program, and the object store's use."""
    whole = Cluster(connection, LocalSandboxes())
    whole.identity(QUIET)
    tests = CallTests(source="assert f(1) == 2\n" * 20, entry_point="f")
    used: list[float] = []
    with Dispatcher(whole, Limits()) as pool:
        work = (
            (Program(source=f"def f(x):\n    return x + 1\n# {n}\n" * 12), tests, Limits()) for n in range(programs)
        )
        for _ in _all(pool, (next(work) for _ in range(2000))):
            pass
        start_cpu, start = _cpu_s(), time.monotonic()
        done = 0
        for done, _ in enumerate(_all(pool, work), 1):
            if done % (programs // 10) == 0:
                used.append(_object_store_mb(connection))
        cpu_ms = 1000 * (_cpu_s() - start_cpu) / done
        rate = done / (time.monotonic() - start)
    print(
        f"driver: {cpu_ms:.3f} ms of CPU a program over {done:,} programs ({rate:.0f} a second here); one core drives "
        f"{1000 / cpu_ms:,.0f} programs a second: 100 nodes of {10 / cpu_ms:.0f} programs a second each; "
        f"object store MB in use, at each tenth: {', '.join(f'{each:.1f}' for each in used)} (8 MB put there show as "
        f"{_gauge_of_8_mb(connection):.1f}); {systems.load()}",
        flush=True,
    )


def whole_run(programs: int) -> None:
    """CPU and memory of a whole `harness score` per program, from two sizes."""
    found = {}
    for count in (programs // 4, programs):
        with tempfile.TemporaryDirectory() as folder:
            child = os.fork()  # a peak is a process's own
            if child == 0:
                _score(Path(folder), count)
                os._exit(0)
            _, status, usage = os.wait4(child, 0)
            assert status == 0
            found[count] = (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    (few, (few_s, few_mb)), (many, (many_s, many_mb)) = found.items()
    print(
        f"run: {HOSTS} hosts, {1000 * (many_s - few_s) / (many - few):.3f} ms of CPU and {1024 * (many_mb - few_mb) / (many - few):.2f} "
        f"KB of memory a program ({few:,}: {few_s:.1f} s, {few_mb:.0f} MB; {many:,}: {many_s:.1f} s, {many_mb:.0f} MB)",
        flush=True,
    )


def _score(folder: Path, count: int) -> None:
    os.chdir(folder)
    ids = [problem.id for problem in load_set("starter", Path(".cache")).problems]
    with open("samples.jsonl", "w") as file:
        for n in range(count):
            file.write(json.dumps({"task_id": ids[n % len(ids)], "completion": f"    return {n}\n"}) + "\n")
    config = RunConfig(problems="starter", samples=Path("samples.jsonl"), engine="replay")
    with RunDisplay(quiet=True) as observer:
        result = run.run(config, observer, sandboxes=Here())
    assert result.complete


class Here(LocalSandboxes):
    """Hosts of this process, which execute nothing: what they read and write is in the figure too, and Ray's is not."""

    def workers(self) -> int:
        """As a cluster's."""
        return ray_cluster_module.HANDING_OVER

    def open(self, limits: Any, most: int) -> Any:
        """A dispatcher before them."""
        return Dispatcher(Paced(), sandbox.ceiling(list(limits)))


class Paced:
    """A source of hosts that take their time."""

    def present(self) -> Sequence[str]:
        """Their names."""
        return [f"host{n}" for n in range(HOSTS)]

    def open_link(self, name: str) -> Any:
        """One of them."""
        return PacedLink(name)


class PacedLink:
    """See `harness.scale.hosts.Link`."""

    workers = SANDBOXES

    def __init__(self, name: str) -> None:
        self.name = name

    def execute(self, batch: bytes, items: int) -> Iterator[Sequence[Answer]]:
        """Read the batch, and write and read the answers, as a host and its link do."""
        time.sleep(items * LANES / RATE)
        read = parcels.read_batch(batch)
        lines = [parcels.pack_answer(Answer(index=at, execution=IN_TIME)) for at in range(len(read.items))]
        assert len(lines) == items
        yield [parcels.read_answer(line) for line in lines]

    def close(self) -> None:
        """Nothing is held."""


def _all(pool: Dispatcher, work: Iterator[tuple[Program, Tests | None, Limits]]) -> Iterator[Execution]:
    """Executions in the order of the work, with much of it under way."""
    begun: deque[Future[Execution]] = deque()
    for program, tests, limits in work:
        begun.append(pool.submit(program, tests, limits))
        if len(begun) > 4000:
            yield _accepted(begun.popleft().result())
    for future in begun:
        yield _accepted(future.result())


def _timed(pool: Runner, work: Sequence[tuple[Program, Tests, Limits]]) -> float:
    with ThreadPoolExecutor(pool.workers) as threads:
        list(threads.map(lambda each: _accepted(pool.run(*each)), work[:10]))  # the sandboxes are up
        start = time.monotonic()
        list(threads.map(lambda each: _accepted(pool.run(*each)), work))
        return time.monotonic() - start


def _accepted(execution: Execution) -> Execution:
    if execution.verdict is not Verdict.ACCEPTED:
        raise SystemExit(f"a right program was not accepted: {execution}")
    return execution


def _sleeping(count: int) -> Iterator[tuple[Program, None, Limits]]:
    for n in range(count):
        yield Program(source=f"import time\ntime.sleep({SLEEP_S})\n# {n}\n"), None, Limits()


def _program(problem: Problem) -> Program:
    return codegen.program(problem, Completion(problem_id=problem.id, index=0, text=problem.references[0]))


def _object_store_mb(connection: Connection) -> float:
    name = "object_store_memory"
    whole, free = connection.ray.cluster_resources(), connection.ray.available_resources()
    return float(whole.get(name, 0.0) - free.get(name, 0.0)) / 2**20


def _gauge_of_8_mb(connection: Connection) -> float:
    """What the gauge of the store says once 8 MB are put there: a gauge that never moves would show nothing."""
    kept = connection.ray.put(bytes(8 * 2**20))
    deadline = time.monotonic() + 30
    while (seen := _object_store_mb(connection)) < 4:
        if time.monotonic() > deadline:
            raise SystemExit(f"driver: 8 MB in the object store show as {seen:.1f}: its gauge does not move")
        time.sleep(0.5)
    del kept
    return seen


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _shown(values: Sequence[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in values)


if __name__ == "__main__":
    main()
