"""What the programs of each set come to in a sandbox: right answers pass, wrong ones and tricks do not.

Rows of our own need no library, so that the sets of the image `python_libs` are asked in the usual one.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.datasets import load_set
from harness.tasks import codegen
from harness.types import Completion, Problem
from sandbox import Limits, Pool, Verdict
from tests.fixtures.problems import write_rows
from tests.fixtures.set_rows import RIGHT, ROWS, WRONG


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
