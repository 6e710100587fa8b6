"""What the service itself takes of the processor for a `/run_code`, with a sandbox that answers at once.

    python -m tests.bench.service_calls --against ../older-checkout     pairs of one run: this tree, and another one
    python -m tests.bench.service_calls --requests 100000               its memory, descriptors and threads

64 in flight. Each service is a process of its own; what it takes is read from the kernel, so other work on the machine
lengthens the run and changes little of the figure. No two programs are equal.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench import systems
from tests.bench.service_peer import IN_FLIGHT, at_once, resident_mib, small
from tests.fixtures.cpu_time import cpu_s

# Runs in the tree that is measured, from which it imports.
SERVICE = """
from harness.service import Settings, serve
from sandbox import Execution, Verdict

class AtOnce:
    backend, workers, names = "docker", 3, ("python",)

    def run(self, program, tests=None, limits=None, *, cancellation=None):
        return Execution(verdict=Verdict.ACCEPTED, exit_code=0, stdout="3\\n", wall_s=0.01, cpu_s=0.01)

serve(Settings(port=0, queue_s=60, workers=3), AtOnce(), lambda url: print(url, flush=True), lambda: None)
"""


class Service:
    """A service of one tree: its address, its process, and milliseconds of the processor a call in each round."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVICE], cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, text=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        self.call_ms: list[float] = []

    def ask(self, calls: int) -> None:
        """So many calls, all of which end well."""
        jobs = [("/run_code", {"code": small(), "language": "python", "stdin": "1 2"}) for _ in range(calls)]
        answers = asyncio.run(at_once(self.url, jobs, IN_FLIGHT))
        assert all(content["status"] == "Success" for _, content in answers)

    def measure(self, calls: int) -> None:
        """One round."""
        before, _ = cpu_s(self.process.pid)
        self.ask(calls)
        self.call_ms.append(1000 * (cpu_s(self.process.pid)[0] - before) / calls)


@contextlib.contextmanager
def service(tree: Path) -> Iterator[Service]:
    """A service that has answered its first calls."""
    started = Service(tree)
    try:
        started.ask(500)
        yield started
    finally:
        started.process.terminate()
        started.process.communicate()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout of this project")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=1500)
    parser.add_argument("--requests", type=int, default=0)
    options = parser.parse_args()
    with contextlib.ExitStack() as opened:
        ours = opened.enter_context(service(Path.cwd()))
        if options.requests:
            _memory(ours, options.requests)
            return
        other = opened.enter_context(service(options.against.resolve())) if options.against else None
        for number in range(options.rounds):
            pair = [each for each in (ours, other) if each is not None]
            for each in pair if number % 2 else pair[::-1]:
                each.measure(options.calls)
        print(systems.load())
        for each in (ours, other):
            if each is not None:
                values = each.call_ms
                print(f"{each.tree}: {statistics.median(values):.3f} ms ({min(values):.3f} - {max(values):.3f})")
        if other is not None:
            ratios = [mine / theirs for mine, theirs in zip(ours.call_ms, other.call_ms, strict=True)]
            print(f"of the other: {statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})")


def _memory(started: Service, requests: int) -> None:
    pid, done = started.process.pid, 0
    while done < requests:
        started.ask(5000)
        done += 5000
        held = [len(list(Path(f"/proc/{pid}/{what}").iterdir())) for what in ("fd", "task")]
        print(f"{done} requests: {resident_mib(pid):.1f} MiB, {held[0]} descriptors, {held[1]} threads", flush=True)


if __name__ == "__main__":
    main()
