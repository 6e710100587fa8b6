"""SandboxFusion's API, and its fork's batch of cases.

Spoken by verl (reward function and tool), Alibaba ROLL, the PyPI package sandbox-fusion, ScaleBox.

A refusal is 504, which is all that verl tries again; a failure of ours is `status: SandboxError`, at which
sandbox-fusion and ROLL try again and which verl takes for no score of a test. One call is one run of one program.
`memory_limit_MB` -1 is the service's. Where a program runs out of memory or prints too much, `run_result` has a return
code that is not 0, and `message` and the end of `stderr` say which limit it was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from harness import datasets
from harness.service import notebook
from harness.service.admission import InternalError, Patience
from harness.service.faults import BadRequest
from harness.service.judging import Candidate, function_tests, judgement, take_program
from harness.service.own import client
from harness.service.replies import AsciiJSON
from harness.service.schemas import MAX_ITEMS, Body, Seconds, decode_files, encode_files
from harness.tasks import codegen
from harness.types import Completion, Form, Problem
from sandbox import Execution, Limits, Program, StdioCase, StdioTests, Tests, Verdict, languages
from sandbox.types import MIB

if TYPE_CHECKING:
    from harness.service.state import Service

BUSY = 504
BUSY_ANSWER: dict[int | str, dict[str, Any]] = {BUSY: {"description": "busy: try again"}}
BUSY_PATHS = ("/run_code", "/run_jupyter", "/submit", "/common_evaluate_batch")
CLIENT_S = 8.0  # verl reads for compile + run + 10 s
MARGIN_S = 1.0
OUTPUT_BYTES = 4 * MIB


class RunCodeBody(Body):
    """A program to run."""

    code: str
    language: str = "python"
    stdin: str | None = None
    compile_timeout: Seconds = 10.0
    run_timeout: Seconds = 10.0
    memory_limit_MB: int = Field(default=-1, ge=-1, le=1 << 30)  # noqa: N815 - theirs
    files: dict[str, str | None] = {}
    fetch_files: list[str] = Field(default=[], max_length=100)


class CommandResult(Body):
    """How one command ended."""

    status: Literal["Finished", "Error", "TimeLimitExceeded"]
    execution_time: float | None = None
    cpu_time: float | None = None
    return_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None


class RunCodeResult(Body):
    """How a program ended."""

    status: Literal["Success", "Failed", "SandboxError"]
    message: str = ""
    compile_result: CommandResult | None = None
    run_result: CommandResult | None = None
    executor_pod_name: str | None = None
    files: dict[str, str] = {}


class RunJupyterBody(Body):
    """Cells that share their state."""

    cells: list[str] = Field(max_length=1000)
    cell_timeout: float = Field(default=0, ge=0, le=3600, allow_inf_nan=False)
    total_timeout: Seconds = 45.0
    kernel: str = "python3"
    files: dict[str, str | None] = {}
    fetch_files: list[str] = Field(default=[], max_length=100)


class CellResult(Body):
    """What a cell did."""

    stdout: str
    stderr: str
    display: list[dict[str, Any]]
    error: list[dict[str, Any]]


class RunJupyterResult(Body):
    """What the cells did."""

    status: Literal["Success", "Failed", "SandboxError"]
    message: str = ""
    driver: CommandResult | None = None
    cells: list[CellResult] = []
    executor_pod_name: str | None = None
    files: dict[str, str] = {}


class Config(Body):
    """How an answer is judged."""

    language: str | None = None
    compile_timeout: Seconds | None = None
    run_timeout: Seconds | None = None
    provided_data: dict[str, Any] | list[dict[str, Any]] | None = None
    extra: dict[str, Any] = {}


class SubmitBody(Body):
    """A model's answer to a problem."""

    dataset: str = ""
    id: str | int = ""
    completion: str
    config: Config = Config()


class CaseResult(Body):
    """One case."""

    passed: bool
    exec_info: RunCodeResult
    test_info: dict[str, Any] | None = None


class EvalResult(Body):
    """What the tests of a problem found."""

    id: str | int
    accepted: bool
    extracted_code: str
    full_code: str | None = None
    test_code: str | None = None
    tests: list[CaseResult]
    extracted_type: str | None = None
    extra: dict[str, Any] | None = None


class PromptsBody(Body):
    """Which prompts."""

    dataset: str
    id: str | int | None = None
    config: Config = Config()
    offset: int = Field(default=0, ge=0)
    limit: int = Field(default=1_000_000, ge=0)


class PromptResult(Body):
    """One problem's prompt."""

    id: str
    prompt: str
    labels: dict[str, Any] = {}


class MetricsBody(Body):
    """Results to sum up."""

    dataset: str = ""
    results: list[EvalResult] = Field(max_length=MAX_ITEMS)


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    _add_runs(routes, service)
    _add_sets(routes, service)
    return routes


def _add_runs(routes: APIRouter, service: Service) -> None:
    @routes.get("/v1/ping")
    async def ping() -> str:
        """Whether the service is up."""
        return "pong"

    async def run_code(body: RunCodeBody, name: str) -> RunCodeResult:
        """Run a program."""
        return await _run_code(service, body, name)

    service.direct.add(routes, "/run_code", RunCodeBody, run_code, response_model=RunCodeResult, responses=BUSY_ANSWER)

    @routes.post("/run_jupyter", response_model=RunJupyterResult, responses=BUSY_ANSWER)
    async def run_jupyter(body: RunJupyterBody, request: Request) -> Response:
        """Run cells that share their state."""
        result = await _run_cells(service, body, client(request))
        return AsciiJSON(result.model_dump(mode="json"))

    @routes.post("/submit", response_model=EvalResult, responses=BUSY_ANSWER)
    async def submit(body: SubmitBody, request: Request) -> Response:
        """Judge an answer to a problem of a set, or to the one in `provided_data`."""
        result = await _evaluate(service, body, client(request))
        return AsciiJSON(result.model_dump(mode="json"))

    @routes.post("/common_evaluate_batch", response_model=EvalResult, responses=BUSY_ANSWER)
    async def common_evaluate_batch(body: SubmitBody, request: Request) -> Response:
        """Judge an answer by the cases in `provided_data`."""
        result = await _evaluate(service, body, client(request))
        return AsciiJSON(result.model_dump(mode="json"))


def _add_sets(routes: APIRouter, service: Service) -> None:
    judging = service.judging

    @routes.get("/list_datasets")
    async def list_datasets() -> list[str]:
        """The sets that are here."""
        return datasets.known_names()

    @routes.post("/list_ids")
    async def list_ids(body: PromptsBody) -> list[str]:
        """The ids of a set."""
        return [each.id for each in (await judging.problem_set(_set_name(body.dataset))).problems]

    @routes.post("/get_prompts")
    async def get_prompts(body: PromptsBody) -> list[PromptResult]:
        """The prompts of a set."""
        problems = (await judging.problem_set(_set_name(body.dataset))).problems
        return [PromptResult(id=each.id, prompt=each.prompt) for each in problems[body.offset :][: body.limit]]

    @routes.post("/get_prompt_by_id")
    async def get_prompt_by_id(body: PromptsBody) -> PromptResult:
        """One prompt."""
        found = await judging.problem(f"{_set_name(body.dataset)}/{body.id}")
        return PromptResult(id=found.id, prompt=found.prompt)

    @routes.post("/get_metrics")
    async def get_metrics(body: MetricsBody) -> dict[str, float]:
        """The share of results that were accepted."""
        accepted = [each.accepted for each in body.results]
        return {"pass@1": sum(accepted) / len(accepted)} if accepted else {}


def _patience(compile_timeout: float, own_s: float, run_s: float) -> Patience:
    """A client reads for `compile_timeout + run_timeout + 10 s`; own_s: how long its program may take itself."""
    return Patience(wait_s=compile_timeout + run_s - own_s + CLIENT_S - MARGIN_S,
                    answer_s=compile_timeout + run_s + CLIENT_S, busy_code=BUSY)  # fmt: skip


async def _run_code(service: Service, body: RunCodeBody, name: str) -> RunCodeResult:
    language = service.judging.languages.find(body.language)
    memory = None if body.memory_limit_MB <= 0 else body.memory_limit_MB * MIB
    limits = service.judging.make_limits(body.run_timeout, None, memory, OUTPUT_BYTES)
    program = _program(source=body.code, language=language, stdin=body.stdin or "", files=_files(body.files),
                       fetch=tuple(body.fetch_files))  # fmt: skip
    patience = _patience(body.compile_timeout, body.run_timeout, body.run_timeout)
    try:
        candidate = Candidate(program=program, tests=None, limits=limits)
        return run_result(await service.judging.run(candidate, name, patience), language)
    except InternalError as error:
        return RunCodeResult(status="SandboxError", message=str(error))


def run_result(execution: Execution, language: str = "python") -> RunCodeResult:
    """An execution in their words."""
    verdict = execution.verdict
    code = execution.exit_code if execution.signal is None else -execution.signal
    late = verdict is Verdict.TIME_LIMIT
    stderr = execution.stderr
    if verdict in (Verdict.MEMORY_LIMIT, Verdict.OUTPUT_LIMIT, Verdict.TAMPERED):
        word = {"MEMORY_LIMIT": "MemoryLimitExceeded", "OUTPUT_LIMIT": "OutputLimitExceeded"}.get(verdict, "Tampered")
        stderr = f"{stderr}\n{word}: {execution.detail}".lstrip("\n")
    if verdict is not Verdict.ACCEPTED and not code:
        code = 1
    command = CommandResult(
        status="TimeLimitExceeded" if late else "Finished",
        execution_time=execution.wall_s,
        cpu_time=execution.cpu_s,
        return_code=None if late else code,
        stdout=execution.stdout,
        stderr=stderr,
    )
    translated = any("{build}" in part for part in languages.find(language).run)
    compiled = verdict is Verdict.COMPILE_ERROR and translated
    compile_result = CommandResult(status="Finished", return_code=0) if translated else None
    return RunCodeResult(
        status="Success" if verdict is Verdict.ACCEPTED else "Failed",
        message="" if verdict is Verdict.ACCEPTED else execution.detail,
        compile_result=command if compiled else compile_result,
        run_result=None if compiled else command,
        files=encode_files(execution.files),
    )


async def _run_cells(service: Service, body: RunJupyterBody, name: str) -> RunJupyterResult:
    if body.kernel != "python3":
        raise BadRequest(f"kernel: {body.kernel[:100]!r} is not here; here is: python3")
    cell_s = body.cell_timeout or body.total_timeout
    try:
        program, report_name = notebook.program(
            body.cells, cell_s=cell_s, stop=True, files=_files(body.files), fetch=body.fetch_files
        )
    except ValueError as error:
        raise BadRequest(str(error)) from error
    limits = service.judging.make_limits(body.total_timeout, None, None, OUTPUT_BYTES)
    patience = _patience(0.0, body.total_timeout, body.total_timeout)
    try:
        candidate = Candidate(program=program, tests=None, limits=limits)
        execution = await service.judging.run(candidate, name, patience)
    except InternalError as error:
        return RunJupyterResult(status="SandboxError", message=str(error))
    cells = [CellResult(**each) for each in notebook.report(execution, report_name)]
    ran = run_result(execution)
    failed = ran.status == "Failed" or len(cells) < len(body.cells) or any(each.error for each in cells)
    return RunJupyterResult(
        status="Failed" if failed else "Success",
        message=ran.message,
        driver=ran.run_result,
        cells=cells,
        files={path: content for path, content in ran.files.items() if path != report_name},
    )


async def _evaluate(service: Service, body: SubmitBody, name: str) -> EvalResult:
    """Judge an answer: case by case where it has cases."""
    language = service.judging.languages.find(body.config.language or "python")
    run_s, compile_s = body.config.run_timeout or 10.0, body.config.compile_timeout or 10.0
    given = _provided(body)
    if body.config.extra.get("special_judge_program"):
        raise BadRequest("config.extra.special_judge_program: answers are compared here, by no program of a client's; "
                         "without it a right answer may be called wrong, so it is not left out")  # fmt: skip
    if given is not None:
        code = _code(body.completion, language)
        candidates = [
            Candidate(program=_program(source=code, language=language), tests=tests,
                      limits=service.judging.make_limits(run_s))
            for tests in _given_tests(given)
        ]  # fmt: skip
    else:
        candidates = [await _known(service, body, run_s)]
    patience = _patience(compile_s, 0.0, run_s)
    run_all = bool(body.config.extra.get("run_all_cases", False))
    tests: list[CaseResult] = []
    for candidate in candidates:
        execution = await service.judging.run(candidate, name, patience)  # a failure of ours is no failed case: 500
        tests += _cases(execution, candidate.tests, language)
        patience = Patience(wait_s=None, answer_s=None, busy_code=BUSY)
        if not tests[-1].passed and not run_all:
            break
    return EvalResult(
        id=body.id,
        accepted=all(each.passed for each in tests),
        extracted_code=candidates[0].program.source,
        full_code=candidates[0].program.source,
        tests=tests,
        extracted_type="fenced" if "```" in body.completion else "heuristic",
    )


def _cases(execution: Execution, tests: Tests | None, language: str) -> list[CaseResult]:
    """One result a case; the last has what the program printed."""
    judged = judgement(execution, tests)
    verdicts = judged.cases or [execution.verdict]
    done = RunCodeResult(status="Success", run_result=CommandResult(status="Finished", return_code=0))
    results = [CaseResult(passed=verdict is Verdict.ACCEPTED, exec_info=done) for verdict in verdicts[:-1]]
    info = run_result(execution, language)
    if execution.verdict is Verdict.WRONG_ANSWER:  # the program itself ran well
        command = info.run_result.model_copy(update={"return_code": 0}) if info.run_result else None
        info = info.model_copy(update={"status": "Success", "run_result": command})
    test_info = None
    if isinstance(tests, StdioTests):
        case = tests.cases[len(verdicts) - 1]
        test_info = {"input": {"stdin": case.stdin}, "output": {"stdout": case.stdout}}
    passed = verdicts[-1] is Verdict.ACCEPTED
    return [*results, CaseResult(passed=passed, exec_info=info, test_info=test_info)]


async def _known(service: Service, body: SubmitBody, run_s: float) -> Candidate:
    """A problem of a known set, with its own limits but for the time that is asked for."""
    problem = await service.judging.problem(f"{_set_name(body.dataset)}/{body.id}")
    answer = Completion(problem_id=problem.id, index=0, text=body.completion, form=Form.CHAT)
    own = problem.limits or Limits()
    wall_s = body.config.run_timeout and run_s
    limits = service.judging.make_limits(wall_s or own.wall_s, wall_s or own.cpu_s, own.memory_bytes)
    return Candidate(program=codegen.program(problem, answer), tests=problem.tests, limits=limits)


def _set_name(name: str) -> str:
    """Their names end in the language: humaneval_python."""
    return name.lower().removesuffix("_python")


def _provided(body: SubmitBody) -> dict[str, Any] | None:
    given = body.config.provided_data
    if isinstance(given, list):
        found = [each for each in given if str(each.get("id")) == str(body.id)]
        if not found:
            raise BadRequest(f"config.provided_data: no problem has the id {str(body.id)[:100]!r}")
        return found[0]
    return given


def _code(completion: str, language: str) -> str:
    problem = Problem(id="request", dataset="request", prompt="", language=language)
    answer = Completion(problem_id=problem.id, index=0, text=completion, form=Form.CHAT)
    taken = take_program(problem, answer)
    return taken.source if taken else ""


def _given_tests(given: dict[str, Any]) -> list[Tests]:
    """The cases of `provided_data`: {"test": [{"input": {"stdin"}, "output": {"stdout"}}]}, or ScaleBox's `test_cases`.

    Raises BadRequest.
    """
    try:
        test = given.get("test")
        if isinstance(test, list) and test:
            pairs = [(each["input"]["stdin"], each["output"]["stdout"]) for each in test]
            return [_stdio([pair]) for pair in pairs]
        cases = given.get("test_cases")
        if not isinstance(cases, dict):
            raise BadRequest("config.provided_data: test_cases or test is needed")
        pairs = list(zip(cases["input"], cases["output"], strict=True))
        if not pairs:
            raise BadRequest("config.provided_data.test_cases: there are no cases")
        if cases.get("type", "stdin_stdout") == "stdin_stdout":
            return [_stdio([pair]) for pair in pairs]
        return [_call(str(cases["fn_name"]), given_input, expected) for given_input, expected in pairs]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise BadRequest(f"config.provided_data: {what}") from error


def _stdio(pairs: list[tuple[Any, Any]]) -> StdioTests:
    return StdioTests(cases=tuple(StdioCase(stdin=_text(given), stdout=_text(wanted)) for given, wanted in pairs))


def _text(value: Any) -> str:
    """Standard input or output: a text, or its lines."""
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _call(name: str, given: Any, expected: Any) -> Tests:
    """A call: its arguments are a list, or text with one JSON value a line. Raises ValueError."""
    arguments = [json.loads(line) for line in given.splitlines() if line.strip()] if isinstance(given, str) else given
    if not isinstance(arguments, list):
        raise ValueError("an input of a function is a list of its arguments, or text with one JSON value a line")
    if isinstance(expected, str) and isinstance(given, str):
        expected = json.loads(expected)
    method = name.rpartition(".")[2]
    return function_tests(f"def check(candidate):\n    found = candidate(*{arguments!r})\n"
                          f"    found = list(found) if isinstance(found, tuple) else found\n"
                          f"    assert found == {expected!r}\n", method)  # fmt: skip


def _program(**fields: Any) -> Program:
    try:
        return Program(**fields)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _files(files: dict[str, str | None]) -> dict[str, bytes]:
    try:
        return decode_files(files)
    except ValueError as error:
        raise BadRequest(str(error)) from error
