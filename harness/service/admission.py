"""Who is let in, in which order, and what becomes of those who hang up.

Theory of operation. All of this runs on the event loop's thread; only `pool.run` runs in others, one per sandbox. A
program that is let in is a `_Job`. It waits in its key's queue; whenever a sandbox is free the next key in turn gives
its oldest job. No program is ever started that could not have a sandbox of its own at once, so what waits is no load,
and no waiting counts for a program: this is why a service that starts whatever arrives gives wrong time-outs.

A job is let in only where its turn is expected to come within its patience: the expected seconds of the jobs before it,
divided by the sandboxes. Otherwise, or where its turn has not come when the patience ends, `Refused` says when to come
again. So a client has an answer in its own time, and every answer is true.

Whoever waits for a job holds a place in it, a future of its own; equal programs in flight are one job with several
places. When the last place is given up (the client hung up: the request's task is cancelled) a job that waits is
forgotten, and one that runs has its sandbox destroyed, unless it ends by itself in the time that a new sandbox takes to
start.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import math
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

from harness.service.metrics import Metrics
from sandbox import Cancellation, Execution, Limits, Program, SandboxError, StdioTests, Tests, Verdict

log = logging.getLogger(__name__)

FIRST_GUESS_S = 0.05  # of a program, before any has run
SMOOTHING = 0.05  # of the running mean of seconds in a sandbox
ABANDON_AFTER_S = 0.5  # about what a new sandbox takes to start
LARGEST_QUEUE = 100_000
EARLY_S = 0.002  # that a loop's timer may be


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
class _Place:
    """Of one who waits. timer: when to look whether its client's time is over."""

    patience: Patience
    future: asyncio.Future[Execution]
    taken: float
    timer: asyncio.TimerHandle | None = None


@dataclass(eq=False, slots=True)
class _Job:
    work: _Work
    key: tuple[object, ...]
    client: str
    places: set[_Place] = field(default_factory=set)
    arrived: float = field(default_factory=time.monotonic)
    started: float | None = None
    ended: bool = False
    cancellation: Cancellation = field(default_factory=Cancellation)


_Queue = collections.OrderedDict[_Job, None]  # one is taken out of a long queue as quickly as out of a short one


class Admission:
    """The way into the pool. Use it from one event loop; `close` gives up the threads."""

    def __init__(self, runner: Runner, workers: int, metrics: Metrics) -> None:
        self._runner = runner
        self._workers = workers
        self._metrics = metrics
        self._handed: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, _Job] | None] = queue.SimpleQueue()
        for number in range(workers):
            threading.Thread(target=self._work, name=f"sandbox-{number}", daemon=True).start()
        self._queues: collections.OrderedDict[str, _Queue] = collections.OrderedDict()
        self._jobs: dict[tuple[object, ...], _Job] = {}  # in flight, by what they run
        self._queued = 0
        self._running = 0
        self._mean_s = FIRST_GUESS_S  # of one start of a program
        self.failures_in_a_row = 0  # of ours, since a program last had a verdict
        metrics.queued.set_function(lambda: self._queued)
        metrics.running.set_function(lambda: self._running)

    async def run(
        self, program: Program, tests: Tests | None, limits: Limits, *, client: str, patience: Patience
    ) -> Execution:
        """Run it when its turn comes. Cancelling this gives up the place.

        Raises Refused, InternalError (with INTERNAL_ERROR too: there is no such verdict here), ValueError for limits
        above the pool's.
        """
        job = self._find_or_queue(_Work(program=program, tests=tests, limits=limits), client, patience)
        loop = asyncio.get_running_loop()
        place = _Place(patience=patience, future=loop.create_future(), taken=loop.time())
        job.places.add(place)
        self._watch(job, place)
        try:
            execution = await place.future
        finally:
            if place.timer is not None:
                place.timer.cancel()
            job.places.discard(place)
            if not job.places and not job.ended:
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
        for _ in range(self._workers):
            self._handed.put(None)

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
        job = self._jobs[key] = _Job(work=work, key=key, client=client)
        self._queues.setdefault(client, collections.OrderedDict())[job] = None
        self._queued += 1
        self._start_some()
        return job

    def _watch(self, job: _Job, place: _Place) -> None:
        """Refuse a place whose job has no turn, or no end, in its client's time; else look again later."""
        if place.future.done():
            return
        loop, patience = asyncio.get_running_loop(), place.patience
        turn_s = math.inf if patience.wait_s is None or job.started is not None else patience.wait_s
        answer_s = math.inf if patience.answer_s is None else patience.answer_s
        due = place.taken + min(turn_s, answer_s)
        if due <= loop.time() + EARLY_S:
            self._metrics.refusals.labels("turn" if turn_s <= answer_s else "answer").inc()
            place.future.set_exception(Refused(patience.busy_code, max(1.0, self.expected_wait_s(job.client))))
        elif due < math.inf:
            place.timer = loop.call_at(due, self._watch, job, place)

    def _start_some(self) -> None:
        while self._running < self._workers and (job := self._next()) is not None:
            job.started = time.monotonic()
            self._running += 1
            self._metrics.waiting_s.observe(job.started - job.arrived)
            self._handed.put((asyncio.get_running_loop(), job))

    def _next(self) -> _Job | None:
        """The oldest job of the key whose turn it is; the key goes to the end of the row."""
        while self._queues:
            client, waiting = next(iter(self._queues.items()))
            job, _ = waiting.popitem(last=False)
            self._queues.move_to_end(client)
            if not waiting:
                del self._queues[client]
            self._queued -= 1
            return job
        return None

    def _work(self) -> None:
        """Of each thread: run what is handed to it."""
        while (handed := self._handed.get()) is not None:
            loop, job = handed
            work = job.work
            end: Execution | Exception
            try:
                end = self._runner.run(work.program, work.tests, work.limits, cancellation=job.cancellation)
            except Exception as error:
                end = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: the service is gone
                loop.call_soon_threadsafe(self._ended, job, end)
            del handed, job, work, end  # while it waits for the next one

    def _ended(self, job: _Job, end: Execution | Exception) -> None:
        self._running -= 1
        job.ended = True
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]
        assert job.started is not None
        took_s = time.monotonic() - job.started
        if not job.cancellation.cancelled:
            self._mean_s += SMOOTHING * (took_s / job.work.runs() - self._mean_s)
        if isinstance(end, Exception):
            self._failed(job, end)
        else:
            self._metrics.execution_s.observe(took_s)
            self._metrics.executions(job.work.program.language, end.verdict.value).inc()
            failed = end.verdict is Verdict.INTERNAL_ERROR
            self.failures_in_a_row = self.failures_in_a_row + 1 if failed else 0
            if failed:
                self._metrics.internal_errors.inc()
                log.error("a sandbox failed: %s", end.detail)
            for place in job.places:
                if not place.future.done():
                    place.future.set_result(end)
        self._start_some()

    def _failed(self, job: _Job, error: Exception) -> None:
        if not job.cancellation.cancelled and not isinstance(error, ValueError):
            self.failures_in_a_row += 1
            self._metrics.internal_errors.inc()
            log.error("a program could not be run: %s: %s", type(error).__name__, error)
        for place in job.places:
            if not place.future.done():
                place.future.set_exception(InternalError(str(error)) if isinstance(error, SandboxError) else error)

    def _give_up(self, job: _Job) -> None:
        """Nobody waits for it any more."""
        if job.started is None:
            waiting = self._queues[job.client]
            del waiting[job]
            if not waiting:
                del self._queues[job.client]
            self._queued -= 1
            del self._jobs[job.key]
            self._metrics.abandoned.labels("queued").inc()
        else:
            asyncio.get_running_loop().call_later(ABANDON_AFTER_S, self._destroy, job)

    def _destroy(self, job: _Job) -> None:
        if not job.places and not job.ended:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]  # nobody else is to wait for what is being destroyed
            # ending a container takes the engine some 0.1 s
            asyncio.get_running_loop().run_in_executor(None, job.cancellation.cancel)
            self._metrics.abandoned.labels("running").inc()
