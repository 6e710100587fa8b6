"""Batches of programs as the sandbox takes them, for a run elsewhere (`harness score --sandbox-url`).

The other routes of our own API make tests and limits of what a client means; here they are the client's own, whole, so
that a program ends as it would on the client's machine. An answer is lines as programs end (`sandbox.parcels`), with an
empty one every few seconds: a client can tell a service that works from one that is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from harness.service.admission import InternalError, Patience, Refused
from harness.service.faults import BadRequest
from harness.service.judging import Candidate
from harness.service.own import NDJSON, client
from harness.service.schemas import MAX_ITEMS, MAX_SECONDS
from sandbox import Execution, Limits, Verdict
from sandbox.parcels import Answer, Batch, KeptTests, pack_answer, read_batch
from sandbox.types import MIB

if TYPE_CHECKING:
    from harness.service.state import Service

BEAT_S = 5.0
MOST_OUTPUT_BYTES = 16 * MIB


def router(service: Service) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/v1", tags=["own"])
    kept = KeptTests()

    @routes.post("/programs")
    async def programs(request: Request) -> Response:
        """Execute programs with tests and limits of the client's own: lines of JSON as they end (sandbox.parcels)."""
        try:
            batch = read_batch(await request.body())
            kept.add(batch.tests)
        except ValueError as error:
            raise BadRequest(str(error)) from error
        if len(batch.items) > MAX_ITEMS:
            raise BadRequest(f"items: {len(batch.items)} are more than {MAX_ITEMS}")
        ceiling = service.settings.ceiling()
        for at, item in enumerate(batch.items):
            _check_limits(item.limits, ceiling, at)
        return StreamingResponse(_lines(service, batch, kept, client(request)), media_type=NDJSON)

    return routes


def _check_limits(limits: Limits, ceiling: Limits, at: int) -> None:
    """Raises BadRequest."""
    if not limits.within(ceiling):
        raise BadRequest(f"items[{at}]: the limits {limits} are above what a program may ask for here: {ceiling}")
    if max(limits.wall_s, limits.cpu_s) > MAX_SECONDS or limits.output_bytes > MOST_OUTPUT_BYTES:
        raise BadRequest(f"items[{at}]: limits of at most {MAX_SECONDS:g} s and {MOST_OUTPUT_BYTES} bytes of output")


async def _lines(service: Service, batch: Batch, kept: KeptTests, who: str) -> AsyncIterator[bytes]:
    working = {asyncio.ensure_future(_answer(service, batch, kept, at, who)) for at in range(len(batch.items))}
    try:
        while working:
            done, working = await asyncio.wait(working, timeout=BEAT_S, return_when=asyncio.FIRST_COMPLETED)
            yield b"".join(pack_answer(each.result()) for each in done) or b"\n"
    finally:
        for task in working:
            task.cancel()


async def _answer(service: Service, batch: Batch, kept: KeptTests, at: int, who: str) -> Answer:
    """What becomes of one item."""
    item = batch.items[at]
    tests = kept.find(item.tests) if item.tests is not None else None
    if item.tests is not None and tests is None:
        return Answer(index=at, missing=item.tests)
    candidate = Candidate(program=item.program, tests=tests, limits=item.limits)
    try:
        execution = await service.judging.run(candidate, who, Patience(wait_s=None))
    except InternalError as error:
        execution = Execution(verdict=Verdict.INTERNAL_ERROR, detail=str(error))
    except (BadRequest, Refused) as error:
        return Answer(index=at, refused=str(error))
    return Answer(index=at, execution=execution)
