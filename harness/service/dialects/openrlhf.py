"""OpenRLHF's remote reward: `--reward.remote_url http://HOST:8080/get_reward`.

A label says what decides: a problem's name (`humaneval/0`), or tests as JSON, as `/v1/judge` takes them. `query` is the
prompt with the answer behind it. OpenRLHF takes numbers only and tries a status other than 200 again; so where one
answer has no verdict for a reason of ours, the whole is 503.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, TypeAdapter, ValidationError

from harness.service.admission import Patience
from harness.service.faults import BadRequest
from harness.service.own import client
from harness.service.replies import AsciiJSON
from harness.service.schemas import MAX_ITEMS, BatchItem, Body, TestsBody

if TYPE_CHECKING:
    from harness.service.state import Service

BUSY = 503
PATIENCE_S = 90.0  # its client reads for 180 s
Texts = Annotated[list[str], Field(max_length=MAX_ITEMS)]
_tests: TypeAdapter[TestsBody] = TypeAdapter(TestsBody)


class QueryBody(Body):
    """Answers with their prompts and labels."""

    query: Texts
    prompts: Texts = []
    labels: Texts


class RewardsResult(Body):
    """1 for an answer whose tests passed, else 0."""

    rewards: list[float]


def router(service: Service) -> APIRouter:
    """The routes."""
    routes = APIRouter()

    @routes.post("/get_reward", response_model=RewardsResult, responses={BUSY: {"description": "busy: try again"}})
    async def get_reward(body: QueryBody, request: Request) -> Response:
        """What each answer is worth."""
        if len(body.labels) != len(body.query) or len(body.prompts) not in (0, len(body.query)):
            raise BadRequest(f"{len(body.query)} queries, {len(body.prompts)} prompts and {len(body.labels)} labels")
        if not body.query:
            return AsciiJSON({"rewards": []})
        prompts = body.prompts or [""] * len(body.query)
        items = [_item(*each) for each in zip(body.query, prompts, body.labels, strict=True)]
        patience = Patience(wait_s=max(service.settings.queue_s, PATIENCE_S), busy_code=BUSY)
        rewards = await service.judging.item_rewards(items, client(request), patience)
        if None in rewards:
            detail = "the sandbox failed for a part of the answers, which says nothing about them"
            return AsciiJSON({"detail": detail}, BUSY, {"retry-after": "1"})
        return AsciiJSON({"rewards": rewards})

    return routes


def _item(query: str, prompt: str, label: str) -> BatchItem:
    answer = query.removeprefix(prompt)
    if not label.lstrip().startswith("{"):
        return BatchItem(completion=answer, problem=label)
    try:
        return BatchItem(completion=answer, tests=_tests.validate_python(json.loads(label)))
    except ValidationError as error:
        raise BadRequest(f"labels: {error.errors()[0]['msg']}") from error
    except ValueError as error:
        raise BadRequest(f"labels: neither a problem's name nor tests as JSON: {error}") from error
