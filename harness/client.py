"""Clients of `harness serve sandbox`.

    from harness.client import Sandbox

    with Sandbox("http://127.0.0.1:8080") as box:
        print(box.execute("print(6 * 7)")["stdout"])
        print(box.judge("def f(x): return x + 1", tests={"kind": "call", "source": "assert f(1) == 2",
                                                         "entry_point": "f"})["verdict"])

Of several servers each request takes the next one. What may pass (a refusal, a failure of the service's, a connection
that breaks) is tried again on another one, a bounded number of times, after the time that the server names; then it is
`ServiceUnavailable`. So an answer is always a verdict of a program, and a fault never looks like one.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from harness.errors import HarnessError, InputError

ATTEMPTS = 6
BATCH = 256  # items a request
AT_ONCE = 4  # requests of a batch, per server
TRY_AGAIN = (408, 429, 500, 502, 503, 504)
# an hour for a batch whose programs all need their whole time; that a machine is gone is seen within two minutes
TIMEOUT = httpx.Timeout(3600.0, connect=10.0)
KEEP_ALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    (socket.IPPROTO_TCP, getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
    if hasattr(socket, name)
]
Json = dict[str, Any]
_backoff = wait_random_exponential(multiplier=0.4, max=10.0)


class ServiceUnavailable(HarnessError):  # noqa: N818 - the state
    """No server answered with a verdict, in any attempt. It says nothing about the program."""


class _Again(Exception):  # noqa: N818
    """This attempt may be repeated. after_s: what the server named."""

    def __init__(self, what: str, after_s: float = 0.0) -> None:
        super().__init__(what)
        self.after_s = after_s


class _Servers:
    """What both clients share: addresses in turn, the key, requests and what their answers mean."""

    def __init__(self, urls: str | Sequence[str], key: str | None) -> None:
        given = [urls] if isinstance(urls, str) else list(urls)
        if not given or not all(each.startswith(("http://", "https://")) for each in given):
            raise InputError(f"addresses of servers are needed, such as http://127.0.0.1:8080, not {urls!r}")
        self.count = len(given)
        self.headers = {"authorization": f"Bearer {key}"} if key else {}
        self._next = itertools.cycle([each.rstrip("/") for each in given])

    def url(self, path: str) -> str:
        """The next server's address of a path."""
        return next(self._next) + path

    @staticmethod
    def content(answer: httpx.Response) -> Any:
        """What an answer holds. Raises _Again, InputError."""
        if answer.status_code in TRY_AGAIN:
            after = answer.headers.get("retry-after", "")
            raise _Again(f"{answer.status_code}: {_detail(answer)}", float(after) if after.isdigit() else 0.0)
        if answer.status_code >= 400:
            raise InputError(f"{answer.request.url.path}: {_detail(answer)} ({answer.status_code})")
        try:
            return answer.json()
        except ValueError as error:
            raise _Again("an answer that is no JSON") from error


class AsyncSandbox:
    """A client for asynchronous code. A context manager; `urls` are of equal servers, `key` is one of theirs.

    Raises InputError for what a server does not take, ServiceUnavailable where no server gives a verdict.
    """

    def __init__(self, urls: str | Sequence[str], key: str | None = None) -> None:
        self._servers = _Servers(urls, key)
        self._http = httpx.AsyncClient(
            headers=self._servers.headers,
            timeout=TIMEOUT,
            transport=httpx.AsyncHTTPTransport(socket_options=KEEP_ALIVE),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def execute(self, source: str, **fields: Any) -> Json:
        """Run a program: `POST /v1/execute`."""
        return await self._post("/v1/execute", {"source": source, **fields})  # type: ignore[no-any-return]

    async def judge(self, source: str | None = None, **fields: Any) -> Json:
        """Judge a program or a `completion`: `POST /v1/judge`."""
        return await self._post("/v1/judge", {"source": source, **fields})  # type: ignore[no-any-return]

    async def rewards(self, completions: Sequence[Any], **fields: Any) -> list[float | None]:
        """Rewards of completions, in their order: `POST /v1/reward`; None where there is no verdict."""
        parts = [_part(completions, fields, start) for start in range(0, len(completions), BATCH)]
        answers = await _gather([self._rewards(part) for part in parts], AT_ONCE * self._servers.count)
        return [reward for answer in answers for reward in answer]

    async def batch(self, items: Sequence[Mapping[str, Any]]) -> list[Json]:
        """Results of items, in their order: `POST /v1/batch`."""
        parts = [{"items": list(items[start : start + BATCH])} for start in range(0, len(items), BATCH)]
        work = [self._post("/v1/batch", part) for part in parts]
        answers = await _gather(work, AT_ONCE * self._servers.count)
        return [{**result, "index": index} for index, result in enumerate(each for part in answers for each in part)]

    async def info(self) -> Json:
        """What a server is: `GET /v1/info`."""
        return await self._send("GET", "/v1/info", None)  # type: ignore[no-any-return]

    async def _rewards(self, part: Json) -> list[float | None]:
        try:
            return (await self._post("/v1/reward", part))["rewards"]  # type: ignore[no-any-return]
        except ServiceUnavailable:
            return [None] * len(part["completions"])

    async def _post(self, path: str, body: Json) -> Any:
        return await self._send("POST", path, body)

    async def _send(self, method: str, path: str, body: Json | None) -> Any:
        async for attempt in AsyncRetrying(**_policy()):
            with attempt:
                try:
                    answer = await self._http.request(method, self._servers.url(path), json=body)
                except httpx.HTTPError as error:
                    raise _Again(f"{type(error).__name__}: {error}") from error
                return self._servers.content(answer)
        raise AssertionError("unreachable")


class Sandbox:
    """The same for code that is not asynchronous."""

    def __init__(self, urls: str | Sequence[str], key: str | None = None) -> None:
        self._servers = _Servers(urls, key)
        self._http = httpx.Client(
            headers=self._servers.headers,
            timeout=TIMEOUT,
            transport=httpx.HTTPTransport(socket_options=KEEP_ALIVE),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def execute(self, source: str, **fields: Any) -> Json:
        """Run a program: `POST /v1/execute`."""
        return self._send("POST", "/v1/execute", {"source": source, **fields})  # type: ignore[no-any-return]

    def judge(self, source: str | None = None, **fields: Any) -> Json:
        """Judge a program or a `completion`: `POST /v1/judge`."""
        return self._send("POST", "/v1/judge", {"source": source, **fields})  # type: ignore[no-any-return]

    def rewards(self, completions: Sequence[Any], **fields: Any) -> list[float | None]:
        """Rewards of completions, in their order: `POST /v1/reward`; None where there is no verdict."""
        rewards: list[float | None] = []
        for start in range(0, len(completions), BATCH):
            part = _part(completions, fields, start)
            try:
                rewards += self._send("POST", "/v1/reward", part)["rewards"]
            except ServiceUnavailable:
                rewards += [None] * len(part["completions"])
        return rewards

    def batch(self, items: Sequence[Mapping[str, Any]]) -> Iterator[Json]:
        """Results of items, in their order: `POST /v1/batch`."""
        for start in range(0, len(items), BATCH):
            results = self._send("POST", "/v1/batch", {"items": list(items[start : start + BATCH])})
            yield from ({**each, "index": start + each["index"]} for each in results)

    def info(self) -> Json:
        """What a server is: `GET /v1/info`."""
        return self._send("GET", "/v1/info", None)  # type: ignore[no-any-return]

    def _send(self, method: str, path: str, body: Json | None) -> Any:
        for attempt in Retrying(**_policy()):
            with attempt:
                try:
                    answer = self._http.request(method, self._servers.url(path), json=body)
                except httpx.HTTPError as error:
                    raise _Again(f"{type(error).__name__}: {error}") from error
                return self._servers.content(answer)
        raise AssertionError("unreachable")


def _part(completions: Sequence[Any], fields: Mapping[str, Any], start: int) -> Json:
    """One request's share of completions, with what belongs to each of them."""
    part: Json = {"completions": list(completions[start : start + BATCH])}
    for name, value in fields.items():
        part[name] = list(value[start : start + BATCH]) if name in ("problems", "tests") else value
    return part


async def _gather(work: Sequence[Any], at_once: int) -> list[Any]:
    """All results in order, a few at once."""
    places = asyncio.Semaphore(at_once)

    async def one(each: Any) -> Any:
        async with places:
            return await each

    return await asyncio.gather(*(one(each) for each in work))


def _policy() -> dict[str, Any]:
    return {
        "retry": retry_if_exception_type(_Again),
        "stop": stop_after_attempt(ATTEMPTS),
        "wait": _wait,
        "retry_error_callback": _give_up,
    }


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(_backoff(state), error.after_s if isinstance(error, _Again) else 0.0)


def _give_up(state: RetryCallState) -> Any:
    error = state.outcome.exception() if state.outcome else None
    raise ServiceUnavailable(f"no verdict after {ATTEMPTS} attempts; the last: {error}") from error


def _detail(answer: httpx.Response) -> str:
    try:
        content = answer.json()
        return str(content["detail"])[:500] if isinstance(content, dict) and "detail" in content else str(content)[:500]
    except ValueError:
        return answer.text[:500]
