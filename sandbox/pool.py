"""A pool of workers: run programs from many threads, replace what is not clean, give up on nothing silently.

Theory of operation. At most `workers` sandboxes are busy at once; each serves one program at a time. `run` takes an
idle one or starts one, and blocks while all are busy: the pool itself is the back-pressure. A worker goes back only
clean: one that is dirty, lost or at the end of its bounded life is destroyed, and the next program starts a fresh one.
Before the first program the pool proves what it must deny (`preflight`) on its first worker while the others start.
With one sandbox per program (Isolation.CONTAINER, or a backend without uids) as many are started ahead as may be busy.

A program that was late by the clock, with little CPU time used while the disk was waited for, or that the machine gave
no time at all, is run once more alone: no other program of the pool beside it. What that run says counts.

A program whose worker was lost is run once more on a fresh worker. A second loss is the program's own RUNTIME_ERROR if
a harmless program then runs well, else INTERNAL_ERROR: no program can get itself left out of a score. A program that
passed a limit for certain is never run again.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

from sandbox import languages, preflight
from sandbox.answers import KnownAnswers
from sandbox.errors import Cancelled, MachineTooBusy, SandboxError, SandboxUnavailable, WorkerLost
from sandbox.types import Execution, Limits, Program, Tests, Verdict
from sandbox.worker import GuestInfo, LateByTheClock, Stream, Worker, digest_of

PROGRAMS_PER_WORKER = 1000
SWITCH_S = 0.0005
STARTING_AT_ONCE = 64  # at least as many as there are workers; threads are made as they are needed
# Blocks of uids above 1,000,000, one for the judge and one for each program; a uid counts its processes host-wide.
UID_BLOCKS, UID_BLOCK = 2_000_000, 1024


@contextlib.contextmanager
def quick_switches() -> Iterator[None]:
    """While a sandbox starts beside imports: each of its answers would wait 5 ms for the thread that imports."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Starter(Protocol):
    """Makes started sandboxes of one backend."""

    def __call__(self) -> Stream:
        """A started sandbox. Raises SandboxError."""

    def close(self) -> None:
        """Give up what is held between sandboxes."""


class Cancellation:
    """A way to give up a program from another thread: `cancel` ends its sandbox, and `Pool.run` raises Cancelled."""

    def __init__(self) -> None:
        self.cancelled = False
        self._lock = threading.Lock()  # protects both: no worker is ended that is another program's by then
        self._worker: Worker | None = None

    def cancel(self) -> None:
        """Give it up, now or when it would start. Takes as long as the backend needs to end a sandbox."""
        with self._lock:
            self.cancelled = True
            if self._worker is not None:
                self._worker.kill()

    def watch(self, worker: Worker | None) -> None:
        """The program is in `worker` from now on; in none again. Raises Cancelled where it was given up before."""
        with self._lock:
            if self.cancelled and worker is not None:
                raise Cancelled("given up before it started")
            self._worker = worker


class Pool:
    """Sandboxes of one backend behind `run`. A context manager: leaving it destroys every worker.

    start: the backend. uids: whether it can give each program a uid of its own. family: whose languages it runs.
    After kill -9 of this process no sandbox stays: each supervisor ends at the end of its stream. A folder of a sandbox
    that was just starting may; the next pool removes it.
    """

    def __init__(
        self,
        start: Starter,
        *,
        backend: str,
        workers: int,
        ceiling: Limits,
        uids: bool,
        programs_per_worker: int = PROGRAMS_PER_WORKER,
        family: str = languages.PYTHON,
    ) -> None:
        if workers < 1:
            raise ValueError(f"a sandbox needs at least 1 worker, not {workers}")
        self.backend = backend
        self.workers = workers
        self.ceiling = ceiling
        self.answers: KnownAnswers | None = None  # where answers that tests accepted are kept
        self.family = family
        self._start = start
        self._uids = uids
        self._life = min(programs_per_worker, PROGRAMS_PER_WORKER)
        self._spare = workers if self._life == 1 else 0
        self._places = threading.Semaphore(workers)
        self._alone = threading.Lock()  # one thread at a time holds all places but one
        self._proof = threading.Lock()  # held while the pool proves itself; protects _proven
        self._proven = False
        self._prover: threading.Thread | None = None
        self._lock = threading.Condition()  # protects _idle, _starting, _live and _closed
        self._starters = ThreadPoolExecutor(max(STARTING_AT_ONCE, workers))
        self._starting = 0
        self._idle: list[Worker] = []
        self._live: set[Worker] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def run(
        self,
        program: Program,
        tests: Tests | None = None,
        limits: Limits | None = None,
        *,
        cancellation: Cancellation | None = None,
    ) -> Execution:
        """Run `program`, with `tests` if any; blocks while all workers are busy. Thread-safe.

        Raises ValueError where `limits` ask for more than the pool was opened for, or the language is of another family
        than the pool's; SandboxError where no worker can be started; Cancelled after `cancellation.cancel()`. Workers
        that are lost for our own reasons are INTERNAL_ERROR in the Execution.
        """
        limits = limits or self.ceiling
        if not limits.within(self.ceiling):
            raise ValueError(f"limits {limits} are above those that the sandbox was opened for: {self.ceiling}")
        if languages.find(program.language).family != self.family:
            known = ", ".join(languages.of_family(self.family))
            raise ValueError(f"this sandbox was opened for {known}; open one with language={program.language!r}")
        try:
            languages.find(program.language).check(tests)
        except ValueError as error:
            raise ValueError(f"a program in {program.language}: {error}") from error
        self.prove()
        try:
            return self._run_with_one_retry(program, tests, limits, cancellation)
        except WorkerLost as error:
            return self._attribute_loss(error)

    def prove_denials(self) -> list[preflight.Finding]:
        """What this sandbox must deny, and whether it does, asked for now. Raises SandboxError where none runs."""
        try:
            return preflight.prove_denials(self._run_with_one_retry, self.ceiling, self._uids)
        except WorkerLost as error:
            raise SandboxUnavailable(f"the {self.backend} sandbox does not stay up: {error}") from error

    def _run_with_one_retry(
        self, program: Program, tests: Tests | None, limits: Limits, cancellation: Cancellation | None = None
    ) -> Execution:
        cancellation = cancellation or Cancellation()
        try:
            return self._attempt(program, tests, limits, cancellation)
        except (LateByTheClock, MachineTooBusy):
            return self._attempt_alone(program, tests, limits, cancellation)
        except WorkerLost:
            try:
                return self._attempt(program, tests, limits, cancellation, fresh=True)
            except LateByTheClock as late:
                return late.execution

    def _attempt_alone(
        self, program: Program, tests: Tests | None, limits: Limits, cancellation: Cancellation
    ) -> Execution:
        """With no other program of this pool beside it: what the clock says now is the program's own."""
        with self._alone:
            for _ in range(self.workers - 1):
                self._places.acquire()
            try:
                return self._attempt(program, tests, limits, cancellation)
            except LateByTheClock as late:
                return late.execution
            except MachineTooBusy as error:
                return Execution(verdict=Verdict.INTERNAL_ERROR, detail=str(error))
            finally:
                for _ in range(self.workers - 1):
                    self._places.release()

    def prove(self) -> None:
        """Ask for all that must be denied, once: every program waits for it.

        Raises SandboxUnavailable with each property that does not hold; SandboxError where none runs.
        """
        with self._proof:
            if self._proven:
                return
            self._start_ahead(self.workers)
            faults = [f"{each.name}: {each.fault}" for each in self.prove_denials() if each.fault]
            if faults:
                raise SandboxUnavailable(
                    f"the {self.backend} sandbox does not keep on this host what it must, and runs nothing:\n  "
                    + "\n  ".join(faults)
                )
            self._proven = True

    def _attribute_loss(self, error: WorkerLost) -> Execution:
        """Whose fault two lost workers are: the program's, if a harmless one runs well on the next."""
        try:
            harmless = self._attempt(Program(source="pass"), None, self.ceiling, Cancellation(), fresh=True)
        except WorkerLost:
            return Execution(verdict=Verdict.INTERNAL_ERROR, detail=str(error))
        if harmless.verdict is not Verdict.ACCEPTED:
            return Execution(verdict=Verdict.INTERNAL_ERROR, detail=str(error))
        return Execution(verdict=Verdict.RUNTIME_ERROR, detail=f"ended its sandbox twice, where others run ({error})")

    def prove_ahead(self) -> None:
        """Prove in a thread, before anything is to run. An error is left to the next `run`, which proves again."""
        self._prover = threading.Thread(target=self._prove_ahead, name="prover")
        self._prover.start()

    def _prove_ahead(self) -> None:
        with quick_switches(), contextlib.suppress(SandboxError):
            self.prove()

    def is_as_large_as(self, ceiling: Limits) -> bool:
        """Whether its sandboxes are those that a pool for `ceiling` would have, in what a sandbox is made for."""
        return ceiling.within(self.ceiling) and self.ceiling.within(ceiling)

    def widen(self, workers: int, ceiling: Limits) -> None:
        """Run up to `workers` programs at once, no fewer than before, under a ceiling that it is as large as."""
        more = workers - self.workers
        self.workers, self.ceiling = workers, ceiling
        if self._spare:
            self._spare = workers
        for _ in range(more):
            self._places.release()
        with self._lock:
            busy = len(self._live) - len(self._idle)
        self._start_ahead(workers - busy)

    def guest(self) -> GuestInfo:
        """What runs inside. Starts a worker if none is there."""
        with self._worker() as worker:
            return worker.guest

    def close(self) -> None:
        """Destroy all workers, busy ones too."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        self._end_proofs()
        self._starters.shutdown()
        with self._lock:
            doomed = list(self._live)
            self._live.clear()
            self._idle.clear()
        threads = [threading.Thread(target=worker.close) for worker in doomed]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._start.close()

    def _end_proofs(self) -> None:
        """End those of `prove_ahead`. Their worker is killed first: nothing may be closed that a thread reads from."""
        if self._prover is None:
            return
        if self._prover.is_alive():
            with self._lock:
                for worker in self._live:
                    worker.kill()
        self._prover.join()

    def _attempt(
        self,
        program: Program,
        tests: Tests | None,
        limits: Limits,
        cancellation: Cancellation,
        *,
        fresh: bool = False,
    ) -> Execution:
        with self._worker(fresh, program.loopback, digest_of(program, tests)) as worker:
            cancellation.watch(worker)
            try:
                return worker.run(program, tests, limits)
            except WorkerLost as error:
                if cancellation.cancelled:
                    raise Cancelled("given up while it ran") from error
                raise
            finally:
                cancellation.watch(None)

    @contextlib.contextmanager
    def _worker(self, fresh: bool = False, loopback: bool = False, digest: str = "") -> Iterator[Worker]:
        with self._places:
            worker = self._take(fresh, loopback, digest)
            worker.answers = self.answers  # they may have come after it: see `prestart`
            try:
                yield worker
            finally:
                worker.usable = worker.usable and not loopback
                self._give_back(worker)

    def _take(self, fresh: bool, loopback: bool, digest: str) -> Worker:
        """An idle worker, one that has compiled this text already before others; else a new one."""
        with self._lock:
            # one that is being started is nearer than one that is not
            self._lock.wait_for(lambda: self._idle or not self._starting or self._closed)
            if self._closed:
                raise SandboxError("the sandbox is closed")
            taken = None
            if self._idle and not fresh and not loopback:
                taken = next((each for each in self._idle if digest and each.has_built(digest)), self._idle[-1])
                self._idle.remove(taken)
        if self._spare:
            self._start_ahead(self._spare)
        # never in this thread: a sandbox may end with the thread that started it (bwrap's --die-with-parent)
        try:
            return taken or self._starters.submit(self._new, loopback).result()
        except RuntimeError as error:  # closed meanwhile: no thread starts anything
            raise SandboxError("the sandbox is closed") from error

    def _new(self, loopback: bool = False) -> Worker:
        first_uid = 1_000_000 + secrets.randbelow(UID_BLOCKS) * UID_BLOCK if self._uids else None
        worker = Worker(self._start(), first_uid=first_uid, loopback=loopback, family=self.family, answers=self.answers)
        with self._lock:
            if not self._closed:
                self._live.add(worker)
                return worker
        worker.close()
        raise SandboxError("the sandbox is closed")

    def _start_ahead(self, wanted: int) -> None:
        """Have `wanted` idle workers, or on their way, without waiting for them."""
        with self._lock:
            missing = 0 if self._closed else wanted - len(self._idle) - self._starting
            if missing <= 0:
                return
            self._starting += missing
            for _ in range(missing):
                self._starters.submit(self._start_idle)

    def _start_idle(self) -> None:
        worker = None
        try:
            worker = self._new()
        except SandboxError:  # whoever needs a worker then starts one, and has the error
            pass
        finally:
            with self._lock:
                self._starting -= 1
                if worker is not None:
                    self._idle.append(worker)
                self._lock.notify_all()

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            if worker.usable and worker.programs < self._life and not self._closed:
                self._idle.append(worker)
                self._lock.notify()
                return
            self._live.discard(worker)
        worker.close()
