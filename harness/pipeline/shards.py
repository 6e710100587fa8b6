"""Several processes for the host's part of one run: its problems dealt out, one store.

Theory of operation. One process of Python judges a few thousand programs a second, whatever the machine; many cores run
more. Where nothing is left to generate and a run has more sandboxes than one process can feed, the problems are dealt
out to shards: forks of this process, each with a `Stream` and sandboxes of its own. Equal programs of a problem meet in
one shard, so that deduplication is what it is in one process. The run directory has one writer all the same, this
process: a shard sends what it would write, in whole lines, a batch each `EVERY_S` through a pipe of its own, and at its
end what it knows of its problems. Shards share no lock and no queue.

A shard that is killed leaves nothing torn: what it did not send is done again by the same command, and the run ends. If
this process is killed, the shards end at the end of their control pipes, and their sandboxes with them. Ctrl-C and
SIGTERM are this process's: shards ignore the one and end by the pipe. A fork copies no thread: where this process has
others, whose locks a shard might find held, or programs run on other machines, there are no shards.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pickle
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import sandbox
from harness.engines import Engine
from harness.errors import HarnessError
from harness.pipeline.execute import LocalSandboxes
from harness.pipeline.job import Failures, Job, RunObserver, StreamStart
from harness.pipeline.stream import Stream
from harness.runs.store import Store
from harness.types import Completion
from sandbox import Execution, Verdict
from sandbox.guest import wire

log = logging.getLogger("harness")
SANDBOXES_OF_ONE = 24  # that one process feeds: 16 cores, with programs of some 5 ms
EVERY_S = 0.05
ALONE_S = 1.0  # for a display's thread to see that it was stopped
END_S = 5.0  # for shards to end by themselves


def count(job: Job, store: Store) -> int:
    """How many processes the run is worth; 1 where it cannot be dealt out."""
    left = [problem_id for problem_id, (scored, _) in store.counts().items() if scored < job.expected[problem_id]]
    generates = job.saved is None and any(store.missing(problem_id) for problem_id in job.expected)
    here = isinstance(job.sandboxes, LocalSandboxes) and sys.platform.startswith("linux")
    wanted = min(-(-job.workers // SANDBOXES_OF_ONE), len(left))
    if wanted <= 1 or generates or not here:
        return 1
    sandbox.end()  # one that was begun has a thread
    return wanted if _is_alone() else 1


def _is_alone() -> bool:
    """Whether this process has one thread, once a display's that has been stopped has seen that."""
    deadline = time.monotonic() + ALONE_S
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    return threading.active_count() == 1


def run(job: Job, store: Store, observer: RunObserver, shards: int) -> Failures:
    """As `Stream.run`, in so many processes. Raises the first error of any."""
    begun = Stream(job, store, _no_engine, observer).begun()
    log.info("expected: %d completions to score, in %d processes", begun.total - begun.scored, shards)
    started: list[_Shard] = []
    try:
        for part in _dealt(job, begun.to_score, shards):
            started.append(_Shard(part, store, started))
        observer.started(begun)  # no thread of a display's before the forks
        return _follow(started, store, observer)
    finally:
        _end(started)


def _no_engine() -> NoReturn:
    raise AssertionError("nothing is generated here")


def _dealt(job: Job, left: Mapping[str, int], shards: int) -> list[Job]:
    """A job for each shard: whole problems, each to the one that has the fewest samples so far."""
    expected: list[dict[str, int]] = [{} for _ in range(shards)]
    loads = [0] * shards
    for problem_id in sorted(job.expected, key=lambda each: -left[each]):
        least = loads.index(min(loads))
        expected[least][problem_id] = job.expected[problem_id]
        loads[least] += left[problem_id]
    parts = []
    for number, mine in enumerate(expected):
        workers = job.workers * (number + 1) // shards - job.workers * number // shards
        assert isinstance(job.sandboxes, LocalSandboxes)
        sandboxes = dataclasses.replace(job.sandboxes, count=workers)
        parts.append(dataclasses.replace(job, expected=mine, workers=workers, sandboxes=sandboxes))
    return parts


class _Shard:
    """A fork, and the ends of its pipes that are here. siblings: those that were started before."""

    def __init__(self, part: Job, store: Store, siblings: list[_Shard]) -> None:
        self.messages, theirs = os.pipe()
        control, self._control = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                for each in (self, *siblings):  # else a shard would keep another's pipe open
                    each.close()
                code = _work(part, store, theirs, control)
            finally:
                os._exit(code)
        os.close(theirs)
        os.close(control)

    def receive(self) -> tuple[Any, ...]:
        """Its next message. Raises HarnessError where it ended before."""
        payload = wire.receive_payload(self.messages)
        if payload is None:
            raise HarnessError(
                f"a process of this run ended before its work did (pid {self.pid}); what is done is kept, and the same "
                "command goes on from there"
            )
        message: tuple[Any, ...] = pickle.loads(payload)  # from a fork of ours
        return message

    def close(self) -> None:
        """Close the pipes, by which it ends."""
        os.close(self.messages)
        os.close(self._control)


def _follow(shards: list[_Shard], store: Store, observer: RunObserver) -> Failures:
    """Write what the shards send until each has sent its end."""
    internal, failed = 0, {}
    running = {each.messages: each for each in shards}
    poll = select.poll()
    for messages in running:
        poll.register(messages, select.POLLIN)
    while running:
        for ready, _ in poll.poll():
            match running[ready].receive():
                case "lines", parts, executed:
                    store.append(*parts)
                    for problem_id, index, verdict, wall_s in executed:
                        completion = Completion(problem_id=problem_id, index=index, text="")
                        observer.executed(completion, Execution(verdict=verdict, wall_s=wall_s))
                case "note", text:
                    observer.note(text)
                case "error", error:
                    raise error
                case "end", failures, tables:
                    store.absorb(tables)
                    internal += failures.internal
                    failed.update(failures.failed)
                    poll.unregister(ready)
                    del running[ready]
    return Failures(internal=internal, failed=failed)


def _end(shards: list[_Shard]) -> None:
    """No shard is left when this returns."""
    for shard in shards:
        shard.close()
    for shard in shards:
        waited = threading.Timer(END_S, os.kill, (shard.pid, signal.SIGKILL))
        waited.start()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(shard.pid, 0)
        waited.cancel()


class _Outbox:
    """What a shard sends: the observer of its stream, and the writer of its store. Thread-safe."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()  # protects all below, and the order of messages
        self._parts: dict[str, list[bytes]] = {}
        self._executed: list[tuple[str, int, Verdict, float]] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._flush_often, daemon=True)
        self._thread.start()

    def append(self, *parts: tuple[str, bytes]) -> None:
        """See `Store.forward`."""
        with self._lock:
            for name, lines in parts:
                self._parts.setdefault(name, []).append(lines)

    def executed(self, completion: Completion, execution: Execution | None) -> None:
        """What an observer counts by."""
        assert execution is not None  # programs alone are dealt out
        with self._lock:
            self._executed.append((completion.problem_id, completion.index, execution.verdict, execution.wall_s))

    def note(self, message: str) -> None:
        """One line of information."""
        self.send("note", message)

    def waiting(self, message: str | None) -> None:
        """Said by the process that has the terminal."""

    def started(self, begun: StreamStart) -> None:
        """As `waiting`."""

    def generated(self, completions: list[Completion]) -> None:
        """Nothing is generated."""

    def send(self, *message: Any) -> None:
        """After all that was appended before."""
        with self._lock:
            self._flush()
            self._send(message)

    def close(self) -> None:
        """Nothing is sent by itself any more."""
        self._closed.set()
        self._thread.join()

    def _flush_often(self) -> None:
        while not self._closed.wait(EVERY_S):
            try:
                with self._lock:
                    self._flush()
            except OSError:  # nobody reads any more
                os._exit(1)

    def _flush(self) -> None:
        if self._parts or self._executed:
            parts = [(name, b"".join(lines)) for name, lines in self._parts.items()]
            self._send(("lines", parts, self._executed))
            self._parts, self._executed = {}, []

    def _send(self, message: tuple[Any, ...]) -> None:
        payload = pickle.dumps(message)
        wire.write_all(self._pipe, wire.header(len(payload)) + payload)


def _work(part: Job, store: Store, pipe: int, control: int) -> int:
    """A shard's life; its exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_until_end, args=(control,), daemon=True).start()
    outbox = _Outbox(pipe)
    store.forward(outbox.append)
    try:
        failures = Stream(part, store, _reader(part), outbox).run()
        outbox.close()
        outbox.send("end", failures, store.tables(part.expected))
    except Exception as error:
        outbox.close()
        outbox.send("error", _portable(error))
        return 1
    return 0


def _until_end(control: int) -> None:
    os.read(control, 1)
    os._exit(1)  # sandboxes end with their streams


def _reader(part: Job) -> Callable[[], Engine]:
    """Opens what the completions are read from, with a position of this process's own."""
    saved = part.saved
    return _no_engine if saved is None else saved.reopened


def _portable(error: Exception) -> Exception:
    """The error as another process can read it."""
    with contextlib.suppress(Exception):
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error
    return HarnessError(f"{type(error).__name__}: {error}")
