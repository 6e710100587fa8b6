"""Strength of tests, in a real sandbox: weak tests are named with the input that they lack, and made stronger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox
from harness.datasets import load_set
from harness.strength.measure import ProblemStrength, StrengthOptions, measure_strength
from harness.strength.stronger import stronger_rows, telling_inputs
from harness.types import Completion, Form, Problem
from sandbox import Limits, Pool

LIMITS = Limits(cpu_s=3, wall_s=10)
ROW = {
    "id": "mine/odd_cubes",
    "prompt": 'def odd_cubes(xs):\n    """The cubes of the odd numbers of xs, in order."""\n',
    "entry_point": "odd_cubes",
    "tests": {"kind": "call", "source": "def check(candidate):\n    assert candidate([1, 2, 3]) == [1, 27]\n    assert candidate([]) == []\n"},
    "reference": "    return [x ** 3 for x in xs if x % 2 != 0]\n",
    "wrong": ["    return [x for x in xs]\n", "    return []\n"],
}  # fmt: skip
SLIPS = "def odd_cubes(xs):\n    return [x ** 3 for x in xs if x % 2 != 0 and x < 10]\n"
FITS = "def odd_cubes(xs):\n    return list(map(lambda x: x * x * x, filter(lambda x: x & 1, xs)))\n"


@pytest.fixture(scope="module")
def box() -> Iterator[Pool]:
    backend = sandbox.choose_backend("auto")
    sandbox.prepare(backend, lambda _: None)
    with sandbox.open(backend, workers=1, ceiling=LIMITS) as opened:
        yield opened


def problem(folder: Path, row: dict[str, object]) -> Problem:
    path = folder / "mine.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (found,) = load_set(str(path), folder).problems
    return found


def measured(box: Pool, found: Problem, *sources: str) -> ProblemStrength:
    completions = [
        Completion(problem_id=found.id, index=index, text=text, form=Form.SOLUTION)
        for index, text in enumerate(sources)
    ]
    options = StrengthOptions(mutants=40, inputs=400)
    return measure_strength(found, lambda p, t, s: box.run(p, t, s), LIMITS, options, completions)


def test_an_accepted_completion_that_is_wrong_beyond_the_tests_is_found_with_its_input(
    box: Pool, tmp_path: Path
) -> None:
    found = measured(box, problem(tmp_path, ROW), SLIPS, FITS)
    (difference,) = found.disagreeing
    assert found.completions == 2 and difference.what == "completion 0"
    assert "x < 10" in difference.diff and difference.call.startswith("odd_cubes([")
    assert eval(difference.expected) == [x**3 for x in eval(difference.call, {"odd_cubes": list}) if x % 2]


def test_tests_with_the_telling_inputs_reject_what_slipped_through(box: Pool, tmp_path: Path) -> None:
    weak = problem(tmp_path, ROW)
    found = measured(box, weak, SLIPS)
    assert telling_inputs(found)
    (line,) = stronger_rows({weak.id: weak}, {weak.id: found}, {weak.id: ROW})
    strong = problem(tmp_path, json.loads(line))
    again = measured(box, strong, SLIPS)
    assert not again.survivors and again.killed >= found.killed
    assert all(box.run(sandbox.Program(source=text), strong.tests, LIMITS).verdict is verdict
               for text, verdict in ((SLIPS, sandbox.Verdict.WRONG_ANSWER), (FITS, sandbox.Verdict.ACCEPTED)))  # fmt: skip


def test_a_completion_that_weaker_tests_accepted_and_these_reject_is_not_counted(box: Pool, tmp_path: Path) -> None:
    tests = "def check(candidate):\n    assert candidate([11]) == [1331]\n"
    found = measured(box, problem(tmp_path, {**ROW, "tests": {"kind": "call", "source": tests}}), SLIPS, FITS)
    assert found.completions == 1 and not found.disagreeing


def test_weak_tests_let_more_mutants_survive_than_strong_ones(box: Pool, tmp_path: Path) -> None:
    weak = {**ROW, "tests": {"kind": "call", "source": "def check(candidate):\n    assert candidate([1]) == [1]\n"}}
    few, many = measured(box, problem(tmp_path, weak)), measured(box, problem(tmp_path, ROW))
    assert few.killed / few.telling < many.killed / many.telling


def test_a_reference_that_answers_by_chance_has_no_survivors_by_chance(box: Pool, tmp_path: Path) -> None:
    row = {
        **ROW,
        "reference": "    import os\n    return [x ** 3 for x in xs if x % 2] if len(xs) < 5 else list(os.urandom(3))\n",
    }
    found = measured(box, problem(tmp_path, row))
    assert found.calls and all(len(args[0]) < 5 for args, _ in found.calls)


def test_what_cannot_be_measured_says_why(box: Pool, tmp_path: Path) -> None:
    stdio = {**ROW, "entry_point": "", "tests": {"kind": "stdio", "cases": [{"stdin": "", "stdout": "1\n"}]},
             "reference": "print(1)\n"}  # fmt: skip
    broken = {**ROW, "reference": "    return 1\n"}
    assert "not calls" in measured(box, problem(tmp_path, stdio)).not_measured
    assert "reference is" in measured(box, problem(tmp_path, broken)).not_measured


def test_a_mutant_without_a_verdict_is_not_counted_as_killed(tmp_path: Path) -> None:
    def run(program: sandbox.Program, tests: sandbox.Tests | None, limits: Limits) -> sandbox.Execution:
        reference = "xs if x % 2 != 0]" in program.source and "x ** 3" in program.source
        return sandbox.Execution(verdict=sandbox.Verdict.ACCEPTED if reference else sandbox.Verdict.INTERNAL_ERROR)

    found = measure_strength(problem(tmp_path, ROW), run, LIMITS, StrengthOptions(mutants=40))
    assert found.killed == 0


def test_mutants_of_a_problem_without_inputs_are_in_no_share(box: Pool, tmp_path: Path) -> None:
    weak = "def check(candidate):\n    assert candidate(iter([1])) == [1]\n    assert candidate(iter([2])) == []\n"
    found = measured(box, problem(tmp_path, {**ROW, "tests": {"kind": "call", "source": weak}}))
    assert found.not_measured and found.mutants and not found.telling and not found.equivalent
