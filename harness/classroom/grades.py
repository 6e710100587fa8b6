"""What each student's program is worth, from the run that executed them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.classroom.submissions import Submission, Submissions
from harness.runs import reader
from harness.types import ProblemSet
from sandbox.types import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """A program with its verdict. cases: how each ended. points: earned, of those that there are to earn.

    failed_case: `input`, `expected` and `got` of the first case that failed, as far as they are known.
    """

    submission: Submission
    verdict: Verdict
    detail: str
    cases: tuple[str, ...]
    points: float
    of_points: float
    failed_case: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every test passed."""
        return self.verdict is Verdict.ACCEPTED

    @property
    def cases_passed(self) -> int:
        """How many cases passed."""
        return self.cases.count(Verdict.ACCEPTED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """All grades. students, problems: in the order of tables. of_points: problem id -> points that can be earned."""

    grades: Mapping[tuple[str, str], Grade]
    students: Sequence[str]
    problems: Sequence[str]
    of_points: Mapping[str, float]

    def of_student(self, student: str) -> list[Grade]:
        """The grades of a student, in the order of the problems."""
        return [self.grades[student, each] for each in self.problems if (student, each) in self.grades]

    def of_problem(self, problem_id: str) -> list[Grade]:
        """The grades of a problem, in the order of the students."""
        return [self.grades[each, problem_id] for each in self.students if (each, problem_id) in self.grades]

    @property
    def total_points(self) -> float:
        """What a student can earn."""
        return sum(self.of_points.values())


def grade(run: Path, submissions: Submissions, problems: ProblemSet) -> Class:
    """The grades of a finished run of these programs. A problem that nobody handed in is left out.

    A case is worth one point where the problem says nothing else; tests without cases are one.
    """
    found = {(each.problem_id, each.index): each for each in submissions.found}
    shares = {(each.problem_id, each.index): each.values for each in reader.read_scores(run)}
    grades: dict[tuple[str, str], Grade] = {}
    of_points: dict[str, float] = {}
    for record in reader.read_executions(run):
        key = record["problem_id"], record["index"]
        problem = problems.find(record["problem_id"])
        submission = found[key]
        cases = tuple(str(each) for each in record.get("cases") or (record["verdict"],))
        worth = sum(problem.points) if problem is not None and problem.points else float(len(cases))
        of_points[submission.problem_id] = worth
        values = shares[key]
        grades[submission.student, submission.problem_id] = Grade(
            submission=submission,
            verdict=Verdict(record["verdict"]),
            detail=str(record.get("detail", "")),
            cases=cases,
            points=round(values.get("points", values["passed"]) * worth, 6),
            of_points=worth,
            failed_case=record.get("failed_case") or {},
        )
    known = [problem.id for problem in problems.problems if problem.id in of_points]
    return Class(
        grades=grades,
        students=submissions.students(),
        problems=known,
        of_points={name: of_points[name] for name in known},
    )
