"""The files that a teacher takes away: CSV with points, similar programs, and feedback for each student."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.classroom.grades import Class, Grade
from harness.classroom.similar import SimilarPair
from harness.files.atomic import write_whole
from harness.text.printable import printable
from sandbox.types import Verdict

IN_WORDS = {
    Verdict.ACCEPTED: "every test passed",
    Verdict.WRONG_ANSWER: "a wrong answer",
    Verdict.RUNTIME_ERROR: "an error while it ran",
    Verdict.COMPILE_ERROR: "it is not valid Python",
    Verdict.TIME_LIMIT: "it took too long",
    Verdict.MEMORY_LIMIT: "it used too much memory",
    Verdict.OUTPUT_LIMIT: "it printed too much",
    Verdict.TAMPERED: "it interfered with the tests",
    Verdict.INTERNAL_ERROR: "it could not be run",
}
TESTS_FILE = "tests.py"  # a detail that names it quotes the tests
# What a spreadsheet would run as a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_files(found: Class, pairs: Sequence[SimilarPair], folder: Path, *, show_expected: bool) -> list[Path]:
    """Write `programs.csv`, `students.csv`, `similar.csv` and `feedback/`; what was written.

    show_expected: whether feedback says what was expected.
    """
    tables = {
        "programs.csv": _programs(found),
        "students.csv": _students(found),
        "similar.csv": _similar(pairs),
    }
    (folder / "feedback").mkdir(parents=True, exist_ok=True)
    written = []
    for name, rows in tables.items():
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([map(_cell, row) for row in rows])
        write_whole(folder / name, text.getvalue().encode())
        written.append(folder / name)
    taken: set[str] = set()
    for student in found.students:
        name = _file_name(student, taken)
        write_whole(folder / "feedback" / name, _feedback(found, student, show_expected).encode())
        written.append(folder / "feedback" / name)
    return written


def _cell(value: object) -> object:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _file_name(student: str, taken: set[str]) -> str:
    """Of a feedback file; never the same for two students."""
    base = name = student.replace("/", "-")
    number = 2
    while name.casefold() in taken:
        name, number = f"{base}-{number}", number + 1
    taken.add(name.casefold())
    return f"{name}.md"


def _programs(found: Class) -> Iterator[Sequence[object]]:
    yield "student", "problem", "verdict", "cases_passed", "cases", "points", "of_points", "file"
    for student in found.students:
        for problem_id in found.problems:
            each = found.grades.get((student, problem_id))
            if each is None:
                yield student, problem_id, "MISSING", 0, "", 0, found.of_points[problem_id], ""
                continue
            path = str(each.submission.path)
            counts = (each.cases_passed, len(each.cases), each.points, each.of_points)
            yield student, problem_id, each.verdict.value, *counts, path


def _students(found: Class) -> Iterator[Sequence[object]]:
    yield "student", "handed_in", "passed", "points", "of_points", *found.problems
    for student in found.students:
        grades = found.of_student(student)
        known = {each.submission.problem_id: each.points for each in grades}
        points = [known.get(problem_id, "") for problem_id in found.problems]
        earned = round(sum(each.points for each in grades), 6)
        yield student, len(grades), sum(each.passed for each in grades), earned, found.total_points, *points


def _similar(pairs: Sequence[SimilarPair]) -> Iterator[Sequence[object]]:
    yield "problem", "student", "other_student", "similarity", "file", "other_file"
    for each in pairs:
        yield (
            each.problem_id,
            each.first.student,
            each.second.student,
            round(each.similarity, 3),
            str(each.first.path),
            str(each.second.path),
        )


def _feedback(found: Class, student: str, show_expected: bool) -> str:
    earned = sum(each.points for each in found.of_student(student))
    lines = [f"# {printable(student)}", "", f"{earned:g} of {found.total_points:g} points", ""]
    for problem_id in found.problems:
        each = found.grades.get((student, problem_id))
        lines += [f"## {printable(problem_id)}", ""]
        lines += ["not handed in", ""] if each is None else [*_of_program(each, show_expected), ""]
    return "\n".join(lines)


def _of_program(each: Grade, show_expected: bool) -> Iterator[str]:
    """Lines about one program: nothing of what was expected unless that is allowed, so nothing that quotes tests."""
    yield f"{IN_WORDS[each.verdict]}; {each.points:g} of {each.of_points:g} points"
    if len(each.cases) > 1:
        yield f"{each.cases_passed} of {len(each.cases)} cases passed"
    if each.detail and (show_expected or TESTS_FILE not in each.detail):
        yield from ("", *_indented(each.detail))
    names = ("input", "expected", "got") if show_expected else ("input", "got")
    ran = not each.passed and each.verdict is not Verdict.COMPILE_ERROR
    known = [name for name in names if each.failed_case.get(name)] if ran else []
    if known:
        yield from ("", "The first case that failed:")
    for name in known:
        yield from ("", f"{name}:", "", *_indented(str(each.failed_case[name])))


def _indented(text: str) -> list[str]:
    return [f"    {printable(line)}" for line in text.rstrip().splitlines()]
