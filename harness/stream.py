"""The stream of a run: completions from the engine's threads, through a bounded queue, to the sandboxes' threads.

Theory of operation of the stream. Producers (one for the backlog of an earlier, killed process, and one per request
in flight) put completions into a queue that holds a few per sandbox, so that a slow sandbox slows generation and
memory does not grow with the run. Consumers, one thread per sandbox, run, score, append. The first error stops all;
what is on disk stays, and the same command goes on from there. A completion whose execution failed for our own reasons
(INTERNAL_ERROR, after a second try on a fresh worker) gets no score: the run reports itself incomplete.
"""

from __future__ import annotations

import dataclasses
import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import sandbox
from harness import manifest
from harness.config import RunConfig
from harness.datasets import ProblemSet
from harness.engines import Engine, replay
from harness.prompting import Prompting
from harness.resolve import Model
from harness.store import Store
from harness.tasks import codegen
from harness.types import Completion, Problem
from sandbox import Execution, Limits, Pool, Verdict

log = logging.getLogger("harness")
PATIENCE_S = 5.0  # for threads to end once a run is stopped


class Observer(Protocol):
    """Told how a run goes on, from several threads."""

    def note(self, message: str) -> None:
        """Something a person wants to know."""

    def started(self, total: int, generated: int, executed: int) -> None:
        """The stream begins; counts of completions."""

    def generated(self, completions: list[Completion]) -> None:
        """A problem's completions arrived."""

    def executed(self, verdict: Verdict) -> None:
        """A completion was run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A resolved run. owed: problem id -> n; limits: problem id -> limits."""

    problems: ProblemSet
    model: Model
    prompting: Prompting
    saved: replay.ReplayEngine | None
    owed: Mapping[str, int]
    limits: Mapping[str, Limits]
    backend: str
    manifest: manifest.Manifest


class Lazy:
    """An engine that is opened when it is first asked for, and closed if it was."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._engine: Engine | None = None

    def __enter__(self) -> Lazy:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.close()

    def get(self) -> Engine:
        """The open engine."""
        if self._engine is None:
            self._engine = self._make()
        return self._engine


class Stream:
    """One pass over what is owed: see the theory of operation above."""

    def __init__(self, job: Job, opened: Store, engine: Lazy, observer: Observer, config: RunConfig) -> None:
        self._job, self._store, self._engine, self._observer, self._config = job, opened, engine, observer, config
        self._problems = {problem.id: problem for problem in job.problems.problems}
        self._stop = threading.Event()
        self._errors: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
        self._internal = 0
        self._twins: dict[tuple[str, int], list[Completion]] = {}  # those that wait for an equal one's verdict
        self._lock = threading.Lock()  # protects _internal, _twins and the iterator of owed problems
        workers = config.workers or sandbox.default_workers()
        self._workers = min(workers, sum(job.owed.values()))
        self._queue = _Waiting(16 * self._workers)

    def run(self) -> int:
        """Do what is owed; how many executions failed for our own reasons. Raises the first error of any thread."""
        counts = self._store.counts()
        scored = sum(n for n, _ in counts.values())
        done = sum(self._job.owed[problem_id] for problem_id in self._job.owed if self._store.generated(problem_id))
        total = sum(self._job.owed.values())
        if scored == total:
            return 0
        log.info("owed: %d completions to generate, %d to execute", total - done, total - scored)
        owed = [self._problems[name] for name in self._job.owed if not self._store.generated(name)]
        producers = 1
        if owed:
            producers = min(self._engine.get().concurrency, len(owed))
        box = sandbox.open(
            self._job.backend,
            workers=self._workers,
            ceiling=sandbox.ceiling([self._job.limits[problem_id] for problem_id in self._job.owed]),
            isolation=self._config.isolation,
            runtime=self._config.runtime,
        )
        self._observer.started(total, done, scored)
        with box:
            self._threads(box, iter(owed), producers)
        if not self._errors.empty():
            raise self._errors.get()
        return self._internal + sum(len(waiting) for waiting in self._twins.values())

    def _threads(self, box: Pool, owed: Iterator[Problem], producers: int) -> None:
        # Daemons: at an error or Ctrl-C a request to a slow server is not waited for.
        making = [threading.Thread(target=self._produce, args=(owed,), daemon=True) for _ in range(producers)]
        making.append(threading.Thread(target=self._replay_backlog, daemon=True))
        using = [threading.Thread(target=self._consume, args=(box,), daemon=True) for _ in range(self._workers)]
        for thread in (*making, *using):
            thread.start()
        try:
            while any(thread.is_alive() for thread in making) and not self._stop.is_set():
                _join(making)
            for _ in using:
                self._put(None)
            while any(thread.is_alive() for thread in using) and not self._stop.is_set():
                _join(using)
        finally:  # also at Ctrl-C, which is raised in this thread
            self._stop.set()
            box.close()
            _join([*making, *using], PATIENCE_S)

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
                self._put(completion)

        self._guard(work)

    def _produce(self, owed: Iterator[Problem]) -> None:
        def work() -> None:
            engine = self._engine.get()
            while not self._stop.is_set():
                with self._lock:
                    problem = next(owed, None)
                if problem is None:
                    return
                n = self._job.owed[problem.id]
                sampling = self._config.sampling()
                if self._job.saved is not None:  # what a file holds is taken as it is, however it was drawn
                    sampling = dataclasses.replace(sampling, n=n, temperature=sampling.temperature or 1.0)
                request = codegen.request(problem, sampling, self._job.model.form, self._job.prompting)
                completions = engine.complete(request)
                self._store.add_completions(completions)
                self._observer.generated(completions)
                for completion in completions:
                    self._put(completion)

        self._guard(work)

    def _consume(self, box: Pool) -> None:
        def work() -> None:
            completion = None
            while (completion := self._get(completion)) is not None:
                if not self._wait_for_twin(completion):
                    self._execute(box, completion)

        self._guard(work)

    def _wait_for_twin(self, completion: Completion) -> bool:
        """Whether an equal completion decides this one, now or when it has been executed."""
        if not self._config.dedup:
            return False
        first = self._store.twin(completion.problem_id, completion.index)
        if first == completion.index:
            return False
        with self._lock:
            verdict = self._store.verdict(completion.problem_id, first)
            if verdict is None:
                self._twins.setdefault((completion.problem_id, first), []).append(completion)
        if verdict is not None:
            self._share(completion, first, verdict)
        return True

    def _execute(self, box: Pool, completion: Completion) -> None:
        problem = self._problems[completion.problem_id]
        execution = box.run(codegen.program(problem, completion), problem.tests, self._job.limits[problem.id])
        if execution.verdict is Verdict.INTERNAL_ERROR:
            log.error("%s[%d]: %s", problem.id, completion.index, execution.detail)
        self._record(completion, execution)
        with self._lock:
            twins = self._twins.pop((completion.problem_id, completion.index), [])
        for twin in twins:
            self._share(twin, completion.index, execution.verdict)

    def _share(self, completion: Completion, first: int, verdict: Verdict) -> None:
        integrity = codegen.integrity(self._problems[completion.problem_id])
        detail = f"the same program as sample {first}"
        self._record(completion, Execution(verdict=verdict, detail=detail, integrity=integrity))

    def _record(self, completion: Completion, execution: Execution) -> None:
        if execution.verdict is Verdict.INTERNAL_ERROR:
            with self._lock:
                self._internal += 1
        else:
            self._store.add_result(execution, codegen.score(completion, execution))
        self._observer.executed(execution.verdict)

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
class _Taken:
    """What a consumer took; no completion where there will be no more."""

    completion: Completion | None


class _Waiting:
    """Completions on their way to the sandbox, at most `most`.

    A consumer goes on with the problem that it has, else takes one that no other has: a sandbox whose judge already has
    a problem's tests in hand runs a program in two thirds of the time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()  # protects all below
        self._room, self._some = threading.Condition(self._lock), threading.Condition(self._lock)
        self._problems: dict[str, deque[Completion]] = {}
        self._count = self._ends = 0
        self._held: Counter[str] = Counter()

    def put(self, completion: Completion | None, timeout_s: float) -> bool:
        """Whether there was room in time. None: one consumer is to end, after all completions."""
        with self._lock:
            if completion is None:
                self._ends += 1
                self._some.notify()
                return True
            if not self._room.wait_for(lambda: self._count < self._most, timeout_s):
                return False
            self._problems.setdefault(completion.problem_id, deque()).append(completion)
            self._count += 1
            self._some.notify()
            return True

    def get(self, last: str | None, timeout_s: float) -> _Taken | None:
        """The next for a consumer that had `last`; None where there was nothing in time."""
        with self._lock:
            if not self._some.wait_for(lambda: self._count or self._ends, timeout_s):
                return None
            if last is not None:
                self._held[last] -= 1
            if not self._count:
                self._ends -= 1
                return _Taken(None)
            problem = last if last in self._problems else self._free()
            self._held[problem] += 1
            completions = self._problems[problem]
            completion = completions.popleft()
            if not completions:
                del self._problems[problem]
            self._count -= 1
            self._room.notify()
            return _Taken(completion)

    def _free(self) -> str:
        return min(self._problems, key=lambda problem: self._held[problem])


def _join(threads: list[threading.Thread], patience_s: float = 0.2) -> None:
    """Wait for the threads, at most `patience_s` in all: an unbounded join would not let Ctrl-C through."""
    deadline = time.monotonic() + patience_s
    for thread in threads:
        thread.join(timeout=max(deadline - time.monotonic(), 0))
