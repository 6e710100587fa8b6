"""Do a problem set's tests tell right from wrong? References must pass in the sandbox, wrong solutions must fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness.pipeline.execute import Runner, Sandboxes, map_in_sandboxes
from harness.tasks import codegen
from harness.types import Completion, Problem, ProblemSet
from sandbox import Execution, Limits, Verdict

CLOSE = 0.25  # of its limit: on a busy host a reference was seen to take more than 2.6 times its usual CPU time


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One solution that was run. kind: `reference` or `wrong`; `right` whether it ended as it must.

    cpu_limit_s: what its limit was, in CPU seconds: for stdio tests that of all its cases together.
    """

    problem_id: str
    kind: str
    index: int
    cpu_limit_s: float
    execution: Execution

    @property
    def right(self) -> bool:
        """A reference was accepted; a wrong solution was rejected, and not for a failure of ours."""
        verdict = self.execution.verdict
        if self.kind == "reference":
            return verdict is Verdict.ACCEPTED
        return verdict not in (Verdict.ACCEPTED, Verdict.INTERNAL_ERROR)

    @property
    def close(self) -> bool:
        """Whether it is a reference that passed, but may fail on a slower machine: more than CLOSE of its limit."""
        return self.kind == "reference" and self.right and self.execution.cpu_s > CLOSE * self.cpu_limit_s


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
    execution = pool.run(program, problem.tests, limits)
    cpu_limit_s = limits.cpu_s * max(len(execution.cases), 1)
    return Check(problem_id=problem.id, kind=kind, index=index, cpu_limit_s=cpu_limit_s, execution=execution)
