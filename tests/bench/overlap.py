"""How much of the shorter of generation and execution a run hides behind the longer.

    python -m tests.bench.overlap [--rounds 3] [--n 10] [--delay 0.15]

The embedded model on the starter set, each request slowed by `delay` seconds in which no processor is used, as a GPU
would take them: else a model of 1 M parameters is done before there is anything to hide. In each round, in turn: all
requests through the engine alone; the completions so drawn through the sandbox alone; and a run. Every program is
executed (--no-dedup). Printed: seconds of each, and run / max(generation, execution), whose median is to be at most
1.15.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from harness.config import RunConfig
from harness.datasets import load_set
from harness.engines import Engine, StatusListener
from harness.engines._selection import EngineCache, ModelSpec, find_model
from harness.pipeline import run
from harness.pipeline.job import StreamStart
from harness.tasks import codegen
from harness.types import Completion, Request
from sandbox import Execution
from tests.bench import systems


class Quiet:
    """An observer that says nothing."""

    def note(self, message: str) -> None:
        """Nothing."""

    def waiting(self, message: str | None) -> None:
        """Nothing."""

    def started(self, begun: StreamStart) -> None:
        """Nothing."""

    def generated(self, completions: list[Completion]) -> None:
        """Nothing."""

    def executed(self, completion: Completion, execution: Execution | None) -> None:
        """Nothing."""


class Slow:
    """An engine that takes `delay` seconds longer for each request."""

    def __init__(self, engine: Engine, delay: float) -> None:
        self._engine, self._delay = engine, delay
        self.concurrency = engine.concurrency

    def complete(self, request: Request) -> list[Completion]:
        """As the engine does, later."""
        time.sleep(self._delay)
        return self._engine.complete(request)

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


class SlowEngines(EngineCache):
    """Engines that are slowed."""

    def __init__(self, teller: StatusListener, delay: float) -> None:
        super().__init__(teller)
        self._delay = delay

    def get(self, config: RunConfig, model: ModelSpec) -> Engine:
        """The engine, slowed."""
        return Slow(super().get(config, model), self._delay)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n", type=int, default=10)
    parser.add_argument("--delay", type=float, default=0.15)
    options = parser.parse_args()
    ratios = []
    with SlowEngines(Quiet(), options.delay) as engines:
        for number in range(options.rounds):
            with tempfile.TemporaryDirectory() as folder:
                ratios.append(_round(Path(folder), engines, options.n, number))
    print(f"median of run / max(generation, execution): {statistics.median(ratios):.2f}")


def _round(folder: Path, engines: EngineCache, n: int, number: int) -> float:
    config = RunConfig(model="nano", k=(1,), n=n, dedup=False, results=folder / "run", seed=number)
    generation = _generate(config, engines, folder / "samples.jsonl")
    replayed = RunConfig(samples=folder / "samples.jsonl", dedup=False, results=folder / "score")
    execution = _timed(replayed, engines)
    whole = _timed(config, engines)
    ratio = whole / max(generation, execution)
    print(
        f"round {number + 1}: generation {generation:.1f} s, execution {execution:.1f} s, run {whole:.1f} s, "
        f"ratio {ratio:.2f}; {systems.load()}",
        flush=True,
    )
    return ratio


def _generate(config: RunConfig, engines: EngineCache, target: Path) -> float:
    """Seconds of all requests alone; the completions are written for what follows."""
    model = find_model(config)
    engine = engines.get(config, model)
    rows = []
    start = time.monotonic()
    for problem in load_set(config.problems, config.cache).problems:
        for each in engine.complete(codegen.request(problem, config.sampling(), model.form)):
            rows.append({"task_id": each.problem_id, "completion": each.text})
    taken = time.monotonic() - start
    target.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return taken


def _timed(config: RunConfig, engines: EngineCache) -> float:
    start = time.monotonic()
    result = run.run(config, Quiet(), engines)
    assert result.complete
    return time.monotonic() - start


if __name__ == "__main__":
    main()
