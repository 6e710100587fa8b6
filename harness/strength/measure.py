"""How many wrong programs the tests of a problem accept, as far as small changes of its reference can show it.

For each problem: mutants of the reference are run against the tests. Those that pass are compared with the reference on
generated inputs: one that answers otherwise is a wrong program that the tests accept (a survivor), one that never does
is counted as equivalent. The share killed is killed / (killed + survived). Accepted completions of runs are compared
with the reference in the same way. Everything runs in the sandbox.
"""

from __future__ import annotations

import ast
import concurrent.futures
import dataclasses
import difflib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sandbox
from harness.datasets import ProblemSet
from harness.strength import drivers
from harness.strength.drivers import Answer
from harness.strength.inputs import Call, more_calls, parse_calls
from harness.strength.mutants import Mutant, mutants, normal_form
from harness.tasks import codegen
from harness.types import Completion, Problem
from sandbox import CallTests, Execution, Integrity, Isolation, Limits, Program, Tests, Verdict

Run = Callable[[Program, Tests | None, Limits], Execution]
_ANSWERED_BYTES = 1 << 20
_CPU_S = 10.0  # of a run over all inputs, which no limit of the problem is meant for


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A program that the tests accept and that is not the reference. what: a mutant's kind, or a completion's name.

    diff: lines that differ, a unified diff without its head. inputs: numbers of the telling inputs. call, expected,
    got: the first of them, as texts; empty where the program did not come to its end.
    """

    what: str
    diff: str
    inputs: tuple[int, ...]
    call: str = ""
    expected: str = ""
    got: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemStrength:
    """One problem's tests. inputs: generated ones that the reference answers; `calls` and `answers` hold them.

    equivalent: mutants that the tests accept and no input tells from the reference. not_measured: why, where inputs
    or mutants could not be made; empty otherwise. completions: distinct programs of runs that these tests accept
    and that were compared.
    """

    problem_id: str
    mutants: int = 0
    killed: int = 0
    equivalent: int = 0
    survivors: tuple[Difference, ...] = ()
    completions: int = 0
    disagreeing: tuple[Difference, ...] = ()
    calls: tuple[Call, ...] = field(default=(), repr=False)
    answers: tuple[Answer, ...] = field(default=(), repr=False)
    not_measured: str = ""

    @property
    def telling(self) -> int:
        """Mutants that are known to be wrong: killed by the tests, or told from the reference by an input."""
        return self.killed + len(self.survivors)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrengthOptions:
    """mutants, inputs: at most so many for each problem. seed: of both."""

    mutants: int = 50
    inputs: int = 1000
    seed: int = 0


def measure_strength(
    problem: Problem, run: Run, limits: Limits, options: StrengthOptions, completions: Sequence[Completion] = ()
) -> ProblemStrength:
    """One problem's tests. `completions`: those that a run accepted; programs that these tests reject are left out.

    Raises what `run` raises.
    """
    if not isinstance(problem.tests, CallTests):
        return ProblemStrength(problem_id=problem.id, not_measured="its tests are not calls of a function")
    if not problem.references:
        return ProblemStrength(problem_id=problem.id, not_measured="it has no reference")
    bench = _Bench(problem, problem.tests, run, limits, options)
    if bench.execution.verdict is not Verdict.ACCEPTED:
        verdict = bench.execution.verdict
        return ProblemStrength(problem_id=problem.id, not_measured=f"its reference is {verdict}, not ACCEPTED")
    return bench.measure(completions)


def measure_set(
    problems: ProblemSet,
    backend: str,
    options: StrengthOptions,
    *,
    limits: Callable[[Problem], Limits],
    completions: Mapping[str, Sequence[Completion]],
    workers: int | None,
    isolation: Isolation,
    done: Callable[[ProblemStrength], None],
) -> list[ProblemStrength]:
    """The tests of every problem, in the set's order; `done` is told each. Raises SandboxError."""
    ceiling = sandbox.ceiling([_long(limits(problem)) for problem in problems.problems])
    workers = workers or sandbox.default_workers()
    with (
        sandbox.open(backend, workers=workers, ceiling=ceiling, isolation=isolation) as box,
        concurrent.futures.ThreadPoolExecutor(workers) as threads,
    ):

        def measure(problem: Problem) -> ProblemStrength:
            own = completions.get(problem.id, ())
            found = measure_strength(problem, box.run, limits(problem), options, own)
            done(found)
            return found

        return list(threads.map(measure, problems.problems))


def _long(limits: Limits) -> Limits:
    """Limits of a run over all inputs."""
    cpu_s = max(_CPU_S, limits.cpu_s)
    wall_s = max(2 * cpu_s, limits.wall_s)
    output_bytes = max(_ANSWERED_BYTES, limits.output_bytes)
    return dataclasses.replace(limits, cpu_s=cpu_s, wall_s=wall_s, output_bytes=output_bytes)


def _with_loopback(run: Run) -> Run:
    """Programs and drivers of a problem that needs sockets may open them."""

    def run_so(program: Program, tests: Tests | None, limits: Limits) -> Execution:
        return run(dataclasses.replace(program, loopback=True), tests, limits)

    return run_so


class _Bench:
    """The reference of one problem with its inputs, and what other programs are held against."""

    def __init__(self, problem: Problem, tests: CallTests, run: Run, limits: Limits, options: StrengthOptions) -> None:
        run = _with_loopback(run) if problem.loopback else run
        self.problem, self.tests, self.options, self._run, self.limits = problem, tests, options, run, limits
        reference = Completion(problem_id=problem.id, index=0, text=problem.references[0])
        self.source = codegen.program(problem, reference).source
        self.rng = random.Random(f"{options.seed} {problem.id}")
        self.execution = run(Program(source=self.source), tests, limits)
        self.long = _long(limits)
        # a mutant that takes many times what its reference takes will not end
        cpu_s = min(limits.cpu_s, max(0.5, 10 * self.execution.cpu_s))
        self.short = dataclasses.replace(limits, cpu_s=cpu_s, wall_s=min(limits.wall_s, 4 * cpu_s + 2))
        self.calls: list[Call] = []
        self.answers: list[Answer] = []

    def measure(self, completions: Sequence[Completion]) -> ProblemStrength:
        """Mutants against the tests, and whatever passes them against the reference."""
        judged = [(each, self._verdict(each)) for each in self._mutants()]
        made = [each for each, verdict in judged if verdict is not Verdict.INTERNAL_ERROR]  # ours says nothing of it
        accepted = [each for each, verdict in judged if verdict is Verdict.ACCEPTED]
        programs = self._accepted(completions)
        reason = ""
        if accepted or programs:
            reason = self._make_inputs()
        if reason:  # which of those accepted are wrong is not known, so neither is a share of the wrong ones
            return ProblemStrength(problem_id=self.problem.id, mutants=len(made), not_measured=reason)
        found = [(each, self._difference(each.kind, normal_form(self.source), each.source)) for each in accepted]
        survivors = [difference for _, difference in found if difference is not None]
        against = [self._difference(name, self.source, source) for name, source in programs]
        return ProblemStrength(
            problem_id=self.problem.id,
            mutants=len(made),
            killed=len(made) - len(accepted),
            equivalent=len(accepted) - len(survivors),
            survivors=tuple(survivors),
            completions=len(against),
            disagreeing=tuple(each for each in against if each is not None),
            calls=tuple(self.calls),
            answers=tuple(self.answers),
        )

    def _mutants(self) -> list[Mutant]:
        first = self.problem.prompt.count("\n") + 1 if self.source.startswith(self.problem.prompt) else 1
        return mutants(self.source, first_line=first, limit=self.options.mutants, rng=self.rng)

    def _verdict(self, mutant: Mutant) -> Verdict:
        return self._run(Program(source=mutant.source), self.tests, self.short).verdict

    def _accepted(self, completions: Sequence[Completion]) -> list[tuple[str, str]]:
        """The distinct programs of completions that these tests accept too, with their names."""
        named: dict[str, str] = {}
        for each in completions:
            source = codegen.program(self.problem, each).source
            if source != self.source:
                named.setdefault(source, f"completion {each.index}")
        return [(name, source) for source, name in named.items() if self._passes(source)]

    def _passes(self, source: str) -> bool:
        return self._run(Program(source=source), self.tests, self.limits).verdict is Verdict.ACCEPTED

    def _make_inputs(self) -> str:
        """The tests' own calls and more like them, with the reference's answers; why there are none, else empty."""
        if self.tests.integrity is Integrity.IN_SANDBOX:
            return "its tests use more than data (integrity in-sandbox), so that no inputs can be made"
        recorded = self._run(Program(source=drivers.recording(self.source, self.tests)), None, self.long)
        seen = parse_calls(drivers.read_recorded(recorded.stdout))
        if not seen:
            return "its tests call the function with no plain data"
        calls = [*seen, *more_calls(seen, self.options.inputs, self.rng)]
        answered = self._run(Program(source=drivers.answering(self.source, self.tests, calls)), None, self.long)
        allowed = _raised(self.source)
        pairs = [
            (calls[number], answer)
            for number, answer in sorted(drivers.read_answers(answered.stdout).items())
            if number < len(calls) and (not answer.raised or answer.raised in allowed)
        ]
        self._keep([call for call, _ in pairs], [answer for _, answer in pairs])
        return "" if self.calls else "its reference answers no generated input with plain data"

    def _keep(self, calls: list[Call], answers: list[Answer]) -> None:
        """Those that the reference answers the same way again: not by chance, time or memory of earlier calls."""
        for _ in range(5):
            if not calls:
                break
            execution = self._run(Program(source=self.source), drivers.comparing(self.tests, calls, answers), self.long)
            if execution.verdict is Verdict.ACCEPTED:
                self.calls, self.answers = calls, answers
                return
            wrong = set(drivers.read_differences(execution.detail))
            if not wrong:
                break
            kept = [number for number in range(len(calls)) if number not in wrong]
            calls, answers = [calls[number] for number in kept], [answers[number] for number in kept]

    def _difference(self, what: str, original: str, source: str) -> Difference | None:
        if not self.calls:
            return None
        tests = drivers.comparing(self.tests, self.calls, self.answers)
        execution = self._run(Program(source=source), tests, self.long)
        if execution.verdict in (Verdict.ACCEPTED, Verdict.INTERNAL_ERROR):
            return None
        diff = _diff(original, source)
        inputs = drivers.read_differences(execution.detail)
        if not inputs:
            return Difference(what=what, diff=diff, inputs=(), got=f"{execution.verdict}: {execution.detail}"[:200])
        call = self.calls[inputs[0]]
        answered = self._run(Program(source=drivers.answering(source, self.tests, [call])), None, self.long)
        got = drivers.read_answers(answered.stdout).get(0)
        return Difference(
            what=what,
            diff=diff,
            inputs=inputs,
            call=call_text(self.tests.entry_point, call),
            expected=str(self.answers[inputs[0]])[:500],
            got="no answer" if got is None else str(got)[:500],
        )


def call_text(name: str, call: Call) -> str:
    """A call as Python writes it: `f(1, key='x')`."""
    return f"{name}({', '.join([*map(repr, call[0]), *(f'{key}={value!r}' for key, value in call[1].items())])})"


def _raised(source: str) -> set[str]:
    """The exceptions that a reference raises by its own word: these are answers, others mean a wrong input."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and node.exc is not None:
            exception = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(exception, ast.Name):
                names.add(exception.id)
    return names


def _diff(original: str, changed: str) -> str:
    lines = difflib.unified_diff(original.splitlines(), changed.splitlines(), n=1, lineterm="")
    return "\n".join([line for line in lines if not line.startswith(("---", "+++"))][:40])
