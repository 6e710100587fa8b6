"""What every request passes before any route: keys, the size of its body, and its client's hanging up.

Theory of operation. One ASGI application around the other. It reads the whole body first (a program is small), so from
then on the only thing that a client can still say is that it is gone. A task listens for that, and the request's own
task is cancelled then: whatever a route awaits, a place in the queue above all, is given up without the route knowing.

A key comes in `Authorization: Bearer`, in `X-Auth-Token`, or for clients that send no headers as the beginning of the
path, `/k/KEY`, which no route sees and which is never logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.service.metrics import Metrics

if TYPE_CHECKING:
    from harness.service.state import Service

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]

OPEN_PATHS = ("/healthz", "/readyz")  # probes have no key
STANDING = ("GET", "/mcp")  # open for as long as its client likes: it waits for nothing of its own
BODY_TIMEOUT_S = 60.0
REFUSED_BODY_S = 5.0  # of a request that is not let in
BODIES_IN_HAND = 8  # of the largest size, together


class _TooLargeError(Exception):
    """One body is."""


class _FullError(Exception):
    """All bodies in hand are, together."""


class Gate:
    """The outermost application. `in_hand` and `draining` are the server's to read and set.

    in_hand: requests that were let in and are not answered yet. draining: no other is let in, and every answer says
    that its connection ends with it, so that no client sends the next request to a service that is gone.

    service: what is behind it, handed on for those who start and stop it. busy_codes: by path, what makes its clients
    try again; else it is 503 where the service is stopping, and 429 where it holds too much.
    """

    def __init__(
        self, app: Application, *, keys: frozenset[str], max_body_bytes: int, metrics: Metrics, service: Service,
        busy_codes: Mapping[str, int] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self._app = app
        self.service = service
        self._keys = [key.encode() for key in keys]
        self._max_body_bytes = max_body_bytes
        self._metrics = metrics
        self._busy_codes = busy_codes
        self._held_bytes = 0
        self.open_requests = 0
        self.in_hand = 0
        self.draining = False
        self._routes: set[_Route] = set()  # that are at work
        metrics.open_requests.set_function(lambda: self.open_requests)

    def drain(self) -> None:
        """Let no other request in, and end the streams on which a client waits for whatever may come."""
        self.draining = True
        for route in self._routes:
            if route.standing:
                route.cut_off()

    def give_up(self) -> None:
        """Answer what is still in hand with what makes its client try again."""
        for route in self._routes:
            route.cut_off()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, lambda: self.draining)
        self.open_requests += 1
        scope = dict(scope)
        try:
            await self._serve(scope, receive, answer)
        finally:
            self.open_requests -= 1
            self._metrics.requests(_dialect(scope), str(answer.code or 499)).inc()

    async def _serve(self, scope: Any, receive: Receive, answer: _Answer) -> None:
        key = _take_key(scope)
        probe = scope["path"] in OPEN_PATHS
        if self._keys and not probe and not self._known(key):
            await _read_past(scope, receive)
            await answer.fault(401, "a key is needed: Authorization: Bearer KEY, X-Auth-Token: KEY, or /k/KEY before "
                               "the path", {"www-authenticate": "Bearer"})  # fmt: skip
        elif self.draining and not probe:
            await _read_past(scope, receive)
            await self._refuse(scope, answer, "the service is stopping")
        else:
            scope["client_key"] = _name(key, scope)
            self.in_hand += 1
            try:
                await self._pass_on(scope, receive, answer)
            except _TooLargeError:
                await _read_past(scope, receive)
                largest = self._max_body_bytes
                await answer.fault(413, f"the body is larger than {largest >> 20} MiB", {"connection": "close"})
            finally:
                self.in_hand -= 1

    async def _refuse(self, scope: Any, answer: _Answer, why: str) -> None:
        await answer.fault(self._busy_codes.get(scope["path"], 503), why, {"retry-after": "1"})

    def _known(self, key: bytes) -> bool:
        return bool(sum(hmac.compare_digest(key, known) for known in self._keys))  # in the same time for every key

    async def _pass_on(self, scope: Any, receive: Receive, answer: _Answer) -> None:
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(declared) > self._max_body_bytes:
            raise _TooLargeError
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                there = await self._read(receive, chunks)
            if there:
                chunks[:] = [b"".join(chunks)]  # held once
                await self._until_hang_up(scope, receive, chunks[0], answer)
        except TimeoutError:
            await answer.fault(408, "the body did not come in time", {"connection": "close"})
        except _FullError:
            self._metrics.refusals.labels("memory").inc()
            await _read_past(scope, receive)
            code = self._busy_codes.get(scope["path"], 429)
            await answer.fault(code, "busy: too many large requests at once", {"retry-after": "1"})
        finally:
            self._held_bytes -= sum(map(len, chunks))

    async def _read(self, receive: Receive, chunks: list[bytes]) -> bool:
        """Take the body into `chunks`; whether the client is still there. Raises _TooLargeError, _FullError.

        What is being read counts already: many clients that send slowly hold as much as those that are served.
        """
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body_bytes:
                raise _TooLargeError
            if chunk and self._held_bytes + len(chunk) > BODIES_IN_HAND * self._max_body_bytes:
                raise _FullError
            chunks.append(chunk)
            self._held_bytes += len(chunk)
            if not message.get("more_body", False):
                return True

    async def _until_hang_up(self, scope: Any, receive: Receive, body: bytes, answer: _Answer) -> None:
        gone = scope["hang_up"] = asyncio.Event()
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            if messages:
                return messages.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        route = _Route(answer, gone, standing=(scope["method"], scope["path"]) == STANDING)
        ears = asyncio.ensure_future(_hang_up(receive, route))
        self._routes.add(route)
        try:
            await self._app(scope, replay, answer.send)
        except asyncio.CancelledError:
            if not route.end_of_cut():
                raise
        except Exception as error:
            self._metrics.internal_errors.inc()
            # never its text, which may hold a piece of a program
            log.error("a route failed: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
            await answer.fault(500, "the service failed; this says nothing about the program")
        finally:
            gone.set()
            self._routes.discard(route)
            route.over = True
            ears.cancel()
        if route.standing and route.cut:
            await answer.end()
        elif route.cut and not route.hung_up:
            await self._refuse(scope, answer, "the service stopped before this was done")


class _Route:
    """A request at work in the present task. cut: it is to end before it is done. hung_up: for its client is gone."""

    def __init__(self, answer: _Answer, gone: asyncio.Event, *, standing: bool) -> None:
        self._task = asyncio.current_task()
        self._answer = answer
        self._gone = gone
        self.standing = standing
        self.cut = self.hung_up = self.over = False

    def cut_off(self, *, hung_up: bool = False) -> None:
        """End it, unless it has its whole answer."""
        self.hung_up = self.hung_up or hung_up
        self._gone.set()
        if self._task is not None and not self.over and not self.cut and not self._answer.complete:
            self.cut = True
            self._task.cancel()

    def end_of_cut(self) -> bool:
        """Whether it was this that cancelled the task, which goes on then; else somebody wants the task's end."""
        return self.cut and self._task is not None and self._task.uncancel() == 0


class _Answer:
    """What is sent: its code, and whether all of it was. last: whether its connection ends with it."""

    def __init__(self, send: Send, last: Callable[[], bool]) -> None:
        self._send = send
        self._last = last
        self.code: int | None = None
        self.complete = False

    async def send(self, message: Message) -> None:
        """ASGI."""
        if message["type"] == "http.response.start":
            self.code = message["status"]
            if self._last():
                headers = [each for each in message.get("headers", ()) if each[0].lower() != b"connection"]
                message = {**message, "headers": [*headers, (b"connection", b"close")]}
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True
        await self._send(message)

    async def end(self) -> None:
        """End an answer that has begun."""
        if self.code is not None and not self.complete:
            await self.send({"type": "http.response.body", "body": b""})

    async def fault(self, code: int, detail: str, headers: dict[str, str] | None = None) -> None:
        """A whole answer, where none has begun."""
        if self.code is not None:
            return
        body = json.dumps({"detail": detail}).encode()
        given = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
        raw = [(name.encode(), value.encode()) for name, value in given.items()]
        await self.send({"type": "http.response.start", "status": code, "headers": raw})
        await self.send({"type": "http.response.body", "body": body})


async def _hang_up(receive: Receive, route: _Route) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    route.cut_off(hung_up=True)


async def _read_past(scope: Any, receive: Receive) -> None:
    """Let the body of a request that is not let in go by: a client that is still sending may not hear the answer."""
    if (b"expect", b"100-continue") in scope["headers"]:
        return  # it asks before it sends
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(REFUSED_BODY_S):
            while (message := await receive())["type"] != "http.disconnect" and message.get("more_body", False):
                pass


def _take_key(scope: Any) -> bytes:
    """The key of a request, taken out of its path where it stands there; empty where there is none."""
    path: str = scope["path"]
    if path.startswith("/k/"):
        key, _, rest = path.removeprefix("/k/").partition("/")
        scope["path"] = "/" + rest
        scope["raw_path"] = scope["path"].encode("utf-8", "surrogatepass")
        return key.encode("utf-8", "surrogatepass")
    headers: dict[bytes, bytes] = dict(scope["headers"])
    kind, _, token = headers.get(b"authorization", b"").partition(b" ")
    if kind.lower() == b"bearer":
        return token.strip()
    return headers.get(b"x-auth-token", b"").strip()


def _name(key: bytes, scope: Any) -> str:
    """Whose turn it is: the key's digest, else the client's address."""
    if key:
        return hashlib.sha256(key).hexdigest()[:16]
    return str((scope.get("client") or ("",))[0])


def _dialect(scope: Any) -> str:
    """Which API a request was of: the module of its route."""
    module = getattr(scope.get("endpoint"), "__module__", "")
    return module.rpartition(".")[2] if module.startswith("harness.service") else "none"
