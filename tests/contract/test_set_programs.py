"""What the programs of each set come to in a sandbox: right answers pass, wrong ones and tricks do not.

Rows of our own need no library, so that the sets of the image `python_libs` are asked in the usual one.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.datasets import load_set
from harness.tasks import codegen
from harness.types import Completion, Problem
from sandbox import Limits, Pool, StdioTests, Verdict
from tests.fixtures.problems import write_rows
from tests.fixtures.set_rows import RIGHT, ROWS, WRONG, live_row


def first(name: str, tmp_path: Path) -> Problem:
    path = write_rows(tmp_path / "rows.jsonl", *ROWS[name])
    problem = load_set(f"{path}{name[name.find(':') :] if ':' in name else ''}", tmp_path).problems[0]
    return dataclasses.replace(problem, language="python", limits=Limits())


@pytest.mark.parametrize("name", ROWS)
def test_right_answers_are_accepted_and_wrong_ones_are_not(name: str, box: Pool, tmp_path: Path) -> None:
    problem = first(name, tmp_path)
    for answers, right in (((*problem.references, *RIGHT[name]), True), (WRONG[name], False)):
        for text in answers:
            program = codegen.program(problem, Completion(problem_id=problem.id, index=0, text=text))
            execution = box.run(program, problem.tests, problem.limits)
            assert (execution.verdict is Verdict.ACCEPTED) == right, (text, execution)
            assert execution.verdict is not Verdict.INTERNAL_ERROR, (text, execution)


TRIANGLE = "def cumulative_triangle(n):\n    return n * (n * n + 1) // 2\n"
CAPITALS = "def drop_cap(str_):\n    return ' '.join(w.capitalize() if len(w) > 2 else w for w in str_.split(' '))\n"
BEAUTIFUL = """
for _ in range(int(input())):
    n = int(input())
    at = {value: place for place, value in enumerate(input().split())}
    low, high, found = n, -1, ''
    for m in range(1, n + 1):
        low, high = min(low, at[str(m)]), max(high, at[str(m)])
        found += str(int(high - low + 1 == m))
    print(found)
"""


def verdict(box: Pool, problem: Problem, text: str) -> Verdict:
    program = codegen.program(problem, Completion(problem_id=problem.id, index=0, text=text))
    return box.run(program, problem.tests, dataclasses.replace(Limits(), cpu_s=10, wall_s=60)).verdict


def test_published_functions_are_called_with_arguments_as_their_problems_mean_them(
    box: Pool, data: Path, tmp_path: Path
) -> None:
    problems = load_set(str(data / "apps150" / "selected150.jsonl"), tmp_path).problems
    for name, right in (("cumulative_triangle", TRIANGLE), ("drop_cap", CAPITALS)):
        problem = next(each for each in problems if each.entry_point == name)
        assert verdict(box, problem, right) is Verdict.ACCEPTED
        assert verdict(box, problem, right.replace("return ", "return 1 or ")) is not Verdict.ACCEPTED


def test_published_contest_cases_go_through_real_pipes(box: Pool, data: Path, tmp_path: Path) -> None:
    examples = [json.loads(line) for line in (data / "code_gen_example" / "example.jsonl").read_text().splitlines()]
    given = [list(zip(each["inputs"], each["outputs"], strict=True))
             for each in (row["verifier_metadata"]["unit_tests"] for row in examples)]  # fmt: skip
    rows = [live_row(f"e{at}", "2024-08-01", cases[:1], cases[1:]) for at, cases in enumerate(given)]
    problems = load_set(str(write_rows(tmp_path / "rows.jsonl", *rows)), tmp_path).problems
    assert [len(each.tests.cases) for each in problems if isinstance(each.tests, StdioTests)] == [1, 97, 100, 82, 3]
    assert verdict(box, problems[4], BEAUTIFUL) is Verdict.ACCEPTED
    assert verdict(box, problems[4], BEAUTIFUL.replace("== m", "!= m")) is Verdict.WRONG_ANSWER


@pytest.mark.parametrize("variant", ["output", "input"])
def test_cruxevals_references_pass(variant: str, box: Pool, data: Path, tmp_path: Path) -> None:
    """One of 25 and those whose input is not a literal; `harness verify` runs all 800."""
    problems = load_set(f"{data / 'cruxeval' / 'cruxeval.jsonl'}:{variant}", tmp_path).problems
    odd = {"sample_258", "sample_344", "sample_364", "sample_152", "sample_770"}
    for problem in [each for at, each in enumerate(problems) if at % 25 == 0 or each.id in odd]:
        assert verdict(box, problem, problem.references[0]) is Verdict.ACCEPTED, problem.id
        assert verdict(box, problem, "None") is not Verdict.ACCEPTED or problem.references == ("None",)
