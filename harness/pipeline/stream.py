"""The stream of a run: completions from the engine's threads, through a bounded queue, to the sandboxes' threads.

Theory of operation of the stream. Producers (one for the backlog of an earlier, killed process, and one per request
in flight) put completions into a queue that holds a few per sandbox, so that a slow sandbox slows generation and
memory does not grow with the run. Consumers, one thread per sandbox, run, score, append; where the sandboxes are other
machines', a few threads hand programs over, and what comes back is scored and appended as it comes. The first error
stops all; what is on disk stays, and the same command goes on from there. Two things leave a gap instead, and the run
reports itself incomplete: a completion whose execution failed for our own reasons (INTERNAL_ERROR, after a second try
on a fresh worker), and a request that the engine could not have answered (RequestRefused for good, RequestFailed for
now; more failures in a row than a server was given requests at once, with no success between, are taken for one that
answers nothing: fewer may be the quick refusals of a few prompts, while others are still being answered).
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from harness.engines import Engine
from harness.engines._logprobs import RequestSender
from harness.errors import RequestFailed, RequestRefused
from harness.extractors import Extraction
from harness.pipeline.execute import Runner, TakesAhead
from harness.pipeline.job import Failures, Job, RunObserver, StreamStart
from harness.pipeline.problem_queue import ProblemQueue
from harness.runs.store import Store
from harness.tasks import code_task
from harness.types import Completion, Problem, SamplingParams
from sandbox import Execution, Verdict

log = logging.getLogger("harness")
JOIN_TIMEOUT_S = 5.0  # for threads to end once a run is stopped
CHUNK = 64  # samples of one request: a larger n is several, so that the first programs run while others are drawn
MAX_FAILURES_IN_A_ROW = 3  # requests that may always fail in a row before the server is taken for broken


class Stream:
    """One pass over what is expected: see the theory of operation above.

    engine: opens the engine, once, when it is first needed.
    """

    def __init__(self, job: Job, opened: Store, engine: Callable[[], Engine], observer: RunObserver) -> None:
        self._job, self._store, self._engine, self._observer = job, opened, engine, observer
        self._problems = {problem.id: problem for problem in job.problems.problems}
        self._sender = RequestSender()
        self._stop = threading.Event()
        self._errors: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
        self._internal = 0
        self._failed: dict[str, str] = {}
        self._in_a_row = 0  # requests that failed since one was answered
        self._patience = MAX_FAILURES_IN_A_ROW
        self._duplicates: dict[tuple[str, int], list[Completion]] = {}  # those that wait for an equal one's verdict
        self._lock = threading.Lock()  # protects the four above and the iterator of requests
        self._handed_over = threading.Condition()  # protects the count of programs that a runner holds
        self._handed_over_count = 0
        self._ahead: TakesAhead | None = None  # the pool, where it takes programs ahead
        self._workers = min(job.workers, sum(job.expected.values()))
        self._queue = ProblemQueue(16 * self._workers)

    def run(self) -> Failures:
        """Do what is expected. Raises the first error of any thread, and RequestFailed where nothing was answered."""
        if self._store.complete(self._job.expected):
            return Failures(internal=0, failed={})
        begun = self.begun()
        log.info(
            "expected: %d completions to generate, %d to score", begun.total - begun.made, begun.total - begun.scored
        )
        asked = list(self._requests())
        producers = min(self._engine().concurrency, len(asked)) if asked else 0
        self._patience = max(MAX_FAILURES_IN_A_ROW, producers)
        pool = self._open_pool()
        self._ahead = pool if isinstance(pool, TakesAhead) else None
        self._observer.started(begun)
        with pool or contextlib.nullcontext():
            self._threads(pool, iter(asked), producers)
        if not self._errors.empty():
            raise self._errors.get()
        if self._failed and not any(self._store.generated(problem_id) for problem_id in self._job.expected):
            raise RequestFailed(next(iter(self._failed.values())))  # of nothing there is no number
        internal = self._internal + sum(len(waiting) for waiting in self._duplicates.values())
        return Failures(internal=internal, failed=self._failed)

    def begun(self) -> StreamStart:
        """What is to be done."""
        scored = {problem_id: n for problem_id, (n, _) in self._store.counts().items()}
        made = {problem_id: self._store.generated(problem_id) for problem_id in self._job.expected}
        to_make = {problem_id: sum(map(len, self._store.missing(problem_id))) for problem_id in made}
        return StreamStart(
            source="generate" if self._job.saved is None else "read",
            work="execute" if self._job.task.executes else "score",
            total=sum(self._job.expected.values()),
            made=sum(made.values()),
            scored=sum(scored.values()),
            to_make=to_make,
            to_score={problem_id: n + to_make[problem_id] - scored[problem_id] for problem_id, n in made.items()},
        )

    def _requests(self) -> Iterator[PendingRequest]:
        """What is to be asked for: the missing samples of each problem, at most CHUNK in one request.

        Problems whose programs may take longest come first: at the end they would leave other processors idle.
        """
        for problem_id in sorted(self._job.expected, key=lambda each: -self._job.limits[each].cpu_s):
            for gap in self._store.missing(problem_id):
                for first in range(gap.start, gap.stop, CHUNK):
                    yield PendingRequest(self._problems[problem_id], first, min(CHUNK, gap.stop - first))

    def _open_pool(self) -> Runner | None:
        if self._job.sandboxes is None:
            return None
        limits = [self._job.limits[problem_id] for problem_id in self._job.expected]
        return self._job.sandboxes.open(limits, sum(self._job.expected.values()))

    def _threads(self, pool: Runner | None, asked: Iterator[PendingRequest], producers: int) -> None:
        # Daemons: at an error or Ctrl-C a request to a slow server is not waited for.
        making = [threading.Thread(target=self._produce, args=(asked,), daemon=True) for _ in range(producers)]
        making.append(threading.Thread(target=self._replay_backlog, daemon=True))
        using = [threading.Thread(target=self._consume, args=(pool,), daemon=True) for _ in range(self._workers)]
        for thread in (*making, *using):
            thread.start()
        try:
            if self._job.task.executes:
                import numpy  # noqa: F401  # measured: 0.1 s, which the intervals need; here others work meanwhile
            while any(thread.is_alive() for thread in making) and not self._stop.is_set():
                _join(making)
            for _ in using:
                self._put(None)
            while any(thread.is_alive() for thread in using) and not self._stop.is_set():
                _join(using)
            self._await_handed_over()
        finally:  # also at Ctrl-C, which is raised in this thread
            self._stop.set()
            if pool is not None:
                pool.close()
            _join([*making, *using], JOIN_TIMEOUT_S)

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # given to the thread that owns the run, which raises it
            if not self._stop.is_set():
                self._errors.put(error)
            self._stop.set()

    def _replay_backlog(self) -> None:
        def work() -> None:
            for completion in self._store.backlog():
                if completion.problem_id in self._job.expected:
                    self._put(completion)

        self._guard(work)

    def _produce(self, asked: Iterator[PendingRequest]) -> None:
        def work() -> None:
            engine = self._engine()
            while not self._stop.is_set():
                with self._lock:
                    wanted = next(asked, None)
                if wanted is None:
                    return
                for completion in self._answer(engine, wanted):
                    self._put(completion)

        self._guard(work)

    def _answer(self, engine: Engine, wanted: PendingRequest) -> list[Completion]:
        """The completions of one request, on disk; none where it cannot be answered, which is noted."""
        problem_id = wanted.problem.id
        try:
            request = self._job.task.request(wanted.problem, self._sampling(wanted.n), self._job.model.form)
            completions = self._sender.send(engine, request, wanted.first)
        except RequestRefused as error:
            log.error("%s: refused: %s", problem_id, error)
            self._store.add_refusal(problem_id, str(error))
            self._observer.note(f"{problem_id} is left out: {error}")
            return []
        except RequestFailed as error:
            log.error("%s: failed: %s", problem_id, error)
            with self._lock:
                self._failed[problem_id] = str(error)
                self._in_a_row += 1
                broken = self._in_a_row > self._patience
            if broken:
                raise
            return []
        with self._lock:
            self._in_a_row = 0
        self._store.add_completions(completions)
        self._observer.generated(completions)
        return completions

    def _sampling(self, n: int) -> SamplingParams:
        sampling = self._job.sampling
        if self._job.saved is not None:  # what a file holds is taken as it is, however it was drawn
            return replace(sampling, n=n, temperature=sampling.temperature or 1.0)
        return replace(sampling, n=n)

    def _consume(self, pool: Runner | None) -> None:
        def work() -> None:
            completion = None
            while (completion := self._get(completion)) is not None:
                if pool is None:
                    self._score(completion)
                elif not self._await_duplicate(completion):
                    self._execute(pool, completion)

        self._guard(work)

    def _score(self, completion: Completion) -> None:
        self._store.add_score(self._job.task.score(self._problems[completion.problem_id], completion, None))
        self._observer.executed(completion, None)

    def _await_duplicate(self, completion: Completion) -> bool:
        """Whether an equal completion decides this one, now or when it has been executed."""
        if not self._job.dedup:
            return False
        first = self._store.duplicate_of(completion.problem_id, completion.index)
        if first == completion.index:
            return False
        with self._lock:
            verdict = self._store.verdict(completion.problem_id, first)
            if verdict is None:
                self._duplicates.setdefault((completion.problem_id, first), []).append(completion)
        if verdict is not None:
            self._share(completion, first, verdict)
        return True

    def _execute(self, pool: Runner, completion: Completion) -> None:
        problem = self._problems[completion.problem_id]
        candidate = code_task(self._job.task).candidate(problem, completion)
        limits = self._job.limits[problem.id]
        if self._ahead is None:
            self._executed(completion, pool.run(candidate.program, problem.tests, limits), candidate.extraction)
            return
        with self._handed_over:
            self._handed_over_count += 1
        try:
            future = self._ahead.submit(candidate.program, problem.tests, limits)
        except BaseException:
            self._came_back()
            raise
        future.add_done_callback(lambda ended: self._take_back(completion, ended, candidate.extraction))

    def _take_back(self, completion: Completion, ended: Future[Execution], taken: Extraction | None) -> None:
        """What became of a program that was handed over; in a thread of the runner's."""
        try:
            self._guard(lambda: None if ended.cancelled() else self._executed(completion, ended.result(), taken))
        finally:
            self._came_back()

    def _came_back(self) -> None:
        with self._handed_over:
            self._handed_over_count -= 1
            self._handed_over.notify_all()

    def _await_handed_over(self) -> None:
        """Until every program that was handed over has come back."""
        with self._handed_over:
            while self._handed_over_count and not self._stop.is_set():
                self._handed_over.wait(0.2)

    def _executed(self, completion: Completion, execution: Execution, taken: Extraction | None) -> None:
        problem = self._problems[completion.problem_id]
        if execution.verdict is Verdict.INTERNAL_ERROR:
            log.error("%s[%d]: %s", problem.id, completion.index, execution.detail)
        self._record(completion, execution, taken)
        with self._lock:
            duplicates = self._duplicates.pop((completion.problem_id, completion.index), [])
        for duplicate in duplicates:
            self._share(duplicate, completion.index, execution.verdict)

    def _share(self, completion: Completion, first: int, verdict: Verdict) -> None:
        problem = self._problems[completion.problem_id]
        detail = f"the same program as sample {first}"
        execution = Execution(verdict=verdict, detail=detail, integrity=problem.integrity())
        taken = code_task(self._job.task).candidate(problem, completion).extraction
        self._record(completion, execution, taken, self._store.values(problem.id, first))

    def _record(
        self,
        completion: Completion,
        execution: Execution,
        taken: Extraction | None,
        values: Mapping[str, float] | None = None,
    ) -> None:
        """values: of the score, where it is an equal completion's."""
        if execution.verdict is Verdict.INTERNAL_ERROR:
            with self._lock:
                self._internal += 1
        else:
            problem = self._problems[completion.problem_id]
            score = self._job.task.score(problem, completion, execution)
            self._store.add_result(execution, score if values is None else replace(score, values=values), taken)
        self._observer.executed(completion, execution)

    def _put(self, completion: Completion | None) -> None:
        while not self._stop.is_set() and not self._queue.put(completion, 0.2):
            pass

    def _get(self, last: Completion | None) -> Completion | None:
        """The next completion; None at the end. Raises nothing; `last` is what this thread had before."""
        while not self._stop.is_set():
            taken = self._queue.get(None if last is None else last.problem_id, 0.2)
            if taken is not None:
                return taken.completion
        return None


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request to be made: n samples of a problem, from index first on."""

    problem: Problem
    first: int
    n: int


def _join(threads: list[threading.Thread], patience_s: float = 0.2) -> None:
    """Wait for the threads, at most `patience_s` in all: an unbounded join would not let Ctrl-C through."""
    deadline = time.monotonic() + patience_s
    for thread in threads:
        thread.join(timeout=max(deadline - time.monotonic(), 0))
