"""Judge0's API. Spoken by ms-swift's code rewards.

A submission with `wait=true` is answered with its result, else with a token under which the result lies for ten
minutes. Its clients take any exception for reward 0, so what can be told apart from a failed test is: a refusal is 503,
a failure of ours status 13, Internal Error.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import collections
import secrets
import signal
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from harness.service.admission import InternalError, Patience, Refused
from harness.service.faults import BadRequest
from harness.service.judging import Candidate
from harness.service.own import client
from harness.service.replies import AsciiJSON
from harness.service.schemas import Body
from sandbox import Execution, Program, StdioCase, StdioTests, Verdict

if TYPE_CHECKING:
    from harness.service.state import Service

BUSY = 503
KEPT, KEPT_S = 10_000, 600.0
KEPT_BYTES = 64 << 20  # of what programs printed, and as much of programs that have not ended
PATIENCE_S = 60.0
# Judge0's ids, of its version 1.13; several are versions of one language
IDS = {
    45: "assembly", 46: "bash", 48: "c", 49: "c", 50: "c", 51: "csharp", 52: "cpp", 53: "cpp", 54: "cpp", 60: "go",
    62: "java", 63: "javascript", 64: "lua", 68: "php", 70: "python2", 71: "python", 72: "ruby", 73: "rust",
    74: "typescript", 80: "r", 85: "perl",
}  # fmt: skip
STATUSES = {
    1: "In Queue", 2: "Processing", 3: "Accepted", 4: "Wrong Answer", 5: "Time Limit Exceeded", 6: "Compilation Error",
    7: "Runtime Error (SIGSEGV)", 8: "Runtime Error (SIGXFSZ)", 9: "Runtime Error (SIGFPE)",
    10: "Runtime Error (SIGABRT)", 11: "Runtime Error (NZEC)", 12: "Runtime Error (Other)", 13: "Internal Error",
    14: "Exec Format Error",
}  # fmt: skip
SIGNALS = {signal.SIGSEGV: 7, signal.SIGXFSZ: 8, signal.SIGFPE: 9, signal.SIGABRT: 10}


class SubmissionBody(Body):
    """A program, and what it is to print where that decides."""

    source_code: str
    language_id: int
    stdin: str | None = None
    expected_output: str | None = None
    cpu_time_limit: float | None = Field(default=None, gt=0, le=3600)
    wall_time_limit: float | None = Field(default=None, gt=0, le=3600)
    memory_limit: float | None = Field(default=None, gt=0, le=1e12, description="KiB")
    command_line_arguments: str | None = None


class StatusBody(Body):
    """How far a submission is, or how it ended."""

    id: int
    description: str


class SubmissionResult(Body):
    """A submission."""

    token: str
    status: StatusBody | None = None
    stdout: str | None = None
    stderr: str | None = None
    compile_output: str | None = None
    message: str | None = None
    time: str | None = None
    memory: int | None = None
    exit_code: int | None = None
    exit_signal: int | None = None


class LanguageResult(Body):
    """A language."""

    id: int
    name: str


class _Kept:
    """Submissions by token, the newest ones, for a while. What is not ready yet is a task."""

    def __init__(self) -> None:
        self._tasks: collections.OrderedDict[str, tuple[float, asyncio.Task[dict[str, Any]]]] = (
            collections.OrderedDict()
        )
        self._bytes = 0  # of those that have ended
        self._running_bytes = 0  # of the programs of those that have not

    def add(self, token: str, program_bytes: int, run: Coroutine[Any, Any, dict[str, Any]]) -> None:
        """Start `run` and keep it. Raises Refused where too many, or too large ones, are still running."""
        self._forget()
        if len(self._tasks) >= KEPT or (self._running_bytes and self._running_bytes + program_bytes > KEPT_BYTES):
            run.close()
            raise Refused(BUSY, 5.0)
        task = asyncio.ensure_future(run)
        self._tasks[token] = time.monotonic(), task
        self._running_bytes += program_bytes
        task.add_done_callback(lambda task: self._ended(task, program_bytes))

    def _ended(self, task: asyncio.Task[dict[str, Any]], program_bytes: int) -> None:
        self._running_bytes -= program_bytes
        self._bytes += _size(task)
        self._forget()

    def _forget(self) -> None:
        """What has ended and is old, or one too many, or too much together; the oldest first."""
        before = time.monotonic() - KEPT_S
        while self._tasks:
            oldest, (added, task) = next(iter(self._tasks.items()))
            full = len(self._tasks) >= KEPT or self._bytes > KEPT_BYTES
            if not task.done() or not (full or added < before):
                return
            self._bytes -= _size(task)
            del self._tasks[oldest]

    def find(self, token: str) -> asyncio.Task[dict[str, Any]] | None:
        """The submission; None where it is not, or no longer, here."""
        found = self._tasks.get(token)
        return None if found is None else found[1]


def _size(task: asyncio.Task[dict[str, Any]]) -> int:
    """About what the result of a task that has ended takes."""
    if task.cancelled() or task.exception() is not None:
        return 0
    return sum(len(value) for value in task.result().values() if isinstance(value, str))


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    kept = _Kept()

    async def submit(
        body: SubmissionBody, request: Request, wait: bool = False, base64_encoded: bool = False
    ) -> Response:
        """Run a program, or take it in."""
        candidate = _candidate(service, body, base64_encoded)
        token = secrets.token_hex(16)
        if wait:
            return AsciiJSON(_encoded(await _run(service, candidate, client(request), token), base64_encoded), 201)
        size = sum(len(text or "") for text in (body.source_code, body.stdin, body.expected_output))
        kept.add(token, size, _run(service, candidate, client(request), token))
        return AsciiJSON({"token": token}, 201)

    busy: dict[int | str, dict[str, Any]] = {BUSY: {"description": "busy: try again"}}
    for path in ("/submissions", "/submissions/"):
        routes.post(path, response_model=SubmissionResult, status_code=201, responses=busy)(submit)

    @routes.get("/submissions/{token}", response_model=SubmissionResult, responses={404: {"description": "not here"}})
    async def submission(token: str, base64_encoded: bool = False) -> Response:
        """A submission that was taken in."""
        task = kept.find(token)
        if task is None:
            return AsciiJSON({"detail": "no submission has this token, or it is older than ten minutes"}, 404)
        if not task.done():
            return AsciiJSON({"token": token, "status": _status(2)})
        if task.cancelled() or task.exception() is not None:
            return AsciiJSON({"token": token, "status": _status(13), "message": str(task.exception())})
        return AsciiJSON(_encoded(task.result(), base64_encoded))

    @routes.get("/languages")
    async def languages() -> list[LanguageResult]:
        """The languages that are here, with Judge0's ids."""
        here = service.judging.languages.names
        return [LanguageResult(id=number, name=name) for number, name in IDS.items() if name in here]

    @routes.get("/statuses")
    async def statuses() -> list[StatusBody]:
        """How a submission may be."""
        return [StatusBody(id=number, description=text) for number, text in STATUSES.items()]

    return routes


def _candidate(service: Service, body: SubmissionBody, encoded: bool) -> Candidate:
    language = IDS.get(body.language_id)
    known = service.judging.languages.names
    if language not in known:
        here = ", ".join(f"{number} ({name})" for number, name in IDS.items() if name in known)
        raise BadRequest(f"language_id: {body.language_id} is not here; here are: {here}")
    try:
        source, stdin, expected = (
            _decoded(text, encoded) for text in (body.source_code, body.stdin, body.expected_output)
        )
        argv = tuple((body.command_line_arguments or "").split())
        program = Program(source=source or "", language=language, stdin=stdin or "", argv=argv)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    tests = None if expected is None else StdioTests(cases=(StdioCase(stdin=stdin or "", stdout=expected),))
    cpu_s = body.cpu_time_limit or 5.0
    memory = None if body.memory_limit is None else max(int(body.memory_limit * 1024), 1)
    limits = service.judging.make_limits(body.wall_time_limit or max(10.0, cpu_s), cpu_s, memory)
    return Candidate(program=program, tests=tests, limits=limits)


def _decoded(text: str | None, encoded: bool) -> str | None:
    if text is None or not encoded:
        return text
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"not base64 of UTF-8 text: {error}") from error


async def _run(service: Service, candidate: Candidate, name: str, token: str) -> dict[str, Any]:
    wait_s = max(service.settings.queue_s, PATIENCE_S)
    try:
        execution = await service.judging.run(candidate, name, Patience(wait_s=wait_s, busy_code=BUSY))
    except InternalError as error:
        return {"token": token, "status": _status(13), "message": str(error)}
    number = _number(execution)
    return {
        "token": token,
        "status": _status(number),
        "stdout": execution.stdout or None,
        "stderr": execution.stderr or None,
        "compile_output": execution.stderr or execution.detail if number == 6 else None,
        "message": execution.detail or None,
        "time": f"{execution.cpu_s:.3f}",
        "memory": execution.peak_memory_bytes // 1024,
        "exit_code": execution.exit_code,
        "exit_signal": execution.signal,
    }


def _number(execution: Execution) -> int:
    match execution.verdict:
        case Verdict.ACCEPTED:
            return 3
        case Verdict.WRONG_ANSWER:
            return 4
        case Verdict.TIME_LIMIT:
            return 5
        case Verdict.COMPILE_ERROR:
            return 6
    if execution.signal is not None:
        return SIGNALS.get(signal.Signals(execution.signal), 12) if execution.signal < 32 else 12
    return 11 if execution.exit_code else 12


def _status(number: int) -> dict[str, Any]:
    return {"id": number, "description": STATUSES[number]}


def _encoded(result: dict[str, Any], wanted: bool) -> dict[str, Any]:
    if not wanted:
        return result
    texts = ("stdout", "stderr", "compile_output", "message")
    return {
        name: base64.b64encode(value.encode()).decode() if name in texts and value is not None else value
        for name, value in result.items()
    }
