"""What a problem's page shows of how answers are judged: its tests and its references, cut where they are long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from harness.leaderboard.answers import highlighted
from harness.types import Problem
from sandbox.types import CallTests, ProgramTests, StdioTests

LONGEST = 8_000  # characters of one text: the inputs of HumanEval+ alone can have a million
MOST_CASES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A text as far as it is shown. length: of the whole of it, in characters."""

    title: str
    text: Markup | str
    length: int

    @property
    def is_cut(self) -> bool:
        """Whether there is more than is shown."""
        return self.length > LONGEST


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedBy:
    """sources: tests that are code. cases: (input, expected output) of the first cases; count: of all of them."""

    sources: tuple[Excerpt, ...]
    cases: tuple[tuple[Excerpt, Excerpt], ...]
    count: int
    references: tuple[Excerpt, ...]


def judged_by(problem: Problem) -> JudgedBy:
    """The problem's tests and references."""
    tests = problem.tests
    cases = tests.cases if isinstance(tests, StdioTests) else ()
    code = problem.tests is not None
    many = len(problem.references) > 1
    return JudgedBy(
        sources=tuple(_excerpt(title, text, problem, code=True) for title, text in _sources(problem) if text.strip()),
        cases=tuple(
            (
                _excerpt("input", case.stdin, problem, code=False),
                _excerpt("expected output", case.stdout, problem, code=False),
            )
            for case in cases[:MOST_CASES]
        ),
        count=len(cases),
        references=tuple(
            _excerpt(f"Reference {number}" if many else "Reference", text, problem, code=code)
            for number, text in enumerate(problem.references, start=1)
        ),
    )


def _sources(problem: Problem) -> Iterator[tuple[str, str]]:
    tests = problem.tests
    if isinstance(tests, CallTests):
        yield "Before the program and its tests", tests.setup
        yield "Before the tests", tests.prelude
        yield "Tests", tests.source
    elif isinstance(tests, ProgramTests):
        yield "Before the program", tests.before
        yield "Tests", tests.source


def _excerpt(title: str, text: str, problem: Problem, *, code: bool) -> Excerpt:
    shown = text.strip("\n")[:LONGEST]
    python = code and problem.language == "python"
    return Excerpt(title=title, text=highlighted(shown) if python else shown, length=len(text.strip("\n")))
