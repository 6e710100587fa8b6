"""`harness score FOLDER`: a small class, with its points, similar programs and feedback."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from harness.classroom.similar import normal_tokens
from harness.classroom.submissions import _whose
from tests.fixtures.classroom import COPY, OTHER, RIGHT, RUNS, TOTAL, write_class
from tests.fixtures.commands import Harness
from tests.fixtures.problems import write_rows


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    write_class(folder)
    return folder


@pytest.fixture(scope="module")
def scored(harness: Harness, place: Path) -> tuple[dict[str, Any], str]:
    """What --json prints, and what a person sees."""
    arguments = ("score", "handed_in", "--problems", "week1.jsonl", "--cpu-s", "1")
    answer = harness(*arguments, "--json", cwd=place)
    assert answer.returncode == 0, answer.stderr
    shown = harness(*arguments, cwd=place)
    assert shown.returncode == 0, shown.stderr
    return json.loads(answer.stdout), shown.stdout + shown.stderr


def test_every_student_has_points_for_each_case(scored: tuple[dict[str, Any], str]) -> None:
    found = scored[0]["students"]
    assert {name: (each["points"], each["of_points"]) for name, each in found.items()} == {
        "alice": (6.0, 6.0),
        "bob": (5.0, 6.0),
        "carol": (2.0, 6.0),
        "dan": (0.0, 6.0),
    }
    verdicts = {name: {key: each["verdict"] for key, each in of["problems"].items()} for name, of in found.items()}
    assert verdicts["bob"] == {"week1/run_lengths": "ACCEPTED", "week1/total": "RUNTIME_ERROR"}
    assert verdicts["carol"] == {"week1/run_lengths": "TIME_LIMIT"}
    assert verdicts["dan"] == {"week1/total": "COMPILE_ERROR"}


def test_a_file_that_names_no_problem_is_named(scored: tuple[dict[str, Any], str]) -> None:
    (left,) = scored[0]["unmatched"]
    assert left["file"].endswith("carol/notes.py") and "no problem of week1 and student" in left["reason"]
    assert "carol/notes.py" in scored[1]


def test_a_copy_with_other_names_is_flagged_and_another_solution_is_not(scored: tuple[dict[str, Any], str]) -> None:
    assert scored[0]["similar"] == [
        {"problem": "week1/run_lengths", "students": ["alice", "bob"], "similarity": 1.0}
    ] or scored[0]["similar"] == [{"problem": "week1/run_lengths", "students": ["alice", "bob"], "similarity": 1.0}]
    assert "the same but for names and comments" in scored[1]


def test_tables_are_of_students_and_of_problems(scored: tuple[dict[str, Any], str]) -> None:
    text = scored[1]
    for part in ("student", "handed in", "2 of 2", "6 of 6", "problem", "mean points", "cases passed", "week1/total"):
        assert part in text


def test_the_csv_files_hold_all(scored: tuple[dict[str, Any], str], place: Path) -> None:
    folder = Path(scored[0]["files"])
    assert folder == Path("handed_in_results")
    folder = place / folder
    rows = rows_of(folder / "programs.csv")
    assert len(rows) == 8 and {row["verdict"] for row in rows} >= {"ACCEPTED", "MISSING"}
    (bobs,) = [row for row in rows if row["student"] == "bob" and row["problem"] == "week1/total"]
    assert (bobs["cases_passed"], bobs["cases"], bobs["points"], bobs["of_points"]) == ("1", "2", "1.0", "2.0")
    students = rows_of(folder / "students.csv")
    assert [(row["student"], row["points"], row["week1/run_lengths"]) for row in students] == [
        ("alice", "6.0", "4.0"), ("bob", "5.0", "4.0"), ("carol", "2.0", "2.0"), ("dan", "0.0", "")
    ]  # fmt: skip
    assert len(rows_of(folder / "similar.csv")) == 1


def test_feedback_says_nothing_of_what_was_expected_unless_that_is_allowed(
    harness: Harness, scored: tuple[dict[str, Any], str], place: Path
) -> None:
    feedback = place / scored[0]["files"] / "feedback"
    assert sorted(path.name for path in feedback.iterdir()) == ["alice.md", "bob.md", "carol.md", "dan.md"]
    carol = (feedback / "carol.md").read_text()
    assert "it took too long" in carol and "2 of 3 cases passed" in carol and "run_lengths('zz')" in carol
    assert "not handed in" in carol
    write_rows(place / "more.jsonl", {**RUNS, "tests": {**RUNS["tests"], "source": RUNS["tests"]["source"]}})
    (place / "two" / "eve").mkdir(parents=True)
    (place / "two" / "eve" / "run_lengths.py").write_text("def run_lengths(text):\n    return [1]\n")
    arguments = ("score", "two", "--problems", "more.jsonl")
    assert harness(*arguments, cwd=place).returncode == 0
    silent = (place / "two_results" / "feedback" / "eve.md").read_text()
    assert "got:" in silent and "[1]" in silent and "expected" not in silent and "== []" not in silent
    assert harness(*arguments, "--show-expected", cwd=place).returncode == 0
    told = (place / "two_results" / "feedback" / "eve.md").read_text()
    assert "expected:\n\n    []" in told


@pytest.mark.parametrize(
    ("path", "whose"),
    [
        ("alice/two_sum.py", ("alice", "s/two_sum")),
        ("two_sum/alice.py", ("alice", "s/two_sum")),
        ("alice_two_sum.py", ("alice", "s/two_sum")),
        ("two-sum-alice.py", ("alice", "s/two_sum")),
        ("Two Sum/Anna Maria.py", ("Anna Maria", "s/two_sum")),
        ("group1/alice/sum.py", ("group1/alice", "s/sum")),
        ("group1/alice_two_sum.py", ("group1/alice", "s/two_sum")),
        ("two_sum.py", None),
        ("alice/notes.py", None),
    ],
)
def test_a_path_says_whose_it_is(path: str, whose: tuple[str, str] | None) -> None:
    assert _whose(Path(path), {"two_sum": "s/two_sum", "sum": "s/sum"}) == whose


def test_names_and_comments_do_not_count() -> None:
    assert normal_tokens(RIGHT) == normal_tokens(COPY) != normal_tokens(OTHER)


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({}, (), "it has no manifest.json and no .py file"),
        ({"a/b.py": ""}, (), "none of its 1 .py files names a problem of week1 and a student, such as"),
        ({"a/total.py": "", "a_total.py": ""}, (), "are both programs of a for week1/total; keep one of them"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    harness: Harness, tmp_path: Path, files: dict[str, str], options: tuple[str, ...], message: str
) -> None:
    write_rows(tmp_path / "week1.jsonl", RUNS, TOTAL)
    (tmp_path / "f").mkdir()
    for name, source in files.items():
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_text(source)
    answer = harness("score", "f", "--problems", "week1.jsonl", *options, cwd=tmp_path)
    assert answer.returncode == 2 and message in " ".join(answer.stderr.split()), answer.stderr


def test_a_folder_needs_its_problem_set_and_nothing_else_takes_its_flag(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "total.py").write_text("")
    answer = harness("score", "a", cwd=tmp_path)
    assert answer.returncode == 2 and "name their problem set with --problems" in answer.stderr
    answer = harness("score", "x.jsonl", "--show-expected", cwd=tmp_path)
    assert answer.returncode == 2 and "--show-expected is for a folder" in answer.stderr
