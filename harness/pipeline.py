"""The one shell around the pure parts: it alone opens engines, sandboxes and run directories.

    resolve   problems, model, sandbox -> an identity; its fingerprint finds the run directory, or makes a new one
    open      the store says what is still owed; the engine is opened only for problems without completions, and
              before anything is written, so that bad input leaves nothing behind
    stream    engine threads -> bounded queue -> sandbox threads -> store: a line is on disk as soon as it exists
    close     summarize -> summary.json

Theory of operation of the stream. Producers (one for the backlog of an earlier, killed process, and one per request
in flight) put completions into a queue that holds a few per sandbox, so that a slow sandbox slows generation and
memory does not grow with the run. Consumers, one thread per sandbox, run, score, append. The first error stops all;
what is on disk stays, and the same command goes on from there. A completion whose execution failed for our own reasons
(INTERNAL_ERROR, after a second try on a fresh worker) gets no score: the run reports itself incomplete.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import sandbox
from harness import manifest, samples, store
from harness.config import RunConfig
from harness.datasets import ProblemSet, load_set
from harness.engines import Engine, replay
from harness.errors import InputError, Interrupted
from harness.resolve import Model, find_model, open_model
from harness.store import Store
from harness.tasks import codegen
from harness.types import Completion, Problem
from sandbox import Limits, Pool, Verdict

log = logging.getLogger("harness")
DEFAULT_KS = (1, 10, 100)
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
class Result:
    """A run at its end. `summary` is what summary.json holds; `complete` whether every completion has a score."""

    run: Path
    summary: Mapping[str, Any]
    complete: bool


def run(config: RunConfig, observer: Observer) -> Result:
    """Generate, execute, score: the whole run, or what is left of it.

    Raises InputError, EngineError, StoreError, SandboxError, and Interrupted at Ctrl-C; what was done is kept.
    """
    try:
        return _run(config, observer)
    except KeyboardInterrupt as error:
        raise Interrupted("stopped; what is done is kept, the same command goes on from there") from error


def _run(config: RunConfig, observer: Observer) -> Result:
    with contextlib.ExitStack() as stack:
        job = _resolve(config, observer, stack)
        found = store.find_run(config.results, job.problems.name, job.model.name, job.manifest.fingerprint)
        engine = stack.enter_context(_Lazy(lambda: _open_engine(config, job, observer)))
        if found is None:
            engine.get()  # what the user got wrong must show before anything is written
            found = store.create_run(config.results, job.problems.name, job.model.name, job.manifest)
        with Store(found, job.owed) as opened:
            if opened.complete():
                observer.note("this run is complete: nothing is done again")
            with store.logging_to(found):
                internal = _Stream(job, opened, engine, observer, config).run()
            return _close(job, opened, config, internal)


def write_results(config: RunConfig, result: Result, target: Path) -> None:
    """The samples' rows with their verdicts, for a run of engine replay."""
    problems = load_set(config.problems, config.cache)
    opened = _open_samples(config, problems)
    if opened is None:
        raise InputError("only a run of saved completions has a results file")
    try:
        samples.write_results(target, opened, problems, result.run)
    finally:
        opened.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A resolved run. owed: problem id -> n; limits: problem id -> limits."""

    problems: ProblemSet
    model: Model
    saved: replay.ReplayEngine | None
    owed: Mapping[str, int]
    limits: Mapping[str, Limits]
    backend: str
    manifest: manifest.Manifest


def _resolve(config: RunConfig, observer: Observer, stack: contextlib.ExitStack) -> _Job:
    problems = load_set(config.problems, config.cache)
    saved = _open_samples(config, problems)
    if saved:
        stack.callback(saved.close)
    model = find_model(config)
    n = config.sampling().n
    owed = saved.counts() if saved else {problem.id: n for problem in problems.problems}
    _check_k(config, owed)
    limits = {problem.id: config.limits(problem.limits) for problem in problems.problems}
    backend = sandbox.choose_backend(config.sandbox)
    sandbox.prepare(backend, observer.note)
    contents = sandbox.contents(backend)
    observer.note(f"problems {problems.version()}, model {model.name}, sandbox {backend} ({contents})")
    signature = _signature(config, problems, model, owed, limits, f"{backend}-{contents}", saved)
    identity = {
        "signature": signature,  # with the version: another version's numbers are another run's
        "guest": sandbox.guest_digest(),
        "seed": config.seed,
        "problems": {"name": problems.name, "sha256": problems.sha256},
        "model": model.identity,
        "samples": saved.sha256 if saved else None,
        "sampling": None if saved else dataclasses.asdict(config.sampling()),
        "form": model.form.value,
        "task": codegen.VERSION,
        "sandbox": {"backend": backend, "contents": contents, "runtime": config.runtime},
        "limits": manifest.limits_digest(limits),
    }
    return _Job(
        problems=problems,
        model=model,
        saved=saved,
        owed=owed,
        limits=limits,
        backend=backend,
        manifest=manifest.make(identity, signature, config.model_dump(mode="json", exclude={"api_key"})),
    )


def _open_engine(config: RunConfig, job: _Job, observer: Observer) -> Engine:
    if job.model.engine == "transformers":
        observer.note(f"loading {job.model.name}")
    return open_model(config, job.model, job.saved)


def _open_samples(config: RunConfig, problems: ProblemSet) -> replay.ReplayEngine | None:
    if config.engine_name() != "replay" or config.samples is None:
        return None
    return replay.open_engine(replay.Options(samples=config.samples, problems=problems))


def _check_k(config: RunConfig, owed: Mapping[str, int]) -> None:
    smallest = min(owed, key=lambda problem_id: owed[problem_id])
    for k in config.k:
        if k > owed[smallest]:
            raise InputError(f"pass@{k} needs k <= n, but n is {owed[smallest]} for {smallest}; ask for a smaller k")


def _signature(
    config: RunConfig,
    problems: ProblemSet,
    model: Model,
    owed: Mapping[str, int],
    limits: Mapping[str, Limits],
    image: str,
    saved: replay.ReplayEngine | None,
) -> str:
    """Everything that can change the number, without the metric's own name, in one line."""
    sampling = config.sampling()
    drawn = (
        f"samples:{saved.sha256[:8]}"
        if saved
        else f"T:{sampling.temperature:g}|top_p:{sampling.top_p:g}|top_k:{sampling.top_k}|max:{sampling.max_tokens}"
        f"|seed:{sampling.seed}|form:{model.form}|engine:{model.engine}"
    )
    from harness import __version__

    return (
        f"n:{manifest.span(owed.values())}|{drawn}|task:{codegen.VERSION}|data:{problems.version()}"
        f"|img:{image}|{manifest.limits_label(limits[problem_id] for problem_id in owed)}|v:{__version__}"
    )


class _Lazy:
    """An engine that is opened when it is first asked for, and closed if it was."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._engine: Engine | None = None

    def __enter__(self) -> _Lazy:
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None:
            self._engine.close()

    def get(self) -> Engine:
        """The open engine."""
        if self._engine is None:
            self._engine = self._make()
        return self._engine


class _Stream:
    """One pass over what is owed: see the theory of operation above."""

    def __init__(self, job: _Job, opened: Store, engine: _Lazy, observer: Observer, config: RunConfig) -> None:
        self._job, self._store, self._engine, self._observer, self._config = job, opened, engine, observer, config
        self._problems = {problem.id: problem for problem in job.problems.problems}
        self._stop = threading.Event()
        self._errors: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
        self._internal = 0
        self._lock = threading.Lock()  # protects _internal and the iterator of owed problems
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
            runtime=self._config.runtime,
        )
        self._observer.started(total, done, scored)
        with box:
            self._threads(box, iter(owed), producers)
        if not self._errors.empty():
            raise self._errors.get()
        return self._internal

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
                completions = engine.complete(codegen.request(problem, sampling, self._job.model.form))
                self._store.add_completions(completions)
                self._observer.generated(completions)
                for completion in completions:
                    self._put(completion)

        self._guard(work)

    def _consume(self, box: Pool) -> None:
        def work() -> None:
            completion = None
            while (completion := self._get(completion)) is not None:
                problem = self._problems[completion.problem_id]
                program = codegen.program(problem, completion)
                execution = box.run(program, problem.tests, self._job.limits[problem.id])
                if execution.verdict is Verdict.INTERNAL_ERROR:
                    log.error("%s[%d]: %s", problem.id, completion.index, execution.detail)
                    with self._lock:
                        self._internal += 1
                else:
                    self._store.add_result(execution, codegen.score(completion, execution))
                self._observer.executed(execution.verdict)

        self._guard(work)

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


def _close(job: _Job, opened: Store, config: RunConfig, internal: int) -> Result:
    counts = opened.counts()
    expected = sum(job.owed.values())
    scored = sum(n for n, _ in counts.values())
    ks = config.k or tuple(k for k in DEFAULT_KS if k <= min(job.owed.values()))
    reached = min((n for n, _ in counts.values() if n), default=0)
    # an incomplete run still reports the ks that every problem's scored samples allow, and names the others
    estimates = codegen.summarize(counts, [k for k in ks if k <= reached], job.manifest.signature, config.seed)
    omitted = [f"pass@{k}" for k in ks if k > reached]
    verdicts = {verdict.value: count for verdict, count in opened.verdict_counts().items()}
    if internal:
        verdicts[Verdict.INTERNAL_ERROR.value] = internal
    summary = {
        "run": str(opened.run),
        "estimates": [dataclasses.asdict(estimate) for estimate in estimates],
        "coverage": {
            "problems": len(job.problems.problems),
            "problems_scored": sum(1 for n, _ in counts.values() if n),
            "completions": expected,
            "completions_scored": scored,
            "complete": scored == expected,
            "omitted": omitted,
        },
        "verdicts": verdicts,
        "problems": {problem_id: {"n": n, "c": c} for problem_id, (n, c) in counts.items()},
    }
    store.write_whole(opened.run / store.SUMMARY, json.dumps(summary, indent=1).encode() + b"\n")
    return Result(run=opened.run, summary=summary, complete=scored == expected)
