"""HumanEval+ and MBPP+: ours paired with EvalPlus 0.3.1, which computed its expected results before.

    python -m tests.bench.plus_peer --rounds 3

For each set its references, and the same with 40 % wrong programs, drawn with a seed. Both systems judge the same
samples with all of EvalPlus's inputs, as whole processes, in turn. Both had a first run, in an empty cache: EvalPlus
computes all expected results in it, ours keeps the answers that the tests accepted (`sandbox.guest.known`); it is
printed, and not counted. `fork-server` runs the published tests in forks without isolation or judge
(`tests.bench.fork_server`), references alone. Its tests compute some expected results anew each time. EvalPlus has a stand-in for
the library `datasets` (`tests.bench.evalplus`), which makes it quicker than its users find it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from harness.datasets import load_set
from harness.types import Problem
from tests.bench import evalplus, systems
from tests.bench.systems import DATA, System

SETS = {
    "humaneval": (DATA / "humanevalplus" / "HumanEvalPlus-OriginFmt.jsonl.gz", evalplus.HUMANEVAL_PLUS),
    "mbpp": (DATA / "mbppplus" / "MbppPlus-OriginFmt.jsonl.gz", evalplus.MBPP_PLUS),
}
SEED = 7
WRONG = 0.4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--peer-workers", type=int, default=2)
    parser.add_argument("--evalplus-venv", type=Path, default=Path(".venv") / "evalplus", help="made where missing")
    options = parser.parse_args()
    python = evalplus.install(options.evalplus_venv.absolute())
    for name in options.sets.split(","):
        for share in (0.0, WRONG):
            with tempfile.TemporaryDirectory() as folder:
                _show(measure(name, share, Path(folder), python, options.rounds, options.peer_workers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Seconds of each system. first: in an empty cache; rounds: each of those after it."""

    first: dict[str, float]
    rounds: list[dict[str, float]]


def measure(name: str, share: float, folder: Path, python: Path, rounds: int, peer_workers: int) -> Taken:
    """Whole processes, in turn."""
    ours, theirs = SETS[name]
    samples, count, right = _write(folder, str(ours), share)
    mine = replace(systems.ours(samples, str(ours)), environment={"XDG_CACHE_HOME": str(folder / "cache")})
    compared = [
        mine,
        evalplus.prepare(python, samples, peer_workers, theirs, name="evalplus", dataset=name, plus=True),
    ]
    if not share:
        compared.append(systems.fork_server(samples, str(ours), peer_workers))
    first = {each.name: _timed(each, folder, count, right) for each in compared[:2]}
    print(f"{name}+, {count} samples, {count - right} of them wrong; {systems.load()}", file=sys.stderr, flush=True)
    found = []
    for number in range(rounds):
        order = compared[number % len(compared) :] + compared[: number % len(compared)]
        found.append({each.name: _timed(each, folder, count, right) for each in order})
    return Taken(first=first, rounds=found)


def _show(taken: Taken) -> None:
    print(f"  in an empty cache: {', '.join(f'{each} {seconds:.1f} s' for each, seconds in taken.first.items())}")
    rounds = taken.rounds
    for number, each_taken in enumerate(rounds, 1):
        said = ", ".join(f"{each} {seconds:.1f} s" for each, seconds in sorted(each_taken.items()))
        print(f"  round {number}: {said}")
    for peer in sorted(rounds[0].keys() - {"ours"}):
        ratios = [each[peer] / each["ours"] for each in rounds]
        print(
            f"  {peer} / ours: median {statistics.median(ratios):.2f} of {', '.join(f'{ratio:.2f}' for ratio in ratios)}"
        )


def _timed(system: System, folder: Path, count: int, right: int) -> float:
    """Seconds. Raises SystemExit where ours does not find what the samples are; the peer is shown where it does not."""
    measured = systems.measure(system, folder)
    passed = system.passed(measured.stdout, count)
    if passed != right:
        text = f"{system.name} passed {passed}, not {right}"
        if system.name == "ours":
            raise SystemExit(text)
        print(f"  ({text})", file=sys.stderr)
    return measured.wall_s


def _write(folder: Path, problems: str, share: float) -> tuple[Path, int, int]:
    """The samples file, how many samples, how many are right."""
    loaded = load_set(problems, folder).problems
    wrong = set(random.Random(SEED).sample([each.id for each in loaded], round(share * len(loaded))))
    rows = [
        {"task_id": each.id, "completion": _wrong(each) if each.id in wrong else each.references[0]} for each in loaded
    ]
    path = folder / "samples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, len(rows), len(rows) - len(wrong)


def _wrong(problem: Problem) -> str:
    body = "    return NotImplemented\n"
    whole = f"def {problem.entry_point}" in problem.references[0]
    return f"def {problem.entry_point}(*args):\n{body}" if whole else body


if __name__ == "__main__":
    main()
