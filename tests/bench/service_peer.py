"""`harness serve sandbox` beside a service that starts whatever arrives, in pairs of one run.

    python -m tests.bench.service_peer --rounds 3 --programs 60
    python -m tests.bench.service_peer --peer http://127.0.0.1:8081     a real SandboxFusion in place of the baseline
    python -m tests.bench.service_peer --requests 100000                 the service's memory over so many requests

Throughput: 64 in flight, a small program with 10 cases of standard input: a case by `/run_code`, the whole by
`/v1/batch`, by the bare pool without HTTP, and by bare forks, which is the limit for a process of its own for each case:
no service, no isolation, no judge (`tests.bench.fork_server`). Latency: p50 of `/run_code`, 4 in flight. True under load: 64 right
programs of 0.4 s CPU time at once with run_timeout 2: how many are called too slow (who is refused asks again, as verl
does). No two programs are equal, so nothing is answered by another's execution.

Beside each throughput stands the processor's time that a case takes, of the service and of its sandboxes: where both
processors are busy, its ratio is the throughput's, and it holds on a machine that has other work.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sandbox
from sandbox import Program, StdioCase, StdioTests, Verdict
from tests.bench import fork_server, systems
from tests.fixtures.cpu_time import cpu_s
from tests.fixtures.servers import closed_port
from tests.fixtures.service import Running, running

IN_FLIGHT, CASES = 64, 10
FORKED = 400  # programs by bare forks: enough that the start of their servers is a hundredth
_number = itertools.count()
Call = Callable[[str, Any], Awaitable[Any]]


def small() -> str:
    """A small program, unlike every other one."""
    return f"# {next(_number)}\na, b = map(int, input().split())\nprint(a + b)\n"


class RefusedError(Exception):
    """504: ask again."""


class Connection:
    """One kept-open HTTP/1.1 connection: a client that costs little beside what is measured."""

    def __init__(self, url: str) -> None:
        self._at = urlsplit(url)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: Any) -> Any:
        """The answer's content. Raises RuntimeError for a status other than 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._at.hostname, self._at.port, limit=1 << 26)
        reader, writer = self._streams
        data = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        status = (await reader.readline()).split()[1]
        length = 0
        while (line := await reader.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        content = await reader.readexactly(length)
        if status == b"504":
            raise RefusedError
        if status != b"200":
            raise RuntimeError(f"{status.decode()}: {content[:300]!r}")
        return json.loads(content)

    async def post_until_answered(self, path: str, body: Any) -> Any:
        """The same on a machine that others keep busy: who is refused asks again."""
        while True:
            try:
                return await self.post(path, body)
            except RefusedError:
                await asyncio.sleep(1.0)


async def at_once(url: str, jobs: list[tuple[str, Any]], in_flight: int) -> list[tuple[float, Any]]:
    """Seconds and content of each answer, so many in flight."""
    rest = iter(jobs)
    answers: list[tuple[float, Any]] = []

    async def client() -> None:
        connection = Connection(url)
        for path, body in rest:
            start = time.monotonic()
            content = await connection.post_until_answered(path, body)
            answers.append((time.monotonic() - start, content))

    await asyncio.gather(*(client() for _ in range(in_flight)))
    return answers


class Meter:
    """What a case costs: cases a second by the clock, and milliseconds of the processor's time by part."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid

    def measure(self, cases: int, work: Callable[[], float]) -> Cost:
        """`work` gives its cases a second; without a process its time is our own and our children's."""
        before = self._used()
        rate = work()
        service, sandboxes = (
            1000 * (after - earlier) / cases for after, earlier in zip(self._used(), before, strict=True)
        )
        return Cost(rate=rate, service_ms=service, sandboxes_ms=sandboxes)

    def _used(self) -> tuple[float, float]:
        return cpu_s(self._pid or os.getpid())


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one case."""

    rate: float
    service_ms: float
    sandboxes_ms: float

    def __str__(self) -> str:
        return f"{self.rate:.0f}/s ({self.service_ms:.2f} + {self.sandboxes_ms:.2f} ms)"

    def total_ms(self) -> float:
        """Of the service and its sandboxes."""
        return self.service_ms + self.sandboxes_ms


def cases_by_run_code(url: str, programs: int) -> float:
    """Cases a second, a call each."""
    jobs = []
    for _ in range(programs):
        code = small()
        jobs += [
            ("/run_code", {"code": code, "language": "python", "stdin": f"{n} 1", "run_timeout": 10})
            for n in range(CASES)
        ]
    start = time.monotonic()
    answers = asyncio.run(at_once(url, jobs, IN_FLIGHT))
    seconds = time.monotonic() - start
    assert all(content["status"] == "Success" for _, content in answers)
    return len(jobs) / seconds


def cases_by_batch(url: str, programs: int) -> float:
    """Cases a second, all of a program in one item, 16 items a call."""
    tests = {"kind": "stdio", "cases": [{"stdin": f"{n} 1", "stdout": f"{n + 1}"} for n in range(CASES)]}
    items = [{"source": small(), "tests": tests} for _ in range(programs)]
    jobs = [("/v1/batch", {"items": items[start : start + 16]}) for start in range(0, len(items), 16)]
    start = time.monotonic()
    answers = asyncio.run(at_once(url, jobs, 4))
    seconds = time.monotonic() - start
    assert all(each["judgement"]["verdict"] == "ACCEPTED" for _, content in answers for each in content)
    return programs * CASES / seconds


def cases_by_pool(box: sandbox.Pool, programs: int) -> float:
    """Cases a second without a service."""
    tests = StdioTests(cases=tuple(StdioCase(stdin=f"{n} 1", stdout=f"{n + 1}") for n in range(CASES)))
    start = time.monotonic()
    with ThreadPoolExecutor(box.workers) as threads:
        ended = list(threads.map(lambda _: box.run(Program(source=small()), tests), range(programs)))
    assert all(each.verdict is Verdict.ACCEPTED for each in ended)
    return programs * CASES / (time.monotonic() - start)


def cases_by_forks(programs: int) -> float:
    """Cases a second by bare forks; the start of their two servers is not counted, but for its CPU time."""
    cases = [(f"{n} 1", f"{n + 1}\n") for n in range(CASES)]
    before = time.monotonic()
    fork_server.scripts([], cases, os.cpu_count() or 1)
    start = time.monotonic()
    fork_server.scripts([small() for _ in range(programs)], cases, os.cpu_count() or 1)
    return programs * CASES / (time.monotonic() - start - (start - before))


def p50_ms(url: str, calls: int = 200) -> float:
    """Of /run_code with 4 in flight."""
    jobs = [("/run_code", {"code": small(), "language": "python", "stdin": "1 2"}) for _ in range(calls)]
    return 1000 * statistics.median(seconds for seconds, _ in asyncio.run(at_once(url, jobs, 4)))


def wrong_time_outs(url: str) -> str:
    """Of 64 right programs of 0.4 s CPU time, at once, with a limit of 2 s: how many are said to have passed it."""
    code = "import time\nwhile time.process_time() < 0.4: pass\nprint(1)"
    bodies = [{"code": f"# {next(_number)}\n{code}", "language": "python", "run_timeout": 2} for _ in range(64)]

    async def ask(body: Any) -> str:
        for wait_s in (1, 2, 0):
            try:
                return str((await Connection(url).post("/run_code", body))["status"])
            except RefusedError:
                await asyncio.sleep(wait_s)
        return "refused"

    async def all_at_once() -> list[str]:
        return await asyncio.gather(*(ask(body) for body in bodies))

    found = asyncio.run(all_at_once())
    return f"{found.count('Failed')} ({found.count('refused')} refused three times)"


@contextmanager
def baseline(folder: Path) -> Iterator[tuple[str, int]]:
    """The naive service: its address and its process."""
    port = closed_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.naive_service", str(port)])
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            time.sleep(0.2)
            try:
                p50_ms(url, 4)
                break
            except OSError:
                continue
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def resident_mib(pid: int) -> float:
    """What the service's process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="a running SandboxFusion, in place of the baseline")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--programs", type=int, default=60)
    parser.add_argument("--requests", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running("--queue-s", "60", cwd=Path(folder)) as service:
        if options.requests:
            _memory(service.url, service.process.pid, options.requests)
            return
        with sandbox.open() as box:
            if options.peer:
                _compare(service, options.peer, None, box, options)
            else:
                with baseline(Path(folder)) as (url, pid):
                    _compare(service, url, pid, box, options)
        print(f"the service's process: {resident_mib(service.process.pid):.0f} MiB")


def _compare(service: Running, peer: str, peer_pid: int | None, box: sandbox.Pool, options: argparse.Namespace) -> None:
    ours, many_cases = service.url, options.programs * CASES
    few = max(options.programs // 6, 2)
    cases_by_pool(box, 4), cases_by_batch(ours, 4), p50_ms(ours, 20)
    mine, bare_meter, theirs_meter = Meter(service.process.pid), Meter(None), Meter(peer_pid)
    by_clock: list[tuple[float, ...]] = []
    by_processor: list[tuple[float, ...]] = []
    for number in range(options.rounds):
        print(f"round {number + 1}: {systems.load()}", flush=True)
        theirs = theirs_meter.measure(few * CASES, lambda: cases_by_run_code(peer, few))
        one = mine.measure(many_cases, lambda: cases_by_run_code(ours, options.programs))
        many = mine.measure(many_cases, lambda: cases_by_batch(ours, options.programs))
        bare = bare_meter.measure(many_cases, lambda: cases_by_pool(box, options.programs))
        forks = bare_meter.measure(FORKED * CASES, lambda: cases_by_forks(FORKED))
        print(f"  cases: peer {theirs}, /run_code {one}, /v1/batch {many}, bare pool {bare}, bare forks {forks}")
        print(f"  p50, 4 in flight: peer {p50_ms(peer, 60):.1f} ms, ours {p50_ms(ours):.1f} ms", flush=True)
        by_clock.append(
            (one.rate / theirs.rate, many.rate / theirs.rate, many.rate / bare.rate, forks.rate / theirs.rate)
        )
        cost = [each.total_ms() for each in (theirs, one, many, bare, forks)]
        by_processor.append((cost[0] / cost[1], cost[0] / cost[2], cost[3] / cost[2], cost[0] / cost[4]))
    names = ("/run_code to peer", "/v1/batch to peer", "/v1/batch to bare pool", "bare forks to peer")
    for what, ratios in (("by the clock", by_clock), ("by the processor's time", by_processor)):
        if what == "by the clock" or peer_pid is not None:
            for name, values in zip(names, zip(*ratios, strict=True), strict=True):
                print(f"{name}, {what}: {statistics.median(values):.2f} ({min(values):.2f} - {max(values):.2f})")
    print(f"wrong time-outs of 64: peer {wrong_time_outs(peer)}, ours {wrong_time_outs(ours)}")


def _memory(url: str, pid: int, requests: int) -> None:
    done = 0
    while done < requests:
        part = min(5000, requests - done)
        jobs = [("/run_code", {"code": small(), "language": "python", "stdin": "1 2"}) for _ in range(part)]
        asyncio.run(at_once(url, jobs, IN_FLIGHT))
        done += part
        print(f"{done} requests: {resident_mib(pid):.1f} MiB", flush=True)


if __name__ == "__main__":
    main()
