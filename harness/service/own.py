"""Our own API, under /v1."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from harness.service.admission import Refused
from harness.service.replies import AsciiJSON
from harness.service.schemas import (
    BatchBody,
    BatchResult,
    ExecuteBody,
    ExecutionBody,
    InfoBody,
    JudgeBody,
    JudgementBody,
    LanguageBody,
    RewardBody,
    RewardsBody,
    execution_body,
)
from sandbox import languages

if TYPE_CHECKING:
    from harness.service.state import Service

NDJSON = "application/x-ndjson"


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["own"])
    judging = service.judging

    async def execute(body: ExecuteBody, name: str) -> ExecutionBody:
        """Run a program without tests."""
        return execution_body(await judging.run(judging.executable(body), name, service.patience))

    async def judge(body: JudgeBody, name: str) -> JudgementBody:
        """Judge a program, or a model's answer, by tests or by those of a known problem."""
        candidate = await judging.candidate(body)
        return await judging.judge(candidate, name, service.patience, stop_at_first=body.stop_at_first)

    service.direct.add(routes, "/execute", ExecuteBody, execute, response_model=ExecutionBody)
    service.direct.add(routes, "/judge", JudgeBody, judge, response_model=JudgementBody)

    @routes.post("/batch", response_model=list[BatchResult])
    async def batch(body: BatchBody, request: Request) -> Response:
        """Run or judge many; a list in their order, or with `Accept: application/x-ndjson` lines as they end."""
        results = judging.batch(body.items, client(request), service.patience)
        if NDJSON in request.headers.get("accept", ""):
            first = await anext(results)  # a refusal is still an answer of its own
            return StreamingResponse(_lines(first, results), media_type=NDJSON)
        ended = sorted([each async for each in results], key=lambda each: each.index)
        return AsciiJSON([each.model_dump(mode="json") for each in ended])

    @routes.post("/reward", response_model=RewardsBody)
    async def reward(body: RewardBody, request: Request) -> Response:
        """What each completion is worth: between 0 and 1, or null where there is no verdict."""
        return AsciiJSON({"rewards": await judging.rewards(body, client(request), service.patience)})

    @routes.get("/languages")
    async def known_languages() -> list[LanguageBody]:
        """The languages that programs may be written in."""
        return [LanguageBody(name=name, aliases=languages.aliases(name)) for name in judging.languages.names]

    @routes.get("/info")
    def info() -> InfoBody:
        """What the service is, and what programs find."""
        return service.info()

    return routes


def client(request: Request) -> str:
    """Whose turn a request takes."""
    return str(request.scope.get("client_key", ""))


async def _lines(first: BatchResult, results: AsyncIterator[BatchResult]) -> AsyncIterator[bytes]:
    yield _line(first)
    try:
        async for each in results:
            yield _line(each)
    except Refused as error:
        yield _line(BatchResult(index=-1, error=str(error)))


def _line(result: BatchResult) -> bytes:
    content: Any = result.model_dump(mode="json")
    return AsciiJSON(content).body + b"\n"  # type: ignore[operator]
