"""Who is let in, in which order, and what becomes of those who hang up.

Theory of operation. All of this runs on the event loop's thread; only `pool.run` runs in others, one per sandbox. A
program that is let in is a `_Job`. It waits in its key's queue; whenever a sandbox is free the next key in turn gives
its oldest job. No program is ever started that could not have a sandbox of its own at once, so what waits is no load,
and no waiting counts for a program: this is why a service that starts whatever arrives gives wrong time-outs.

A job is let in only where its turn is expected to come within its patience: the expected seconds of the jobs before it,
divided by the sandboxes. Otherwise, or where its turn has not come when the patience ends, `Refused` says when to come
again. So a client has an answer in its own time, and every answer is true.

Whoever waits for a job holds a place in it; equal programs in flight are one job with several places. When the last
place is given up (the client hung up: the request's task is cancelled) a job that waits is forgotten, and one that runs
has its sandbox destroyed, unless it ends by itself in the time that a new sandbox takes to start.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from harness.service.metrics import Metrics
from sandbox import Cancellation, Execution, Limits, Program, SandboxError, StdioTests, Tests, Verdict

log = logging.getLogger(__name__)

FIRST_GUESS_S = 0.05  # of a program, before any has run
SMOOTHING = 0.05  # of the running mean of seconds in a sandbox
ABANDON_AFTER_S = 0.5  # about what a new sandbox takes to start
LARGEST_QUEUE = 100_000


class Runner(Protocol):
    """What runs programs: `sandbox.Pool`."""

    def run(
        self,
        program: Program,
        tests: Tests | None = None,
        limits: Limits | None = None,
        *,
        cancellation: Cancellation | None = None,
    ) -> Execution:
        """See `sandbox.Pool.run`."""


class Refused(Exception):  # noqa: N818 - the request's fate
    """A request that is not let in. code: the status that its client tries again. retry_after_s: when it may."""

    def __init__(self, code: int, retry_after_s: float) -> None:
        super().__init__(f"busy: no sandbox is free in time for this request; try again in {retry_after_s:.0f} s")
        self.code = code
        self.retry_after_s = retry_after_s


class InternalError(Exception):
    """A failure of ours: there is no verdict, and it says nothing about the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a client waits, and the status code of a refusal that makes it try again.

    wait_s: for a sandbox; None for as long as it takes. answer_s: for the answer, from now; None where it sets no time.
    """

    wait_s: float | None
    answer_s: float | None = None
    busy_code: int = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is run. Two equal ones have one verdict."""

    program: Program
    tests: Tests | None
    limits: Limits

    def key(self) -> tuple[object, ...]:
        program = self.program
        files = tuple(sorted(program.files.items()))
        return (program.source, program.language, files, program.argv, program.stdin, tuple(program.fetch),
                program.loopback, self.tests, self.limits)  # fmt: skip

    def runs(self) -> int:
        """How many times the program is started."""
        return len(self.tests.cases) if isinstance(self.tests, StdioTests) else 1


@dataclass(eq=False, slots=True)
class _Job:
    work: _Work
    key: tuple[object, ...]
    client: str
    future: asyncio.Future[Execution]
    places: int = 0
    arrived: float = field(default_factory=time.monotonic)
    started: float | None = None
    cancellation: Cancellation = field(default_factory=Cancellation)


class Admission:
    """The way into the pool. Use it from one event loop; `close` gives up the threads."""

    def __init__(self, runner: Runner, workers: int, metrics: Metrics) -> None:
        self._runner = runner
        self._workers = workers
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sandbox")
        self._queues: collections.OrderedDict[str, collections.deque[_Job]] = collections.OrderedDict()
        self._jobs: dict[tuple[object, ...], _Job] = {}  # in flight, by what they run
        self._queued = 0
        self._running = 0
        self._mean_s = FIRST_GUESS_S  # of one start of a program
        self.failures_in_a_row = 0  # of ours, since a program last had a verdict

    async def run(
        self, program: Program, tests: Tests | None, limits: Limits, *, client: str, patience: Patience
    ) -> Execution:
        """Run it when its turn comes. Cancelling this gives up the place.

        Raises Refused, InternalError (with INTERNAL_ERROR too: there is no such verdict here), ValueError for limits
        above the pool's.
        """
        job = self._find_or_queue(_Work(program=program, tests=tests, limits=limits), client, patience)
        job.places += 1
        try:
            execution = await self._answer(job, patience)
        finally:
            job.places -= 1
            if not job.places:
                self._give_up(job)
        if execution.verdict is Verdict.INTERNAL_ERROR:
            raise InternalError(execution.detail)
        return execution

    def expected_wait_s(self, client: str) -> float:
        """Until a sandbox is free for the next program of `client`."""
        if self._running < self._workers:
            return 0.0
        own = len(self._queues.get(client, ()))
        ahead = sum(min(len(queue), own + 1) for name, queue in self._queues.items() if name != client) + own
        return (ahead + self._running / 2) * self._mean_s / self._workers

    def expect_s(self, seconds: float) -> None:
        """Take it that a program is `seconds` in its sandbox, until programs tell."""
        self._mean_s = seconds

    def close(self) -> None:
        """Let go of the threads; what runs goes on to its end, and is given up with the pool."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _find_or_queue(self, work: _Work, client: str, patience: Patience) -> _Job:
        key = work.key()
        job = self._jobs.get(key)
        if job is not None:
            self._metrics.shared.inc()
            return job
        expected_s = self.expected_wait_s(client)
        if (patience.wait_s is not None and expected_s > patience.wait_s) or self._queued >= LARGEST_QUEUE:
            self._metrics.refusals.labels("queue").inc()
            raise Refused(patience.busy_code, max(1.0, expected_s - (patience.wait_s or 0.0)))
        job = _Job(work=work, key=key, client=client, future=asyncio.get_running_loop().create_future())
        job.future.add_done_callback(_look_at)
        self._jobs[key] = job
        self._queues.setdefault(client, collections.deque()).append(job)
        self._queued += 1
        self._start_some()
        return job

    async def _answer(self, job: _Job, patience: Patience) -> Execution:
        """The job's end; Refused where its turn, or its end, is later than the client waits."""
        arrived = time.monotonic()
        for limit_s, too_late in ((patience.wait_s, "turn"), (patience.answer_s, "answer")):
            if limit_s is None:
                continue
            left_s = arrived + limit_s - time.monotonic()
            done, _ = await asyncio.wait([job.future], timeout=max(left_s, 0.0))
            if done:
                return job.future.result()
            if too_late == "answer" or job.started is None:
                self._metrics.refusals.labels(too_late).inc()
                raise Refused(patience.busy_code, max(1.0, self.expected_wait_s(job.client)))
        return await asyncio.shield(job.future)

    def _start_some(self) -> None:
        while self._running < self._workers and (job := self._next()) is not None:
            self._start(job)
        self._metrics.queued.set(self._queued)
        self._metrics.running.set(self._running)

    def _next(self) -> _Job | None:
        """The oldest job of the key whose turn it is; the key goes to the end of the row."""
        while self._queues:
            client, queue = next(iter(self._queues.items()))
            job = queue.popleft()
            self._queues.move_to_end(client)
            if not queue:
                del self._queues[client]
            self._queued -= 1
            return job
        return None

    def _start(self, job: _Job) -> None:
        loop = asyncio.get_running_loop()
        job.started = time.monotonic()
        self._running += 1
        self._metrics.waiting_s.observe(job.started - job.arrived)

        def finish(end: Callable[[], Execution]) -> None:
            try:
                loop.call_soon_threadsafe(self._ended, job, end)
            except RuntimeError:  # the loop is closed: the service is gone
                pass

        def work() -> None:
            try:
                execution = self._runner.run(
                    job.work.program, job.work.tests, job.work.limits, cancellation=job.cancellation
                )
            except Exception as error:
                fault = error
                finish(lambda: _raise(fault))
            else:
                finish(lambda: execution)

        self._threads.submit(work)

    def _ended(self, job: _Job, end: Callable[[], Execution]) -> None:
        self._running -= 1
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
        assert job.started is not None
        took_s = time.monotonic() - job.started
        if not job.cancellation.cancelled:
            self._mean_s += SMOOTHING * (took_s / job.work.runs() - self._mean_s)
        try:
            execution = end()
        except Exception as error:
            self._failed(job, error)
        else:
            self._metrics.execution_s.observe(took_s)
            self._metrics.executions.labels(job.work.program.language, execution.verdict.value).inc()
            failed = execution.verdict is Verdict.INTERNAL_ERROR
            self.failures_in_a_row = self.failures_in_a_row + 1 if failed else 0
            if failed:
                self._metrics.internal_errors.inc()
                log.error("a sandbox failed: %s", execution.detail)
            if not job.future.done():
                job.future.set_result(execution)
        self._start_some()

    def _failed(self, job: _Job, error: Exception) -> None:
        if not job.cancellation.cancelled and not isinstance(error, ValueError):
            self.failures_in_a_row += 1
            self._metrics.internal_errors.inc()
            log.error("a program could not be run: %s: %s", type(error).__name__, error)
        if not job.future.done():
            ours = InternalError(str(error)) if isinstance(error, SandboxError) else error
            job.future.set_exception(ours)

    def _give_up(self, job: _Job) -> None:
        """Nobody waits for it any more."""
        if job.future.done():
            return
        if job.started is None:
            queue = self._queues[job.client]
            queue.remove(job)
            if not queue:
                del self._queues[job.client]
            self._queued -= 1
            del self._jobs[job.key]
            job.future.cancel()
            self._metrics.abandoned.labels("queued").inc()
            self._metrics.queued.set(self._queued)
        else:
            asyncio.get_running_loop().call_later(ABANDON_AFTER_S, self._destroy, job)

    def _destroy(self, job: _Job) -> None:
        if not job.places and not job.future.done():
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]  # nobody else is to wait for what is being destroyed
            # ending a container takes the engine some 0.1 s
            asyncio.get_running_loop().run_in_executor(None, job.cancellation.cancel)
            self._metrics.abandoned.labels("running").inc()


def _raise(error: Exception) -> Execution:
    raise error


def _look_at(future: asyncio.Future[Execution]) -> None:
    """An error that nobody waits for any more was logged; asyncio need not say so again."""
    if not future.cancelled():
        future.exception()
