"""Which program in a folder is whose, and for which problem: read from the file's path.

The path, without `.py`, names the problem, and what is left of it is the student: `alice/two_sum.py`,
`two_sum/alice.py`, `alice_two_sum.py` and `two_sum_alice.py` are all alice's. A problem is named by what stands after
the last `/` of its id; case does not count, and `-`, `_` and blanks are one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError
from harness.files.atomic import write_whole
from harness.files.opened import read_whole
from harness.types import ProblemSet

LONGEST_PROGRAM = 1 << 20  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A program. index: its place among those of its problem, as the run that scores them counts."""

    student: str
    problem_id: str
    path: Path
    source: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Submissions:
    """All of a folder. unmatched: files that are no program of a problem, and why."""

    found: tuple[Submission, ...]
    unmatched: tuple[tuple[Path, str], ...]

    def students(self) -> list[str]:
        """By name."""
        return sorted({each.student for each in self.found})


def read_submissions(folder: Path, problems: ProblemSet) -> Submissions:
    """The programs of a folder and the folders in it, by student and problem.

    Raises InputError for a folder without any, and for two programs of a student for one problem.
    """
    names = {_plain(problem.id.rpartition("/")[2]): problem.id for problem in problems.problems}
    found: dict[tuple[str, str], Submission] = {}
    unmatched: list[tuple[Path, str]] = []
    counts: dict[str, int] = {}
    for path in sorted(folder.rglob("*.py")):
        whose = None if path.is_symlink() else _whose(path.relative_to(folder), names)
        if whose is None:
            reason = "a link" if path.is_symlink() else f"no problem of {problems.name} and student in its name"
            unmatched.append((path, reason))
            continue
        if (other := found.get(whose)) is not None:
            raise InputError(
                f"{other.path} and {path} are both programs of {whose[0]} for {whose[1]}; keep one of them"
            )
        source = read_whole(path, LONGEST_PROGRAM).decode("utf-8", "replace")
        index = counts.get(whose[1], 0)
        counts[whose[1]] = index + 1
        found[whose] = Submission(student=whose[0], problem_id=whose[1], path=path, source=source, index=index)
    if not found:
        raise InputError(_nothing(folder, problems, unmatched))
    return Submissions(found=tuple(found.values()), unmatched=tuple(unmatched))


def _nothing(folder: Path, problems: ProblemSet, unmatched: Sequence[tuple[Path, str]]) -> str:
    if not unmatched:
        return (
            f"{folder} is neither a run directory nor a folder with programs: it has no manifest.json and no .py file"
        )
    tail = problems.problems[0].id.rpartition("/")[2]
    return (
        f"{folder}: none of its {len(unmatched)} .py files names a problem of {problems.name} and a student, such as "
        f"alice/{tail}.py or alice_{tail}.py; --problems chooses another set"
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_\s]+", "_", name).strip("_").casefold()


def _whose(path: Path, names: dict[str, str]) -> tuple[str, str] | None:
    """(student, problem id); None where the path does not say both."""
    parts = [*path.parts[:-1], path.stem]
    for at in reversed(range(len(parts))):
        others = [*parts[:at], *parts[at + 1 :]]
        if _plain(parts[at]) in names and others:
            return "/".join(others), names[_plain(parts[at])]
    stem, plain = parts[-1], _plain(parts[-1])
    if plain in names:
        return None  # nobody's
    for name in sorted(names, key=len, reverse=True):
        if plain.endswith(f"_{name}"):
            student = _without(stem, name, at_end=True)
        elif plain.startswith(f"{name}_"):
            student = _without(stem, name, at_end=False)
        else:
            continue
        return "/".join([*parts[:-1], student]), names[name]
    return None


def _without(stem: str, name: str, *, at_end: bool) -> str:
    """The student in a file's name, as it is written there."""
    words = r"[-_\s]+".join(map(re.escape, name.split("_")))
    pattern = rf"^(.*?)[-_\s]+{words}[-_\s]*$" if at_end else rf"^[-_\s]*{words}[-_\s]+(.*)$"
    found = re.match(pattern, stem, re.IGNORECASE | re.DOTALL)
    return found[1] if found else stem


def write_samples(submissions: Submissions, target: Path) -> None:
    """The programs as a file of samples, in the order of `found`. Raises InputError where it cannot be written."""
    rows = ({"task_id": each.problem_id, "solution": each.source} for each in submissions.found)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, "".join(json.dumps(row) + "\n" for row in rows).encode())
    except OSError as error:
        raise InputError(f"{target} cannot be written: {error.strerror}; choose another folder with --out") from error
