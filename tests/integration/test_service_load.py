"""The service under load: no wrong time-outs, places that are freed, refusals that are tried again, orderly ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.fixtures.cpu_time import containers
from tests.fixtures.processes import alive, descendants
from tests.fixtures.service import Running, running

# 0.4 s of CPU time, whatever else the machine does
BUSY = "import time\nwhile time.process_time() < 0.4: pass\nprint('done', {0})"


def body(code: str, run_timeout: float = 2.0) -> dict[str, Any]:
    return {"code": code, "language": "python", "run_timeout": run_timeout, "compile_timeout": 10}


def verls_call(url: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """As verl calls: reads for compile + run + 10 s, tries 504 again three times, takes all else for a failure."""
    for attempt in range(3):
        try:
            answer = httpx.post(
                f"{url}/run_code", json=given, timeout=given["compile_timeout"] + given["run_timeout"] + 10
            )
        except httpx.HTTPError:
            return None
        if answer.status_code != 504:
            found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
            return found
        time.sleep(attempt + 1)
    return None


def test_64_right_programs_at_once_have_no_wrong_time_out(service: Running) -> None:
    with ThreadPoolExecutor(64) as threads:
        calls = [threads.submit(verls_call, service.url, body(BUSY.format(number))) for number in range(64)]
        found = [call.result() for call in calls]
    wrong = [each for each in found if each is None or each["status"] != "Success"]
    assert wrong == []
    assert [each["run_result"]["stdout"] for each in found if each] == [f"done {number}\n" for number in range(64)]


def test_who_cannot_be_answered_in_time_is_told_at_once_in_its_own_words(service: Running) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(
            base_url=service.url, limits=httpx.Limits(max_connections=None), timeout=90
        ) as client:
            start = time.monotonic()
            late = {"compile_timeout": 0.1, "run_timeout": 3.0}
            crowd = [
                client.post("/run_code", json={**body(f"import time; time.sleep(2.5) # {n}"), **late})
                for n in range(60)
            ]
            crowd += [
                client.post("/v1/execute", json={"source": f"import time; time.sleep(2.5) # x{n}"}) for n in range(30)
            ]
            answers = await asyncio.gather(*crowd)
            assert time.monotonic() - start < 60
            codes = [each.status_code for each in answers]
            assert set(codes[:60]) == {200, 504} and set(codes[60:]) <= {200, 429} and 429 in codes[60:]
            refused = [each for each in answers if each.status_code != 200]
            assert all(int(each.headers["retry-after"]) >= 1 and "busy" in each.json()["detail"] for each in refused)
            # nothing of it is a verdict: all that ran ended well
            assert {each.json()["status"] for each in answers[:60] if each.status_code == 200} == {"Success"}

    asyncio.run(main())


def test_clients_that_hang_up_leave_their_places(service: Running) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(base_url=service.url, limits=httpx.Limits(max_connections=None)) as client:

            async def gone(number: int) -> None:
                with contextlib.suppress(httpx.TimeoutException):
                    given = {"source": f"import time; time.sleep(20) # {number}", "limits": {"wall_s": 30}}
                    await client.post("/v1/execute", json=given, timeout=0.7)

            await asyncio.gather(*(gone(number) for number in range(20)))
            start = time.monotonic()
            while (
                answer := await client.post("/v1/execute", json={"source": "print(1)"}, timeout=60)
            ).status_code == 429:
                await asyncio.sleep(0.5)
            assert answer.json()["verdict"] == "ACCEPTED"
            assert time.monotonic() - start < 15  # and not the 20 s of those that are gone

    before = service.metric("harness_abandoned_total")
    asyncio.run(main())
    for _ in range(50):
        if service.metric("harness_running") == 0 == service.metric("harness_queued"):
            break
        time.sleep(0.2)
    assert service.metric("harness_running") == 0 == service.metric("harness_queued")
    assert service.metric("harness_abandoned_total") - before >= 3
    assert service.metric("harness_open_requests") == 1


SLEEPS = "import time; time.sleep(30) # "
ONE_CASE = {"kind": "stdio", "cases": [{"stdin": "", "stdout": "1"}]}


def long_requests() -> list[tuple[str, dict[str, Any]]]:
    """One to every call that runs programs; each would take 30 s, or many times that."""
    limits = {"wall_s": 40, "cpu_s": 40}
    provided = {"test_cases": {"type": "stdin_stdout", "input": ["1", "2"], "output": ["2", "3"]}}
    fenced = {"completion": f"```python\n{SLEEPS}\n```", "id": 1, "config": {"language": "python", "run_timeout": 40}}
    return [
        ("/v1/execute", {"source": SLEEPS, "limits": limits}),
        ("/v1/judge", {"source": SLEEPS, "tests": ONE_CASE, "limits": limits}),
        ("/v1/batch", {"items": [{"source": f"{SLEEPS}{n}", "limits": limits} for n in range(9)]}),
        ("/v1/reward", {"completions": [f"{SLEEPS}r{n}" for n in range(9)], "tests": [ONE_CASE] * 9, "limits": limits}),
        ("/run_code", body(f"{SLEEPS}c", 40)),
        ("/run_jupyter", {"cells": ["1", SLEEPS], "total_timeout": 40}),
        ("/submit", {**fenced, "config": {**fenced["config"], "provided_data": provided}}),  # type: ignore[dict-item]
        ("/common_evaluate_batch", {**fenced, "config": {"run_timeout": 41, "provided_data": provided}}),
        ("/api/v2/execute", {"language": "python", "files": [{"content": SLEEPS}], "run_timeout": 42_000}),
        ("/submissions?wait=true", {"source_code": SLEEPS, "language_id": 71, "wall_time_limit": 43}),
        ("/execute_batch", {"scripts": [f"{SLEEPS}{n}" for n in range(8)], "timeout": 40, "request_timeout": 60}),
        ("/test_program", {"program": SLEEPS, "tests": [f"assert f({n}) == 1" for n in range(9)],
                           "max_execution_time": 40}),
        ("/get_reward", {"query": [f"```python\n{SLEEPS}{n}\n```" for n in range(9)],
                         "labels": [json.dumps(ONE_CASE)] * 9}),
    ]  # fmt: skip


AGENT = """
import asyncio, sys
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

async def main():
    async with streamable_http_client(sys.argv[1]) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        await session.call_tool("run_code", {"code": sys.argv[2], "timeout_s": 40})

asyncio.run(main())
"""


def test_whoever_hangs_up_leaves_nothing_behind_whatever_was_asked(tmp_path: Path) -> None:
    def gone(request: tuple[str, dict[str, Any]]) -> None:
        with contextlib.suppress(httpx.TimeoutException):
            answer = httpx.post(f"{service.url}{request[0]}", json=request[1], timeout=2)
            assert answer.status_code in (429, 503, 504), (request[0], answer.text)

    def running_come_to(number: int) -> None:
        for _ in range(300):
            if service.metric("harness_running") == number and service.metric("harness_queued") == 0:
                return
            time.sleep(0.1)
        raise AssertionError(f"{service.metric('harness_running')} run, not {number}")

    with running("--languages", "python", cwd=tmp_path) as service, ThreadPoolExecutor(20) as threads:
        list(threads.map(gone, long_requests()))
        running_come_to(0)
        assert service.metric("harness_abandoned_total") >= 3
        command = [sys.executable, "-c", AGENT, f"{service.url}/mcp", f"{SLEEPS}agent"]
        with subprocess.Popen(command) as agent:
            running_come_to(1)
            agent.kill()
        start = time.monotonic()
        running_come_to(0)
        assert time.monotonic() - start < 15  # and not the 30 s of its program
        assert service.metric("harness_open_requests") == 1
        assert service.metric("harness_internal_errors_total") == 0


def test_equal_programs_in_flight_run_once(service: Running) -> None:
    before = service.metric("harness_executions_total")
    given = body("import time, random; time.sleep(1); print(random.random())")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: verls_call(service.url, given), range(8)))
    assert len({each["run_result"]["stdout"] for each in answers if each}) == 1
    assert service.metric("harness_executions_total") - before == 1


def test_sigterm_finishes_what_is_in_hand_and_exits_with_0(tmp_path: Path) -> None:
    with running(cwd=tmp_path) as service, ThreadPoolExecutor(8) as threads:
        calls = [
            threads.submit(verls_call, service.url, body(f"import time; time.sleep(1); print({n})", 9))
            for n in range(8)
        ]
        while service.metric("harness_open_requests") < 9:  # the eight, and the one that asks
            time.sleep(0.05)
        service.process.terminate()
        time.sleep(0.3)
        with contextlib.suppress(httpx.TransportError):
            assert httpx.get(f"{service.url}/readyz").status_code == 503
            assert httpx.post(f"{service.url}/v1/execute", json={"source": "print(1)"}).status_code == 503
            # what makes verl try again, at the next server or at this one when it is back
            assert httpx.post(f"{service.url}/run_code", json=body("print(1)")).status_code == 504
        assert sorted(each["run_result"]["stdout"] for call in calls if (each := call.result())) == [
            f"{n}\n" for n in range(8)
        ]
        assert service.process.wait(30) == 0


def test_what_does_not_end_in_its_time_is_given_up_in_its_clients_words(tmp_path: Path) -> None:
    with running("--drain-s", "0.5", cwd=tmp_path) as service, ThreadPoolExecutor(2) as threads:
        given = {**body("import time; time.sleep(20)", 25), "source": "import time; time.sleep(21)",
                 "limits": {"wall_s": 25}}  # fmt: skip
        calls = [
            threads.submit(httpx.post, f"{service.url}{path}", json=given, timeout=60)
            for path in ("/run_code", "/v1/execute")
        ]
        while service.metric("harness_running") < 2:
            time.sleep(0.05)
        start = time.monotonic()
        service.process.terminate()
        assert service.process.wait(30) == 0
        assert time.monotonic() - start < 15
        answers = [call.result() for call in calls]
    assert [each.status_code for each in answers] == [504, 503]
    assert all("stopped before" in each.json()["detail"] and each.headers["retry-after"] for each in answers)
    assert not any("Traceback" in line for line in service.lines)


def test_an_agent_that_stays_connected_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    async def main(service: Running) -> None:
        async with (
            streamable_http_client(f"{service.url}/mcp") as (read, write),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            while service.metric("harness_open_requests") < 2:  # its stream, and the one that asks
                await asyncio.sleep(0.05)
            start = time.monotonic()
            assert await asyncio.to_thread(service.stop) == 0
            assert time.monotonic() - start < 10

    with running(cwd=tmp_path) as service:
        asyncio.run(main(service))
        assert not any("rror" in line or "WARNING" in line for line in service.lines), service.lines


def sent(url: str, head: str, rest: bytes = b"") -> socket.socket:
    """A connection over which so much of a request has been sent."""
    at = urlsplit(url)
    connection = socket.create_connection((at.hostname, at.port), timeout=30)
    connection.sendall(head.encode() + rest)
    return connection


def head_of(path: str, length: int) -> str:
    return f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"


def answer_of(connection: socket.socket) -> tuple[int, str]:
    """The code, and all that came until the service closed the connection. Raises OSError where it is cut off."""
    with connection:
        text = b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode()
    return int(text.split()[1]), text.lower()


def test_who_has_connected_or_begun_to_ask_when_it_stops_has_an_answer(tmp_path: Path) -> None:
    content = json.dumps({**body("print(1)"), "source": "print(1)"}).encode()
    with running(cwd=tmp_path) as service:
        begun = sent(service.url, head_of("/run_code", len(content))[:40])
        without_body = sent(service.url, head_of("/v1/execute", len(content)))
        idle = sent(service.url, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        while not (answer := idle.recv(1 << 16)).endswith(b"}"):
            assert answer
        time.sleep(0.3)
        service.process.send_signal(signal.SIGSTOP)  # the kernel goes on to take connections
        silent = sent(service.url, "")
        waiting = [sent(service.url, head_of("/run_code", len(content)), content) for _ in range(100)]
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGCONT)
        time.sleep(0.8)
        silent.sendall(head_of("/run_code", len(content)).encode() + content)
        begun.sendall(head_of("/run_code", len(content))[40:].encode() + content)
        without_body.sendall(content)
        assert {answer_of(each)[0] for each in waiting} <= {200, 504}  # whoever was taken before the signal is in hand
        for each in (begun, silent):
            code, text = answer_of(each)
            assert code == 504 and "connection: close" in text
        code, text = answer_of(without_body)  # it was in hand
        assert code == 200 and "connection: close" in text and '"verdict":"accepted"' in text
        with idle:
            assert idle.recv(1) == b""
        assert service.process.wait(30) == 0
        with pytest.raises(ConnectionRefusedError):
            sent(service.url, "")


def test_who_is_refused_while_still_sending_hears_it(service: Running) -> None:
    large = b" " * (40 << 20)
    for answer in (httpx.post(f"{service.url}/run_code", content=large, timeout=60),
                   httpx.post(f"{service.url}/run_code", content=iter([large[: 1 << 20]] * 40), timeout=60)):  # fmt: skip
        assert answer.status_code == 413 and "larger than 32 MiB" in answer.json()["detail"]


class Soak:
    """Clients that ask without a pause while every tenth hangs up and the service is told to stop and started again.

    counts: how requests ended. `wrong` is an answer to another question; `cut off` a connection that broke; `late` no
    answer in the client's time.
    """

    def __init__(self, folder: Path, *, clients: int, seconds: float, restarts: int) -> None:
        self._folder = folder
        self._clients = clients
        self._seconds = seconds
        self._end = 0.0
        self._pause_s = seconds / (restarts + 1)
        self._restarts = restarts
        self._services = contextlib.ExitStack()
        self.counts = {"right": 0, "hung up": 0, "refused": 0, "no connection": 0, "cut off": 0, "late": 0, "wrong": 0}
        self.left: list[str] = []

    def run(self) -> None:
        """From the first start to the last stop."""
        with self._services:
            self._start()
            self._end = time.monotonic() + self._seconds
            asyncio.run(self._main())
            for _ in range(100):
                if self.service.metric("harness_running") == 0 == self.service.metric("harness_queued"):
                    break
                time.sleep(0.1)
            assert self.service.metric("harness_running") == 0 == self.service.metric("harness_queued")
            assert self.service.metric("harness_open_requests") == 1  # the one that asks
            self._stop()

    def _start(self) -> None:
        self.service = self._services.enter_context(running("--languages", "python", cwd=self._folder))

    def _stop(self) -> None:
        service, pid = self.service, self.service.process.pid
        below = descendants(pid)
        assert service.stop() == 0, service.lines
        self.left += [*containers(pid), *map(str, alive(below)), *map(str, self._folder.iterdir())]
        self.left += [line for line in service.lines if "rror" in line]

    async def _main(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(limits=limits) as http:
            tasks = [asyncio.create_task(self._client(number, http)) for number in range(self._clients)]
            for _ in range(self._restarts):
                await asyncio.sleep(self._pause_s)
                await asyncio.to_thread(self._stop)
                await asyncio.to_thread(self._start)
            await asyncio.gather(*tasks)

    async def _client(self, number: int, http: httpx.AsyncClient) -> None:
        chance = random.Random(number)
        while time.monotonic() < self._end:
            token = f"{number} {chance.random()}"
            given = body(f"import time; time.sleep({chance.choice([0, 0, 0.05])}); print({token!r})", 5)
            self.counts[await self._ask(http, given, token, hangs_up=chance.random() < 0.1)] += 1

    async def _ask(self, http: httpx.AsyncClient, given: dict[str, Any], token: str, *, hangs_up: bool) -> str:
        try:
            answer = await http.post(f"{self.service.url}/run_code", json=given, timeout=0.05 if hangs_up else 25)
        except httpx.ConnectError:
            await asyncio.sleep(0.2)
            return "no connection"
        except httpx.TimeoutException:
            return "hung up" if hangs_up else "late"
        except httpx.HTTPError:
            return "cut off"
        if answer.status_code in (503, 504):
            await asyncio.sleep(0.5)
            return "refused"
        right = answer.status_code == 200 and (answer.json()["run_result"] or {}).get("stdout") == token + "\n"
        return "right" if right else "wrong"


def test_clients_hang_up_while_the_service_restarts_and_nothing_is_lost_or_left(tmp_path: Path) -> None:
    soak = Soak(tmp_path, clients=40, seconds=6.0, restarts=1)
    soak.run()
    assert soak.counts["wrong"] == soak.counts["cut off"] == soak.counts["late"] == 0, soak.counts
    assert soak.counts["right"] > 20 and soak.counts["hung up"] > 2, soak.counts
    assert soak.left == []


@pytest.mark.slow
def test_200_clients_for_5_minutes_with_hang_ups_and_restarts_lose_nothing(tmp_path: Path) -> None:
    soak = Soak(tmp_path, clients=200, seconds=300.0, restarts=3)
    soak.run()
    print(soak.counts)
    assert soak.counts["wrong"] == soak.counts["cut off"] == soak.counts["late"] == 0, soak.counts
    assert soak.counts["right"] > 1000 and soak.counts["hung up"] > 100, soak.counts
    assert soak.left == []
