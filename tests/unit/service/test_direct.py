"""Calls that the framework does not see: the same answers as its own, for every body."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from harness.service.admission import InternalError, Refused
from harness.service.direct import DirectCalls
from harness.service.faults import BadRequest

ERRORS = {"busy": Refused(504, 3.0), "ours": InternalError("gone"), "theirs": BadRequest("no such thing")}
JSON = {"content-type": "application/json"}


class Given(BaseModel):
    """A body."""

    number: int = 1
    error: str = ""


class Made(BaseModel):
    """An answer."""

    text: str


def ask(content: bytes, headers: dict[str, str] = JSON, method: str = "POST") -> httpx.Response:
    calls, routes, app = DirectCalls(), APIRouter(prefix="/v1"), FastAPI()

    async def call(body: Given, client: str) -> Made:
        """Double it."""
        if body.error:
            raise ERRORS[body.error]
        return Made(text=f"{2 * body.number} \ud800 for {client}")

    calls.add(routes, "/call", Given, call)
    app.include_router(routes)
    inner = calls.before(app)

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await inner({**scope, "client_key": "somebody"}, receive, send)

    async def main() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://here") as client:
            return await client.request(method, "/v1/call", content=content, headers=headers)

    return asyncio.run(main())


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_an_answer_is_ascii_whatever_its_text(kind: str) -> None:
    answer = ask(b'{"number": 21, "unknown": 1}', {"content-type": kind})
    assert answer.status_code == 200 and answer.json() == {"text": "42 \ud800 for somebody"}
    assert answer.content.isascii()


@pytest.mark.parametrize(
    "content", [b"{", b"", b"\xff", b"[" * 100_000, b'{"number": ' + b"9" * 5000 + b"}"], ids=lambda body: str(body[:5])
)
def test_what_cannot_be_read_is_400(content: bytes) -> None:
    answer = ask(content)
    assert answer.status_code == 400 and "not JSON" in answer.json()["detail"]


@pytest.mark.parametrize("content", [b'{"number": "x"}', b"[]", b"null", b'{"number": 1.5}', b"NaN"])
def test_what_has_another_form_is_422(content: bytes) -> None:
    assert ask(content).status_code == 422


@pytest.mark.parametrize(("error", "code", "words"), [("busy", 504, "busy"), ("ours", 500, "nothing about the program"), ("theirs", 422, "no such")])  # fmt: skip
def test_an_error_is_answered_as_what_it_is(error: str, code: int, words: str) -> None:
    answer = ask(b'{"error": "' + error.encode() + b'"}')
    assert answer.status_code == code and words in answer.json()["detail"]
    assert answer.headers.get("retry-after") == ("3" if error == "busy" else None)


def test_a_form_of_a_web_page_runs_nothing() -> None:
    """Any site may have a browser send these to loopback without asking first."""
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert ask(b'{"number": 21}', {"content-type": kind}).status_code == 422
    assert ask(b'{"number": 21}', {}).status_code == 422


def test_another_method_is_the_frameworks() -> None:
    assert ask(b"", method="GET").status_code == 405
