"""HumanEval+ and MBPP+: pass@k of the base tests and of all tests, from one execution of each sample."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import load_set
from harness.datasets.humanevalplus import BASE_CASES
from tests.fixtures.commands import Harness
from tests.fixtures.problems import read_rows, write_rows

# HumanEval/1 has 4 base tests, HumanEval/2 has 3: inputs from 0 on, of which the last are the added ones
INPUTS = {"HumanEval/1": 6, "HumanEval/2": 6}
RIGHT = "    return x * x\n"
WRONG_IN_PLUS = "    return x * x if x < 5 else 0\n"
WRONG_IN_BASE = "    return 2 * x\n"  # right for 0 and 2 alone
LATE_IN_PLUS = "    while x == 5:\n        pass\n    return x * x\n"
LATE_IN_BASE = "    while x == 1:\n        pass\n    return x * x\n"
# the last base test of HumanEval/1 is of 3, that of HumanEval/2 of 2
WRONG_AT_3 = "    return x * x if x != 3 else 0\n"


def plus_row(task_id: str) -> dict[str, str]:
    """A problem as HumanEval+ has them."""
    prompt = 'def square(x):\n    """x times itself"""\n'
    test = (
        "def assertion(out, exp, atol):\n    assert out == exp\n\n\ndef check(candidate):\n"
        f"    inputs = [[n] for n in range({INPUTS[task_id]})]\n    results = [n * n for n in range({INPUTS[task_id]})]\n"
        "    for i, (inp, exp) in enumerate(zip(inputs, results)):\n        assertion(candidate(*inp), exp, 0)\n"
    )
    return {
        "task_id": task_id, "prompt": prompt, "entry_point": "square", "test": test, "canonical_solution": RIGHT
    }  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("base")


@pytest.fixture(scope="module")
def scored(harness: Harness, place: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The summary of a set with eight samples, and the results file."""
    problems = write_rows(place / "HumanEvalPlus.jsonl", *map(plus_row, INPUTS))
    bodies = [RIGHT, WRONG_IN_PLUS, WRONG_IN_BASE, LATE_IN_PLUS, LATE_IN_BASE, WRONG_AT_3, WRONG_IN_PLUS]
    rows = [{"task_id": task_id, "completion": body} for task_id in INPUTS for body in bodies]
    samples = write_rows(place / "s.jsonl", *rows)
    answer = harness("score", samples, "--problems", problems, "--cpu-s", "1", "--k", "1,2", "--json", cwd=place)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout), read_rows(place / "s.jsonl_results.jsonl")


def test_both_parts_are_told_of_one_execution(scored: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    summary, rows = scored
    assert [BASE_CASES[1], BASE_CASES[2]] == [4, 3]
    statuses = [(row["base_status"], row["plus_status"]) for row in rows[:7]]
    assert statuses == [
        ("pass", "pass"),
        ("pass", "fail"),
        ("fail", "fail"),
        ("pass", "timeout"),
        ("timeout", "timeout"),
        ("fail", "fail"),
        ("pass", "fail"),
    ]
    assert rows[12]["base_status"] == "pass"  # the input 3 is no base test of HumanEval/2
    assert summary["problems"] == {
        "HumanEval/1": {"n": 7, "c": 1, "base_c": 4},
        "HumanEval/2": {"n": 7, "c": 1, "base_c": 5},
    }
    values = {each["metric"]: each["value"] for each in summary["estimates"]}
    assert values["pass@1"] == pytest.approx(1 / 7)
    assert values["base_pass@1"] == pytest.approx((4 / 7 + 5 / 7) / 2)
    assert values["base_pass@2"] == pytest.approx(((1 - 3 / 21) + (1 - 1 / 21)) / 2)
    assert all(each["low"] <= each["value"] <= each["high"] for each in summary["estimates"])


def test_evalplus_s_format_has_both_and_comes_back(
    harness: Harness, scored: tuple[dict[str, Any], list[dict[str, Any]]], place: Path
) -> None:
    summary, rows = scored
    out = place / "e.jsonl"
    answer = harness("export", summary["run"], "--format", "evalplus", "-o", out, cwd=place)
    assert answer.returncode == 0, answer.stderr
    document = json.loads((place / "e.eval_results.json").read_text())
    found = [(each["base_status"], each["plus_status"]) for each in document["eval"]["HumanEval/1"]]
    assert found == [(row["base_status"], row["plus_status"]) for row in rows[:7]]
    values = {each["metric"]: each["value"] for each in summary["estimates"]}
    assert document["pass_at_k"] == {
        "base": {name: values[f"base_{name}"] for name in ("pass@1", "pass@2")},
        "plus": {name: values[name] for name in ("pass@1", "pass@2")},
    }
    problems = place / "HumanEvalPlus.jsonl"
    arguments = ("--problems", problems, "--k", "1,2", "--results", place / "back", "--json")
    answer = harness("import", place / "e.eval_results.json", *arguments, cwd=place)
    assert answer.returncode == 0, answer.stderr
    (back,) = json.loads(answer.stdout)["imported"]
    assert {each["metric"]: each["value"] for each in back["estimates"]} == values
    assert back["source"]["differs"] == [] and back["problems"] == summary["problems"]


def test_people_see_both(harness: Harness, scored: tuple[dict[str, Any], list[dict[str, Any]]], place: Path) -> None:
    run = scored[0]["run"]
    shown = harness("show", run, cwd=place).stdout
    assert "base_pass@1" in shown and "64.3%" in shown and "base tests: " in shown
    one = harness("show", run, "HumanEval/1", cwd=place).stdout
    assert one.count("passed the base tests") == 2  # equal completions are shown once
    out = place / "site"
    assert harness("leaderboard", place / "results", "-o", out, cwd=place).returncode == 0
    pages = "".join(path.read_text() for path in (out / "completions").rglob("*.html"))
    answers = [each for each in re.findall("<article.*?</article>", pages, re.DOTALL) if "base tests passed" in each]
    assert sum(int((re.search(r"(\d+) times", each) or [0, 1])[1]) for each in answers) == 7  # equal ones stand once


def test_a_file_with_other_ids_has_no_base_part(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "own.jsonl", {**plus_row("HumanEval/1"), "task_id": "HumanEval/900"})
    assert [problem.base_cases for problem in load_set(str(path), tmp_path).problems] == [None]


def test_the_base_tests_of_the_published_files_are_their_first_ones(data: Path, tmp_path: Path) -> None:
    """Against EvalPlus's other file, which names them."""
    import ast
    import gzip

    loaded = load_set(str(data / "humanevalplus/HumanEvalPlus-OriginFmt.jsonl.gz"), tmp_path)
    named = {
        row["task_id"]: row["base_input"]
        for line in gzip.open(data / "humanevalplus/HumanEvalPlus.jsonl.gz", "rt")
        for row in [json.loads(line)]
    }
    for problem in loaded.problems[::9]:  # parsing all of them takes 10 s
        tree = ast.parse(problem.tests.source)  # type: ignore[union-attr]
        check = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check")
        inputs = next(node for node in check.body if isinstance(node, ast.Assign))
        known: list[Any] = []
        for each in named[problem.id]:
            known += [] if repr(each) in map(repr, known) else [each]
        assert problem.base_cases == len(known)
        assert ast.literal_eval(inputs.value)[: len(known)] == known
