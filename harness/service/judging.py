"""From what a client sends to what the sandbox runs, and from executions to judgements and rewards.

The one place through which every API here runs programs: it chooses limits and tests, never a verdict.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness import datasets
from harness.datasets._integrity import call_tests
from harness.errors import InputError, ProblemError, did_you_mean
from harness.extractors import DEFAULT, Extraction, extract_fenced
from harness.service.admission import Admission, InternalError, Patience
from harness.service.faults import BadRequest
from harness.service.languages import Languages
from harness.service.schemas import (
    BatchItem,
    BatchResult,
    CallTestsBody,
    ExecuteBody,
    JudgeBody,
    JudgementBody,
    LimitsBody,
    RewardBody,
    StdioTestsBody,
    decode_files,
    execution_body,
)
from harness.service.settings import Settings
from harness.tasks import codegen
from harness.types import Completion, Form, Problem, ProblemSet
from sandbox import (
    Execution,
    Integrity,
    Limits,
    Program,
    ProgramTests,
    StdioCase,
    StdioTests,
    Tests,
    Verdict,
    languages,
)
from sandbox.types import MIB

T = TypeVar("T")
WINDOW = 3  # programs of one batch that wait for a sandbox, per sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A program with what decides about it."""

    program: Program
    tests: Tests | None
    limits: Limits


class Judging:
    """The service's work, whatever the API it was asked for in."""

    def __init__(self, settings: Settings, admission: Admission, languages: Languages) -> None:
        self.languages = languages
        self._settings = settings
        self._admission = admission
        self._sets: dict[str, ProblemSet] = {}
        self._loading: dict[str, asyncio.Future[None]] = {}

    # -- what is run

    def limits(self, body: LimitsBody | None, own: Limits | None = None) -> Limits:
        """The limits of a program: those that are asked for, else its problem's, else the service's.

        Raises BadRequest: with smaller limits than its own a problem would have another verdict.
        """
        if body is None and own is not None:
            if not own.within(self._settings.ceiling()):
                raise BadRequest(f"problem: it needs {own}, which is more than this service's sandboxes may hold")
            return own
        body = body or LimitsBody()
        return self.make_limits(body.wall_s, body.cpu_s, body.memory_bytes, body.output_bytes)

    def make_limits(
        self, wall_s: float, cpu_s: float | None = None, memory_bytes: int | None = None,
        output_bytes: int = Limits().output_bytes,
    ) -> Limits:  # fmt: skip
        """Limits of these values. Raises BadRequest for more memory than a program may ask for."""
        largest = self._settings.max_memory_mib
        memory = self._settings.memory_mib * MIB if memory_bytes is None else memory_bytes
        if memory > largest * MIB:
            raise BadRequest(f"memory: {memory / MIB:g} MiB is more than the {largest} MiB that a program may ask for")
        return Limits(
            wall_s=wall_s, cpu_s=wall_s if cpu_s is None else cpu_s, memory_bytes=memory, output_bytes=output_bytes
        )

    def executable(self, body: ExecuteBody) -> Candidate:
        """A program without tests. Raises BadRequest."""
        language = self.languages.find(body.language)
        with _as_bad_request():
            program = Program(
                source=body.source,
                language=language,
                files=decode_files(body.files),
                argv=tuple(body.argv),
                stdin=body.stdin,
                fetch=tuple(body.fetch),
            )
        return Candidate(program=program, tests=None, limits=self.limits(body.limits))

    async def candidate(self, body: JudgeBody) -> Candidate:
        """A program with the tests that decide. Raises BadRequest."""
        if (body.source is None) == (body.completion is None):
            raise BadRequest("source or completion: one of them is needed")
        if (body.tests is None) == (body.problem is None):
            raise BadRequest("tests or problem: one of them is needed")
        if body.problem is not None:
            problem = await self.problem(body.problem)
        else:
            problem = _own_problem(body.tests, self.languages.find(body.language))
        self.languages.find(problem.language)
        if body.all_cases:
            if not problem.has_cases():
                raise BadRequest("all_cases: these tests run in the program's own process, and have no cases")
            problem = problem.with_all_cases()
        form, text = (Form.SOLUTION, body.source) if body.source is not None else (Form(body.form), body.completion)
        answer = Completion(problem_id=problem.id, index=0, text=text or "", form=form)
        with _as_bad_request():
            program = codegen.program(problem, answer, take_program(problem, answer, body.extractor))
        return Candidate(program=program, tests=problem.tests, limits=self.limits(body.limits, problem.limits))

    async def problem(self, name: str) -> Problem:
        """A problem by the name of its set and its id there: humaneval/0. Raises BadRequest."""
        set_name, _, rest = name.partition("/")
        problems = await self.problem_set(set_name)
        found = problems.find(name) or problems.find(rest) or problems.find(f"{set_name}/{rest}")
        if found is None:
            near = did_you_mean(name, [each.id for each in problems.problems])
            raise BadRequest(f"problem: {set_name} has no problem {rest!r}{near}")
        return found

    async def problem_set(self, name: str) -> ProblemSet:
        """A set by its name; never by a path: the service's files are not a client's to read. Raises BadRequest."""
        known = datasets.known_names()
        plain = name.lower().replace("+", "plus").replace("human-eval", "humaneval")
        if plain.partition(":")[0].replace("_", "-") not in [each.replace("+", "plus") for each in known]:
            raise BadRequest(f"problem: unknown set {name!r}{did_you_mean(plain, known)}; known: {', '.join(known)}")
        if plain not in self._sets:
            if plain not in self._loading:
                self._loading[plain] = asyncio.ensure_future(self._load(plain))
            await asyncio.shield(self._loading[plain])  # others wait for it too
        return self._sets[plain]

    async def _load(self, name: str) -> None:
        try:
            self._sets[name] = await asyncio.to_thread(_load, name, self._settings.cache)
        finally:
            del self._loading[name]

    # -- running

    async def run(self, candidate: Candidate, client: str, patience: Patience) -> Execution:
        """One program, when its turn comes. Raises Refused, InternalError, BadRequest."""
        with _as_bad_request():
            return await self._admission.run(
                candidate.program, candidate.tests, candidate.limits, client=client, patience=patience
            )

    async def judge(
        self, candidate: Candidate, client: str, patience: Patience, *, stop_at_first: bool = True
    ) -> JudgementBody:
        """One program with its tests; with all cases of stdio tests where `stop_at_first` is not wanted."""
        tests = candidate.tests
        if isinstance(tests, StdioTests) and not stop_at_first:
            tests = dataclasses.replace(tests, all_cases=True)
        execution = await self.run(dataclasses.replace(candidate, tests=tests), client, patience)
        return judgement(execution, tests)

    async def batch(self, items: Sequence[BatchItem], client: str, patience: Patience) -> AsyncIterator[BatchResult]:
        """Each item's result as it ends. The first waits as `patience` says, the others as long as it takes."""

        async def work(index: int, patient: Patience) -> BatchResult:
            return await self._item(index, items[index], client, patient)

        async for result in self.each(len(items), work, patience):
            yield result

    async def each(
        self, count: int, work: Callable[[int, Patience], Awaitable[T]], patience: Patience
    ) -> AsyncIterator[T]:
        """The results of `work` as they end, a few at once: one client's thousands do not stand before another's one.

        The first waits as `patience` says, the others as long as it takes.
        """
        yield await work(0, patience)
        rest = iter(range(1, count))
        working: set[asyncio.Future[T]] = set()
        try:
            while True:
                while len(working) < WINDOW * self._settings.workers and (index := next(rest, None)) is not None:
                    working.add(asyncio.ensure_future(work(index, Patience(wait_s=None))))
                if not working:
                    return
                done, working = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in working:
                task.cancel()

    async def _item(self, index: int, item: BatchItem, client: str, patience: Patience) -> BatchResult:
        try:
            if item.tests is None and item.problem is None:
                given = item.model_dump(exclude={"limits"}, exclude_none=True)
                if item.source is None:
                    raise BadRequest("source: a program is needed where there are no tests and no problem")
                body = ExecuteBody(**given, limits=item.limits or LimitsBody())
                execution = await self.run(self.executable(body), client, patience)
                return BatchResult(index=index, id=item.id, execution=execution_body(execution))
            candidate = await self.candidate(item)
            judged = await self.judge(candidate, client, patience, stop_at_first=item.stop_at_first)
            return BatchResult(index=index, id=item.id, judgement=judged)
        except (BadRequest, InternalError) as error:
            return BatchResult(index=index, id=item.id, error=str(error))

    async def rewards(self, body: RewardBody, client: str, patience: Patience) -> list[float | None]:
        """What each completion is worth; None where there is no verdict. Raises BadRequest, Refused."""
        given = body.problems if body.problems is not None else body.tests
        if given is None or (body.problems is not None and body.tests is not None):
            raise BadRequest("problems or tests: one of them is needed")
        if len(given) != len(body.completions):
            raise BadRequest(f"{len(given)} problems or tests for {len(body.completions)} completions")
        items = []
        for place, completion in enumerate(body.completions):
            text = completion if isinstance(completion, str) else completion[-1].text() if completion else ""
            what = {"problem": body.problems[place]} if body.problems is not None else {"tests": given[place]}
            items.append(BatchItem(completion=text, form=body.form, extractor=body.extractor, limits=body.limits,
                                   stop_at_first=body.reward == "all",
                                   all_cases=body.all_cases and body.reward == "fraction", **what))  # fmt: skip
        return await self.item_rewards(items, client, patience)

    async def item_rewards(self, items: Sequence[BatchItem], client: str, patience: Patience) -> list[float | None]:
        """What each item's completion is worth, in their order; None where there is no verdict."""

        async def work(index: int, patient: Patience) -> tuple[int, float | None]:
            return index, await self._reward(items[index], client, patient)

        rewards: list[float | None] = [None] * len(items)
        async for index, reward in self.each(len(items), work, patience):
            rewards[index] = reward
        return rewards

    async def _reward(self, item: BatchItem, client: str, patience: Patience) -> float | None:
        """The share of an item's cases that passed, or whether all did; None where there is no verdict."""
        candidate = await self.candidate(item)
        try:
            judged = await self.judge(candidate, client, patience, stop_at_first=item.stop_at_first)
        except InternalError:
            return None
        share = judged.passed / judged.total
        return float(share == 1.0) if item.stop_at_first else share


def judgement(execution: Execution, tests: Tests | None) -> JudgementBody:
    """What an execution with tests says, in cases where it has them."""
    counted = isinstance(tests, StdioTests) or bool(execution.cases)
    total = len(tests.cases) if isinstance(tests, StdioTests) else len(execution.cases) or 1
    passed = execution.cases.count(Verdict.ACCEPTED) if counted else int(execution.verdict is Verdict.ACCEPTED)
    return JudgementBody(
        verdict=execution.verdict,
        detail=execution.detail,
        integrity=execution.integrity,
        cases=list(execution.cases),
        passed=passed,
        total=total,
        wall_s=execution.wall_s,
        cpu_s=execution.cpu_s,
        peak_memory_bytes=execution.peak_memory_bytes,
    )


def make_tests(body: CallTestsBody | StdioTestsBody) -> Tests:
    """Tests as the sandbox takes them. Raises BadRequest."""
    with _as_bad_request():
        if isinstance(body, StdioTestsBody):
            cases = tuple(StdioCase(stdin=case.stdin, stdout=case.stdout) for case in body.cases)
            return StdioTests(cases=cases, compare=body.compare, tolerance=body.tolerance)
        return function_tests(body.source, body.entry_point, prompt=body.prompt, integrity=body.integrity)


def function_tests(source: str, entry_point: str, *, prompt: str = "", integrity: Integrity | None = None) -> Tests:
    """Tests of a function, judged apart from the program wherever they can be. Raises ValueError."""
    if not entry_point.isidentifier() and "TestCase" not in source:
        raise ValueError(f"tests: entry_point must be the name of a function, not {entry_point!r}")
    call = f"\ncheck({entry_point})\n" if "def check(" in source else "\n"
    tests = call_tests(source + call, entry_point, prelude=prompt)
    return dataclasses.replace(tests, integrity=integrity) if integrity else tests


def take_program(problem: Problem, answer: Completion, extractor: str = DEFAULT) -> Extraction | None:
    """What is taken out of an answer: by an extractor for Python, else the last block fenced as its language."""
    known = problem.assembly.tags is not None or isinstance(problem.tests, ProgramTests)
    language = languages.written_in(problem.language)
    if answer.form is not Form.CHAT or language == languages.PYTHON or known:
        return codegen.extraction(problem, answer, extractor)
    return extract_fenced(answer.text, languages.find(language).fence_names)


def _own_problem(body: CallTestsBody | StdioTestsBody | None, language: str) -> Problem:
    assert body is not None
    call, tests = isinstance(body, CallTestsBody), make_tests(body)
    try:
        languages.find(language).check(tests)
    except ValueError as error:
        raise BadRequest(f"tests: a program in {language}: {error}") from error
    return Problem(
        id="request",
        dataset="request",
        prompt=body.prompt if isinstance(body, CallTestsBody) else "",
        tests=tests,
        entry_point=body.entry_point if call else "",  # type: ignore[union-attr]
        language=language,
    )


def _load(name: str, cache: Path) -> ProblemSet:
    try:
        return datasets.load_set(name, cache)
    except ProblemError as error:
        raise InternalError(f"the set {name} could not be loaded: {error}") from error


class _as_bad_request:  # noqa: N801 - read as a word
    """What the sandbox's constructors and the data sets refuse is the client's to mend."""

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        if isinstance(error, ValueError | InputError):
            raise BadRequest(str(error)) from error
