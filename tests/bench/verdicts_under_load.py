"""The same programs six times: on a machine with nothing else to do, busy, crowded, with nothing in its cache. Same verdicts?

    python -m tests.bench.verdicts_under_load [--sandbox docker] [--share 1.0]

Programs: the references and wrong answers of the problem set `core`, and those whose verdict load moves first: right ones
that use two thirds of their CPU time, sleep for half of their wall time, or read modules from a cold disk, and wrong
ones that loop, sleep or fork without end. The six runs: quiet (twice), busy (twice as many loops as processors beside it),
crowded (26 workers), cold (the page cache is dropped before, and every second while it goes on; as root), and all of
it at once. An INTERNAL_ERROR is a verdict here too: it would cost coverage. Exit code 1 where two runs differ, with each
program that does.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import sandbox
from harness.datasets import load_set
from sandbox import Limits, Program, Tests
from tests.bench import systems
from tests.fixtures.processes import busy

LIMITS = Limits(cpu_s=1.5, wall_s=3.0)
CACHES = Path("/proc/sys/vm/drop_caches")
CROWD = 26
EDGES = {
    "two thirds of its CPU time": "import time\nwhile time.process_time() < 1.0: pass\n",
    "half of its wall time": "import time\ntime.sleep(1.5)\n",
    "numpy": "import numpy\nprint(numpy.arange(9).sum())\n",
    "modules": "import asyncio, decimal, doctest, email.message, json, sqlite3, statistics, unittest, xml.dom\n",
    "children": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import json'], check=True)\n",
    "a loop": "while True: pass\n",
    "a sleep": "import time\ntime.sleep(99)\n",
    "loops of children": "import os\nfor _ in range(3): os.fork()\nwhile True: pass\n",
}
COPIES = {"two thirds of its CPU time": CROWD, "numpy": 4, "modules": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A program, by name."""

    name: str
    program: Program
    tests: Tests | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What one run has beside it."""

    name: str
    workers: int
    busy: bool = False
    cold: bool = False


def main() -> int:
    """Run six times, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sandbox", choices=sandbox.BACKENDS, action="append")
    parser.add_argument("--share", type=float, default=1.0, help="of the problem set's programs")
    options = parser.parse_args()
    cases = list(_cases(options.share))
    usual = sandbox.default_workers()
    cold = os.access(CACHES, os.W_OK)
    if not cold:
        print(f"{CACHES} cannot be written: the cache stays warm in all runs")
    settings = [
        Setting(name="quiet", workers=usual), Setting(name="quiet again", workers=usual),
        Setting(name="busy", workers=usual, busy=True), Setting(name=f"{CROWD} workers", workers=CROWD),
        Setting(name="cold", workers=usual, cold=cold),
        Setting(name="busy, crowded and cold", workers=CROWD, busy=True, cold=cold),
    ]  # fmt: skip
    differ = 0
    for backend in options.sandbox or sandbox.BACKENDS:
        sandbox.prepare(backend)
        print(f"{backend}: {len(cases)} programs; {systems.load()}", flush=True)
        runs = [_run(backend, cases, setting) for setting in settings]
        differ += _compare(cases, settings, runs)
    print("the same verdicts in all runs" if not differ else f"{differ} programs have other verdicts under load")
    return 1 if differ else 0


def _cases(share: float) -> Iterator[Case]:
    for name, source in EDGES.items():
        for number in range(COPIES.get(name, 1)):
            yield Case(name=f"{name} {number}", program=Program(source=source), tests=None)
    drawn = random.Random(5)
    for each in load_set("core", Path(tempfile.gettempdir())).problems:
        for kind, texts in (("reference", each.references), ("wrong", each.wrong)):
            for number, text in enumerate(texts):
                if drawn.random() < share:
                    name = f"{each.id} {kind} {number}"
                    yield Case(name=name, program=Program(source=each.prompt + text), tests=each.tests)


def _run(backend: str, cases: list[Case], setting: Setting) -> list[str]:
    """The verdicts, in the order of the cases; they run in another."""
    order = list(range(len(cases)))
    random.Random(setting.name).shuffle(order)
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        if setting.busy:
            stack.enter_context(busy())
        if setting.cold:
            stack.enter_context(_cold())
        box = stack.enter_context(sandbox.open(backend, workers=setting.workers))
        with ThreadPoolExecutor(setting.workers) as threads:
            one = lambda at: box.run(cases[at].program, cases[at].tests, LIMITS).verdict.value  # noqa: E731
            found = dict(zip(order, threads.map(one, order), strict=True))
    verdicts = [found[at] for at in range(len(cases))]
    counts = ", ".join(f"{name} {count}" for name, count in sorted(Counter(verdicts).items()))
    print(f"  {setting.name}: {counts}; {time.monotonic() - start:.0f} s", flush=True)
    return verdicts


def _compare(cases: list[Case], settings: list[Setting], runs: list[list[str]]) -> int:
    differ = 0
    for at, case in enumerate(cases):
        if len({verdicts[at] for verdicts in runs}) > 1:
            differ += 1
            told = ", ".join(f"{each.name}: {verdicts[at]}" for each, verdicts in zip(settings, runs, strict=True))
            print(f"  {case.name}: {told}", flush=True)
    return differ


@contextlib.contextmanager
def _cold() -> Iterator[None]:
    """Whatever is read comes from the disk: the page cache is dropped, again and again."""
    over = threading.Event()

    def drop() -> None:
        while True:
            CACHES.write_text("3")
            if over.wait(1.0):
                return

    CACHES.write_text("3")
    thread = threading.Thread(target=drop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
