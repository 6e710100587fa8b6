"""`--all-cases`: the share of cases and of points, through run, score, the Python API, show and the pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import harness as api
from tests.fixtures.commands import Harness
from tests.fixtures.problems import CALL, STDIO, read_rows, write_rows

DOUBLE = {
    **CALL,
    "tests": {
        "kind": "call",
        "points": [1, 3],
        "source": "def check(c):\n    assert c(2) == 4\n    assert c(-1) == -2\n",
    },
}
ECHO = {
    **STDIO,
    "tests": {
        "kind": "stdio",
        "cases": [
            {"stdin": "1\n2\n", "stdout": "3", "points": 2},
            {"stdin": "5\n", "stdout": "5"},
            {"stdin": "", "stdout": "0", "points": 2},
        ],
    },
}
SAMPLES = [
    {"task_id": "mini/double", "completion": "    return 2 * x\n"},
    {"task_id": "mini/double", "completion": "    return x * x\n"},
    {"task_id": "mini/double", "completion": "    return x * x\n"},
    {"task_id": "mini/echo", "completion": "import sys\nprint(sum(map(int, sys.stdin)))\n"},
    {"task_id": "mini/echo", "completion": "print(input())\n"},
    {"task_id": "mini/echo", "completion": "print(\n"},
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_rows(tmp_path / "mini.jsonl", DOUBLE, ECHO)
    write_rows(tmp_path / "s.jsonl", *SAMPLES)
    return tmp_path


def score(harness: Harness, place: Path, *options: str) -> dict[str, Any]:
    answer = harness("score", "s.jsonl", "--problems", "mini.jsonl", "--k", "1", *options, "--json", cwd=place)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_shares_of_cases_and_points_are_estimated(harness: Harness, place: Path) -> None:
    summary = score(harness, place, "--all-cases")
    values = {each["metric"]: each["value"] for each in summary["estimates"]}
    assert values == {
        "pass@1": pytest.approx(1 / 3),
        "cases_passed": pytest.approx(((1 + 0.5 + 0.5) / 3 + (1 + 1 / 3 + 0) / 3) / 2),
        "points": pytest.approx(((1 + 0.25 + 0.25) / 3 + (1 + 0.2 + 0) / 3) / 2),
    }
    assert all(each["low"] <= each["value"] <= each["high"] for each in summary["estimates"])
    plain = score(harness, place)
    assert [each["metric"] for each in plain["estimates"]] == ["pass@1"] and plain["run"] != summary["run"]
    assert {name: values["c"] for name, values in plain["problems"].items()} == {
        name: values["c"] for name, values in summary["problems"].items()
    }


def test_the_first_case_that_failed_is_in_records_and_on_pages(harness: Harness, place: Path) -> None:
    run = score(harness, place, "--all-cases")["run"]
    records = {(row["problem_id"], row["index"]): row for row in read_rows(place / run / "executions.jsonl")}
    assert records["mini/double", 1]["cases"] == ["ACCEPTED", "WRONG_ANSWER"]
    assert records["mini/double", 1]["failed_case"] == {
        "number": 2, "input": "double(-1)", "expected": "-2", "got": "1"
    }  # fmt: skip
    assert records["mini/echo", 1]["cases"] == ["WRONG_ANSWER", "ACCEPTED", "RUNTIME_ERROR"]
    shown = harness("show", run, "mini/double", cwd=place).stdout
    assert "cases: 1 of 2 passed; 2 WRONG_ANSWER" in shown
    assert "  input: double(-1)\n  expected: -2\n  got: 1\n" in shown
    assert "cases_passed" in harness("show", run, cwd=place).stdout
    assert harness("leaderboard", "results", "-o", "site", cwd=place).returncode == 0
    pages = "".join(path.read_text() for path in (place / "site" / "completions").rglob("*.html"))
    assert "cases passed 1 of 2" in pages and "The first case that failed" in pages and "double(-1)" in pages


def test_the_python_api_has_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    run = api.score("s.jsonl", "mini.jsonl", all_cases=True, k=(1,), progress=False)
    assert run.estimates["cases_passed"].value == pytest.approx(5 / 9)
    assert run.problems["mini/double"]["points"] == pytest.approx(0.5)
    again = api.score(run, all_cases=False, progress=False)
    assert "cases_passed" not in again.estimates


def test_a_run_of_the_embedded_model_has_it(harness: Harness, tmp_path: Path) -> None:
    answer = harness("run", "--limit", "2", "--n", "2", "--k", "1", "--all-cases", "--json", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert [each["metric"] for each in json.loads(answer.stdout)["estimates"]] == ["pass@1", "cases_passed"]


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ({"kind": "call", "points": [1, 2, 3], "source": DOUBLE["tests"]["source"]}, "3 values, and the tests have 2"),
        ({"kind": "call", "points": [0, 0], "source": DOUBLE["tests"]["source"]}, "every case has 0 points"),
        ({"kind": "call", "points": [-1, 2], "source": DOUBLE["tests"]["source"]}, "greater than or equal to 0"),
        (
            {"kind": "call", "integrity": "in-sandbox", "source": DOUBLE["tests"]["source"]},
            "cannot be told apart; leave it out",
        ),
    ],
)
def test_what_cannot_be_is_said(harness: Harness, place: Path, tests: dict[str, Any], message: str) -> None:
    write_rows(place / "mini.jsonl", {**DOUBLE, "tests": tests})
    write_rows(place / "s.jsonl", *SAMPLES[:2])
    answer = harness("score", "s.jsonl", "--problems", "mini.jsonl", "--all-cases", cwd=place)
    assert answer.returncode == 2 and message in " ".join(answer.stderr.split()), answer.stderr


def test_other_tasks_have_no_cases(harness: Harness, tmp_path: Path) -> None:
    answer = harness("run", "--task", "classification", "--all-cases", "--limit", "1", cwd=tmp_path)
    assert answer.returncode == 2 and "--all-cases is for tests of programs" in answer.stderr
