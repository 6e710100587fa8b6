"""Calls that are answered without the web framework between: those that trainers make a thousand times a second.

Of the processor's time that the service takes for one `/run_code`, two thirds are the framework's: it looks for the
route, builds a request, and works out what the function wants. Here a path is looked up in a table and the body is
validated. Each such call is a route of the framework too, so the OpenAPI document names it, and whatever is not a POST
of JSON goes that way and has the framework's answer.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from harness.service import faults
from harness.service.replies import AsciiJSON

Application = Callable[[Any, Any, Any], Awaitable[None]]
BodyT = TypeVar("BodyT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    body: type[BaseModel]
    work: Callable[[Any, str], Awaitable[BaseModel]]


class DirectCalls:
    """The table of such calls, by path."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}

    def add(
        self,
        routes: APIRouter,
        path: str,
        body: type[BodyT],
        work: Callable[[BodyT, str], Awaitable[BaseModel]],
        **documented: Any,
    ) -> None:
        """Answer POST of `body` to `path` with what `work` makes of it for a client.

        documented: what the OpenAPI document says of it, as `APIRouter.post` takes it.
        """

        async def endpoint(body: Any, request: Request) -> Response:
            result = await work(body, str(request.scope.get("client_key", "")))
            return AsciiJSON(result.model_dump(mode="json"))

        endpoint.__annotations__ = {"body": body, "request": Request, "return": Response}
        endpoint.__name__, endpoint.__doc__, endpoint.__module__ = work.__name__, work.__doc__, work.__module__
        routes.post(path, **documented)(endpoint)
        self._calls[routes.prefix + path] = _Call(body=body, work=work)

    def before(self, app: Application) -> Application:
        """`app`, with these calls answered before it."""

        async def answered(scope: Any, receive: Any, send: Any) -> None:
            call = self._calls.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
            if call is None or not _is_json(scope):
                await app(scope, receive, send)
                return
            scope["endpoint"] = call.work  # for the gate's count
            message = await receive()
            await _send(send, *await _answer(call, message["body"], scope["client_key"]))

        return answered


def _is_json(scope: Any) -> bool:
    """Whether the body says that it is JSON: a web page's form, which any site may send, never is."""
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return bool(kind.partition(b";")[0].strip().lower() == b"application/json")


async def _answer(call: _Call, body: bytes, client: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, content and headers. An error that nobody foresaw is the gate's to count and to answer."""
    try:
        given = _parsed(call.body, body)
    except ValidationError as error:
        return _fault(faults.of_body(error.errors(include_input=False, include_url=False)))
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, a number or a nesting beyond what Python reads
        return _fault(faults.not_json(error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__))
    try:
        result = await call.work(given, client)
    except Exception as error:
        fault = faults.of_error(error)
        if fault is None:
            raise
        return _fault(fault)
    return 200, _written(result), {}


def _parsed(body: type[BaseModel], content: bytes) -> BaseModel:
    """By pydantic's parser, or Python's where that refuses: its faults are told. Raises ValueError, RecursionError."""
    try:
        return body.model_validate_json(content)
    except ValidationError:
        return body.model_validate(json.loads(content))


def _written(result: BaseModel) -> bytes:
    """As `_text`, by pydantic's writer where it gives ASCII."""
    try:
        content = result.__pydantic_serializer__.to_json(result)
    except PydanticSerializationError:  # a lone surrogate
        content = b""
    return content if content and content.isascii() else _text(result.model_dump(mode="json"))


def _fault(fault: faults.FaultAnswer) -> tuple[int, bytes, dict[str, str]]:
    return fault.code, _text({"detail": fault.detail}), dict(fault.headers)


def _text(content: Any) -> bytes:
    """JSON in ASCII, as `replies.AsciiJSON` has it."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


async def _send(send: Any, code: int, content: bytes, headers: MutableMapping[str, str]) -> None:
    raw = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    raw += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": code, "headers": raw})
    await send({"type": "http.response.body", "body": content})
