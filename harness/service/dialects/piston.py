"""Piston's API. Spoken by open-r1's competitive programming rewards and IOI graders.

Its clients try a status other than 200 again, five times; so a refusal is 429 and a failure of ours 500. The first file
is the program, the others lie beside it. Times are milliseconds, memory bytes, -1 for the service's.
"""

from __future__ import annotations

import base64
import binascii
import signal
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from harness.service.admission import Patience
from harness.service.faults import BadRequest
from harness.service.judging import Candidate
from harness.service.own import client
from harness.service.replies import AsciiJSON
from harness.service.schemas import Body
from sandbox import Execution, Program, Verdict, languages

if TYPE_CHECKING:
    from harness.service.state import Service

VERSION = "1.0.0"  # of every language here: clients ask for "*"
MILLISECONDS = 3_600_000
PATIENCE_S = 60.0


class FileBody(Body):
    """A file of the program."""

    name: str | None = None
    content: str
    encoding: Literal["utf8", "base64", "hex"] = "utf8"


class ExecuteBody(Body):
    """A program to run."""

    language: str
    version: str = "*"
    files: list[FileBody] = Field(min_length=1, max_length=1000)
    stdin: str = ""
    args: list[str] = []
    compile_timeout: float = Field(default=10_000, gt=0, le=MILLISECONDS)
    run_timeout: float = Field(default=3_000, gt=0, le=MILLISECONDS)
    compile_memory_limit: int = -1
    run_memory_limit: int = -1


class StageResult(Body):
    """How compiling or running ended."""

    stdout: str
    stderr: str
    output: str
    code: int | None
    signal: str | None
    message: str | None = None
    status: str | None = None
    cpu_time: int | None = None
    wall_time: int | None = None
    memory: int | None = None


class ExecuteResult(Body):
    """How a program ended."""

    language: str
    version: str
    run: StageResult
    compile: StageResult | None = None


class RuntimeResult(Body):
    """A language."""

    language: str
    version: str
    aliases: list[str]


def router(service: Service) -> APIRouter:
    """The routes, with the prefix of Piston's own server and without."""
    routes = APIRouter()

    async def execute(body: ExecuteBody, request: Request) -> Response:
        """Run a program."""
        language = service.judging.languages.find(body.language)
        memory = None if body.run_memory_limit <= 0 else body.run_memory_limit
        candidate = Candidate(
            program=_program(body, language),
            tests=None,
            limits=service.judging.make_limits(body.run_timeout / 1000, None, memory),
        )
        wait_s = max(service.settings.queue_s, PATIENCE_S)
        execution = await service.judging.run(candidate, client(request), Patience(wait_s=wait_s))
        stage = _stage(execution)
        content: dict[str, Any] = {"language": language, "version": VERSION, "run": stage}
        if execution.verdict is Verdict.COMPILE_ERROR and language != "python":
            content["compile"] = stage
        return AsciiJSON(content)

    async def runtimes() -> list[RuntimeResult]:
        """The languages that are here."""
        names = service.judging.languages.names
        return [RuntimeResult(language=name, version=VERSION, aliases=languages.aliases(name)) for name in names]

    for prefix in ("/api/v2", "/piston"):
        routes.post(f"{prefix}/execute", response_model=ExecuteResult, response_model_exclude_none=True)(execute)
        routes.get(f"{prefix}/runtimes")(runtimes)
    return routes


def _program(body: ExecuteBody, language: str) -> Program:
    try:
        contents = [_content(file) for file in body.files]
        names = [file.name or f"file{place}" for place, file in enumerate(body.files)]
        beside = dict(zip(names[1:], contents[1:], strict=True))
        source = contents[0].decode()
        return Program(source=source, language=language, files=beside, argv=tuple(body.args), stdin=body.stdin)
    except (ValueError, binascii.Error) as error:
        raise BadRequest(str(error)) from error


def _content(file: FileBody) -> bytes:
    if file.encoding == "base64":
        return base64.b64decode(file.content, validate=True)
    return bytes.fromhex(file.content) if file.encoding == "hex" else file.content.encode("utf-8", "surrogatepass")


def _stage(execution: Execution) -> dict[str, Any]:
    """Their words: a program that was ended has a signal; `status` names the limit, as their version 3.1 does."""
    killed = execution.verdict in (Verdict.TIME_LIMIT, Verdict.OUTPUT_LIMIT, Verdict.MEMORY_LIMIT)
    status = {
        Verdict.TIME_LIMIT: "TO", Verdict.OUTPUT_LIMIT: "OL", Verdict.RUNTIME_ERROR: "RE", Verdict.COMPILE_ERROR: "RE",
        Verdict.MEMORY_LIMIT: "RE",
    }.get(execution.verdict)  # fmt: skip
    number = execution.signal or (signal.SIGKILL if killed and not execution.exit_code else None)
    code = execution.exit_code if number is None else None
    if execution.verdict is not Verdict.ACCEPTED and number is None and not code:
        code = 1
    return {
        "stdout": execution.stdout,
        "stderr": execution.stderr,
        "output": execution.stdout + execution.stderr,
        "code": code,
        "signal": None if number is None else _name(number),
        "message": execution.detail or None,
        "status": status,
        "cpu_time": round(execution.cpu_s * 1000),
        "wall_time": round(execution.wall_s * 1000),
        "memory": execution.peak_memory_bytes,
    }


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
