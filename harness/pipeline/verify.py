"""Do a problem set's tests tell right from wrong? References must pass in the sandbox, wrong solutions must fail."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sandbox
from harness.tasks import codegen
from harness.types import Completion, Problem, ProblemSet
from sandbox import Execution, Isolation, Limits, Pool, Verdict


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
    backend: str,
    *,
    limits: Callable[[Problem], Limits],
    workers: int | None,
    isolation: Isolation,
    done: Callable[[Check], None],
) -> list[Check]:
    """Run every reference and wrong solution; `done` is told each. The checks in the set's order.

    Raises SandboxError.
    """
    ceiling = sandbox.ceiling([limits(problem) for problem in problems.problems])
    workers = workers or sandbox.default_workers()
    with (
        sandbox.open(backend, workers=workers, ceiling=ceiling, isolation=isolation) as box,
        concurrent.futures.ThreadPoolExecutor(workers) as threads,
    ):

        def run(job: tuple[Problem, str, int, str]) -> Check:
            check = _run(box, limits(job[0]), *job)
            done(check)
            return check

        return list(threads.map(run, _jobs(problems)))


def count(problems: ProblemSet) -> int:
    """How many solutions `verify` runs."""
    return sum(1 for _ in _jobs(problems))


def _jobs(problems: ProblemSet) -> Iterator[tuple[Problem, str, int, str]]:
    for problem in problems.problems:
        for index, text in enumerate(problem.references):
            yield problem, "reference", index, text
        for index, text in enumerate(problem.wrong):
            yield problem, "wrong", index, text


def _run(box: Pool, limits: Limits, problem: Problem, kind: str, index: int, text: str) -> Check:
    program = codegen.program(problem, Completion(problem_id=problem.id, index=index, text=text))
    return Check(problem_id=problem.id, kind=kind, index=index, execution=box.run(program, problem.tests, limits))
