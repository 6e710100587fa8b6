"""What a teacher sees of a class: a table of students, one of problems, and programs that are nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.classroom.grades import Class
from harness.classroom.similar import SHORTEST, SimilarPair
from harness.classroom.submissions import Submissions
from harness.cli.display.console import err, out
from harness.text.printable import printable

COLUMNS = 6  # problems that have a column of their own
NAMED = 10  # pairs and files that are named


def show(found: Class, pairs: Sequence[SimilarPair], handed_in: Submissions, target: Path) -> None:
    """The tables, and where the files are."""
    for path, reason in handed_in.unmatched[:NAMED]:
        err.print(Text(f"left out: {printable(str(path))}: {printable(reason)}", "yellow"))
    if len(handed_in.unmatched) > NAMED:
        err.print(Text(f"left out: {len(handed_in.unmatched) - NAMED} more files", "yellow"))
    out.print(_students(found))
    out.print(_problems(found))
    _show_similar(pairs)
    out.print(Text(f"points, similar programs and feedback: {printable(str(target))}"), soft_wrap=True)


def _students(found: Class) -> Table:
    table = Table("student", header_style="bold")
    shown = found.problems if len(found.problems) <= COLUMNS else ()
    for head in ("handed in", "passed", "points", *(name.rpartition("/")[2] for name in shown)):
        table.add_column(printable(head), justify="right")
    for student in found.students:
        grades = found.of_student(student)
        known = {each.submission.problem_id: each for each in grades}
        cells = [f"{known[name].points:g}" if name in known else "-" for name in shown]
        earned = sum(each.points for each in grades)
        counts = (f"{len(grades)} of {len(found.problems)}", str(sum(each.passed for each in grades)))
        table.add_row(Text(printable(student)), *counts, f"{earned:g} of {found.total_points:g}", *cells)
    return table


def _problems(found: Class) -> Table:
    table = Table("problem", header_style="bold")
    for head in ("handed in", "passed", "mean points", "cases passed"):
        table.add_column(head, justify="right")
    for problem_id in found.problems:
        grades = found.of_problem(problem_id)
        mean = sum(each.points for each in grades) / len(grades)
        cases = sum(each.cases_passed / len(each.cases) for each in grades) / len(grades)
        table.add_row(
            Text(printable(problem_id)),
            f"{len(grades)} of {len(found.students)}",
            str(sum(each.passed for each in grades)),
            f"{mean:.1f} of {found.of_points[problem_id]:g}",
            f"{cases:.0%}",
        )
    return table


def _show_similar(pairs: Sequence[SimilarPair]) -> None:
    if not pairs:
        out.print(f"similar: no two programs of {SHORTEST} tokens or more are nearly the same")
        return
    for each in pairs[:NAMED]:
        names = f"{printable(each.first.student)} and {printable(each.second.student)}"
        what = "the same but for names and comments" if each.similarity == 1 else f"{each.similarity:.0%} the same"
        out.print(Text(f"similar: {names}, {printable(each.problem_id)}: {what}", "yellow"))
    if len(pairs) > NAMED:
        out.print(f"similar: {len(pairs) - NAMED} more pairs in similar.csv")


def record(
    found: Class, pairs: Sequence[SimilarPair], handed_in: Submissions, run: Path, target: Path
) -> dict[str, Any]:
    """The same for `--json`."""
    return {
        "run": str(run),
        "files": str(target),
        "students": {
            student: {
                "points": sum(each.points for each in found.of_student(student)),
                "of_points": found.total_points,
                "problems": {
                    each.submission.problem_id: {
                        "verdict": each.verdict.value,
                        "cases_passed": each.cases_passed,
                        "cases": len(each.cases),
                        "points": each.points,
                        "of_points": each.of_points,
                        "file": str(each.submission.path),
                    }
                    for each in found.of_student(student)
                },
            }
            for student in found.students
        },
        "similar": [
            {
                "problem": each.problem_id,
                "students": [each.first.student, each.second.student],
                "similarity": round(each.similarity, 3),
            }
            for each in pairs
        ],
        "unmatched": [{"file": str(path), "reason": reason} for path, reason in handed_in.unmatched],
    }
