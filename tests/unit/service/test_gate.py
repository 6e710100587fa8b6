"""Keys, the size of bodies, hang-ups: what passes the gate."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from harness.service.gate import Gate
from harness.service.metrics import Metrics

KEY = "secret-key-1"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers the path that it is asked for, with whose turn it was."""
    body = await receive()
    if scope["path"] == "/breaks":
        raise RuntimeError(" ".join(("words", "of", "a", "program")))
    text = f"{scope['path']} {scope['client_key'][:4]} {len(body['body'])}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text})


def gate(app: Any = echo, keys: frozenset[str] = frozenset({KEY})) -> Gate:
    return Gate(app, keys=keys, max_body_bytes=1 << 20, metrics=Metrics(1), service=None)  # type: ignore[arg-type]


def ask(app: Gate, path: str, **options: Any) -> httpx.Response:
    async def main() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.post(path, **options)

    return asyncio.run(main())


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-Auth-Token": KEY}, {"authorization": f"bearer  {KEY} "}])  # fmt: skip
def test_a_key_in_a_header(headers: dict[str, str]) -> None:
    assert ask(gate(), "/run_code", headers=headers).text.startswith("/run_code ")


def test_a_key_at_the_beginning_of_the_path_is_not_seen_behind_the_gate() -> None:
    answer = ask(gate(), f"/k/{KEY}/run_code")
    assert answer.text.startswith("/run_code ") and KEY not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/run_code", "/k/wrong-key-1/run_code", "/k//run_code", "/k/", f"/k/{KEY[:-1]}/x", "/metrics", "/healthz/.."],
)
def test_no_key_or_a_wrong_one_is_401(path: str) -> None:
    answer = ask(gate(), path)
    assert answer.status_code == 401 and "X-Auth-Token" in answer.json()["detail"]


def test_probes_need_no_key() -> None:
    assert ask(gate(), "/healthz").status_code == 200


def test_a_body_that_is_too_large_is_413_whether_it_says_so_or_not() -> None:
    large = b"x" * ((1 << 20) + 1)
    assert ask(gate(keys=frozenset()), "/x", content=large).status_code == 413

    async def pieces() -> Any:
        for _ in range(3):
            yield b"x" * (1 << 19)

    answer = ask(gate(keys=frozenset()), "/x", content=pieces())
    assert answer.status_code == 413 and "larger than 1 MiB" in answer.json()["detail"]


def test_a_route_that_breaks_is_500_and_its_words_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(gate(keys=frozenset()), "/breaks")
    assert answer.status_code == 500 and "says nothing about the program" in answer.json()["detail"]
    assert "RuntimeError" in caplog.text and "words of a program" not in caplog.text


def test_while_it_stops_only_probes_are_answered() -> None:
    stopping = gate(keys=frozenset())
    stopping.drain()
    assert ask(stopping, "/run_code").status_code == 503
    assert ask(stopping, "/healthz").status_code == 200


def test_a_client_that_hangs_up_cancels_its_route() -> None:
    ended: list[str] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def main() -> None:
        messages = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.05)
            return messages.pop(0)

        async def send(_: Any) -> None:
            raise AssertionError("there is nobody to answer")

        scope = {"type": "http", "method": "POST", "path": "/x", "headers": [], "client": ("here", 1)}
        app = gate(slow, frozenset())
        await asyncio.wait_for(app(scope, receive, send), 5)
        assert app.open_requests == 0

    asyncio.run(main())
    assert ended == ["cancelled"]


def test_a_service_that_stops_says_it_in_the_words_of_its_clients() -> None:
    app = Gate(
        echo, keys=frozenset(), max_body_bytes=1 << 20, metrics=Metrics(1), service=None,  # type: ignore[arg-type]
        busy_codes={"/run_code": 504},
    )  # fmt: skip
    app.drain()
    assert [ask(app, path).status_code for path in ("/run_code", "/v1/execute")] == [504, 503]


def test_bodies_that_are_still_on_their_way_count_among_those_that_are_held() -> None:
    async def main() -> list[int | None]:
        app, ended = gate(keys=frozenset()), asyncio.Event()

        async def post(rest: asyncio.Event) -> int | None:
            pieces = [{"type": "http.request", "body": b"x" * (1 << 20), "more_body": True},
                      {"type": "http.request", "body": b"", "more_body": False}]  # fmt: skip
            codes: list[int] = []

            async def receive() -> dict[str, Any]:
                if len(pieces) < 2:
                    await rest.wait()
                return pieces.pop(0) if pieces else await asyncio.Future()

            async def send(message: Any) -> None:
                codes.append(message.get("status", 0))

            await app({"type": "http", "method": "POST", "path": "/x", "headers": []}, receive, send)
            return codes[0]

        slow = [asyncio.create_task(post(ended)) for _ in range(8)]
        await asyncio.sleep(0.05)
        at_once = asyncio.Event()
        at_once.set()
        refused = await post(at_once)
        ended.set()
        return [refused, *await asyncio.gather(*slow), await post(at_once)]

    assert asyncio.run(main()) == [429, *[200] * 9]
