"""Replies as chat models write them, and what must become of each in a sandbox with its problem's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox
from harness.datasets import load_set
from harness.tasks import codegen
from harness.types import Completion, Form, Problem
from sandbox import Pool, Verdict
from tests.fixtures.problems import read_rows

HERE = Path(__file__).resolve().parent
REPLIES = read_rows(HERE / "replies.jsonl")
PROBLEMS = {problem.id: problem for problem in load_set(str(HERE / "problems.jsonl"), HERE).problems}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    backend = sandbox.choose_backend()
    sandbox.prepare(backend)
    with sandbox.open(backend, workers=1) as box:
        yield box


def verdict(pool: Pool, problem: Problem, text: str, form: Form, extractor: str = "auto") -> Verdict:
    completion = Completion(problem_id=problem.id, index=0, text=text, form=form)
    program = codegen.program(problem, completion, codegen.extraction(problem, completion, extractor))
    return pool.run(program, problem.tests).verdict


@pytest.mark.parametrize("row", REPLIES, ids=lambda row: str(row["name"]))
def test_a_right_reply_is_accepted_and_a_wrong_one_is_not(pool: Pool, row: dict[str, object]) -> None:
    found = verdict(pool, PROBLEMS[str(row["task_id"])], str(row["response"]), Form.CHAT)
    assert (found is Verdict.ACCEPTED) == row["accepted"] and found is not Verdict.INTERNAL_ERROR, found


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=lambda problem: problem.id)
def test_the_problems_tell_right_from_wrong(pool: Pool, problem: Problem) -> None:
    texts = [*problem.references, *problem.wrong]
    accepted = [verdict(pool, problem, text, Form.COMPLETION) is Verdict.ACCEPTED for text in texts]
    assert accepted == [True] + [False] * len(problem.wrong)


def test_the_other_extractors_get_fewer_right(pool: Pool) -> None:
    rows = REPLIES[::4]
    for name in ("first", "last", "longest", "whole"):
        found = [verdict(pool, PROBLEMS[row["task_id"]], row["response"], Form.CHAT, name) for row in rows]
        right = [(each is Verdict.ACCEPTED) == row["accepted"] for each, row in zip(found, rows, strict=True)]
        assert not all(right)
