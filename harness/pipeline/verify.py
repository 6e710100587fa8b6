"""Do a problem set's tests tell right from wrong? References must pass in the sandbox, wrong solutions must fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.pipeline.execute import Runner, Sandboxes, map_in_sandboxes
from harness.tasks import codegen
from harness.types import Completion, Problem, ProblemSet
from sandbox import Execution, Limits, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One solution that was run. kind: `reference` or `wrong`; `right` whether it ended as it must."""

    problem_id: str
    kind: str
    index: int
    execution: Execution

    @property
    def right(self) -> bool:
        """A reference was accepted; a wrong solution was rejected, and not for a failure of ours."""
        verdict = self.execution.verdict
        if self.kind == "reference":
            return verdict is Verdict.ACCEPTED
        return verdict not in (Verdict.ACCEPTED, Verdict.INTERNAL_ERROR)


def verify(
    problems: ProblemSet,
    sandboxes: Sandboxes,
    *,
    limits: Callable[[Problem], Limits],
    done: Callable[[Check], None],
) -> list[Check]:
    """Run every reference and wrong solution; `done` is told each. The checks in the set's order.

    Raises SandboxError.
    """
    pool = sandboxes.open([limits(problem) for problem in problems.problems], count(problems))

    def run(solution: tuple[Problem, str, int, str]) -> Check:
        check = _run(pool, limits(solution[0]), *solution)
        done(check)
        return check

    return list(map_in_sandboxes(pool, _solutions(problems), run))


def count(problems: ProblemSet) -> int:
    """How many solutions `verify` runs."""
    return sum(1 for _ in _solutions(problems))


def _solutions(problems: ProblemSet) -> Iterator[tuple[Problem, str, int, str]]:
    for problem in problems.problems:
        for index, text in enumerate(problem.references):
            yield problem, "reference", index, text
        for index, text in enumerate(problem.wrong):
            yield problem, "wrong", index, text


def _run(pool: Runner, limits: Limits, problem: Problem, kind: str, index: int, text: str) -> Check:
    program = codegen.program(problem, Completion(problem_id=problem.id, index=index, text=text))
    return Check(problem_id=problem.id, kind=kind, index=index, execution=pool.run(program, problem.tests, limits))
