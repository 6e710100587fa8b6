"""Samples per second of another version of this project, paired with this one in the same run.

    git worktree add ../other COMMIT && python -m tests.bench.versions ../other [--sandbox docker] [--rounds 5] [--times 10]

Both run `harness score` on HumanEval's reference solutions `times` over, each executed, as whole processes in turn, with
this interpreter and its packages. Printed: each round's samples per second and the ratio (this / other), and at the end
the median of the ratios with their range.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import sandbox
from tests.bench import systems
from tests.bench.systems import System


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="a working tree of the other version")
    parser.add_argument("--sandbox", choices=sandbox.BACKENDS, action="append")
    parser.add_argument("--problems", default=str(systems.HUMANEVAL), help="HumanEval.jsonl.gz")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples, count = systems.write_references(folder, options.problems, options.times)
        for backend in options.sandbox or sandbox.BACKENDS:
            sandbox.prepare(backend)
            both = [
                _version(tree, samples, options.problems, backend) for tree in (systems.HERE, options.other.resolve())
            ]
            print(f"{backend}, {count} samples, {systems.load()}", flush=True)
            ratios = [_round(number, both, folder, count) for number in range(options.rounds)]
            median, low, high = statistics.median(ratios), min(ratios), max(ratios)
            print(f"{backend}: this / other {median:.3f} ({low:.3f} to {high:.3f})", flush=True)


def _round(number: int, both: list[System], folder: Path, count: int) -> float:
    """Samples per second of this version per those of the other; who is first changes with each round."""
    rates = {}
    for system in both if number % 2 == 0 else both[::-1]:
        taken = systems.measure(system, folder)
        passed = system.passed(taken.stdout, count)
        if passed != count:
            raise SystemExit(f"{system.name}: {passed} of {count} passed")
        rates[system.name] = count / taken.wall_s
    this, other = (rates[system.name] for system in both)
    print(
        f"round {number + 1}: this {this:.0f}/s, other {other:.0f}/s, {this / other:.3f}; {systems.load()}", flush=True
    )
    return this / other


def _version(tree: Path, samples: Path, problems: str, backend: str) -> System:
    """`harness score` of a working tree, by the entry point that it names."""
    ours = systems.ours(samples, problems, backend=backend)
    return System(
        name=str(tree),
        command=[*systems.entry(tree), *ours.command[1:]],
        passed=ours.passed,
        environment={"PYTHONPATH": str(tree)},
    )


if __name__ == "__main__":
    main()
