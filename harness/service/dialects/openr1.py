"""The E2B router's batch of scripts, as open-r1 and TRL recipes call it.

Each script is a cell of a notebook: the value of its last expression is `execution.results[].text`, which the client
reads as a reward. Such a script judges its own program, so its reward is as much worth as the script is
(`in-sandbox`). Where there is no result for a reason of ours, or no place in time, `execution` is null and the client
leaves the sample out; the client reads nothing but a list, so one busy script does not lose the others.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from harness.service import notebook
from harness.service.admission import InternalError, Patience, Refused
from harness.service.faults import BadRequest
from harness.service.judging import Candidate
from harness.service.own import client
from harness.service.replies import AsciiJSON
from harness.service.schemas import Body, Seconds
from sandbox import Program, Verdict

if TYPE_CHECKING:
    from harness.service.state import Service

MAX_SCRIPTS = 1000


class BatchBody(Body):
    """Scripts to run."""

    scripts: list[str] = Field(max_length=MAX_SCRIPTS)
    languages: list[str] = Field(default=[], max_length=MAX_SCRIPTS)
    timeout: Seconds = 30.0
    request_timeout: Seconds = 30.0


class ScriptResult(Body):
    """What a script did; null where it did nothing."""

    execution: dict[str, Any] | None = None
    exception_str: str | None = None


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/execute_batch", response_model=list[ScriptResult])
    async def execute_batch(body: BatchBody, request: Request) -> Response:
        """Run scripts; the last expression's value of each is its text."""
        names = body.languages or ["python"] * len(body.scripts)
        if len(names) != len(body.scripts):
            raise BadRequest(f"{len(names)} languages for {len(body.scripts)} scripts")
        languages = [service.judging.languages.find(name) for name in names]
        work = [
            _run(service, script, language, body, client(request))
            for script, language in zip(body.scripts, languages, strict=True)
        ]
        return AsciiJSON(await asyncio.gather(*work))

    return routes


async def _run(service: Service, script: str, language: str, body: BatchBody, name: str) -> dict[str, Any]:
    report_name = ""
    if language == "python":
        program, report_name = notebook.program([script], cell_s=body.timeout, stop=True, files={})
    else:
        program = Program(source=script, language=language)
    candidate = Candidate(program=program, tests=None, limits=service.judging.make_limits(body.timeout))
    wait_s = max(service.settings.queue_s, body.request_timeout)
    try:
        execution = await service.judging.run(candidate, name, Patience(wait_s=wait_s))
    except (InternalError, Refused) as failure:
        return {"execution": None, "exception_str": str(failure)}
    if execution.verdict is Verdict.TIME_LIMIT:
        return {"execution": None, "exception_str": f"TimeoutException: {execution.detail}"}
    cells = notebook.report(execution, report_name)
    cell = cells[0] if cells else None
    error = None
    if cell is None and (language == "python" or execution.verdict is not Verdict.ACCEPTED):
        error = {"name": str(execution.verdict), "value": execution.detail, "traceback": ""}
    elif cell and cell["error"]:
        first = cell["error"][0]
        error = {"name": str(first.get("ename")), "value": str(first.get("evalue")),
                 "traceback": "".join(map(str, first.get("traceback") or []))}  # fmt: skip
    texts = [str(each.get("text/plain", "")) for each in cell["display"]] if cell else []
    return {
        "execution": {
            "results": [{"text": text, "is_main_result": True} for text in texts],
            "logs": {
                "stdout": [cell["stdout"] if cell else execution.stdout],
                "stderr": [cell["stderr"] if cell else execution.stderr],
            },
            "error": error,
            "execution_count": 1,
        },
        "exception_str": None,
    }
