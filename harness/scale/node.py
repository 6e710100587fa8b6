"""What runs on a node of a Ray cluster: its sandboxes, behind calls that an actor takes.

Theory of operation. The dispatcher's lanes call `exchange`, each for one batch at a time: the first call brings the
batch, every call brings back what has ended since. A call waits until something has ended, but never longer than it was
told, so that it is a sign of life too; and then a moment more, so that quick programs come back by the dozen. Ray runs
the calls in threads of their own; the programs run in others, one per sandbox. The actor ends with the process that
made it, and its sandboxes with it, whatever ended that.

What goes wrong is told by value: an exception would arrive as Ray's own, with a stack of the node's.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sandbox
from harness import __version__
from harness.pipeline.execute import LocalSandboxes
from sandbox import Execution, Isolation, Limits, Pool, SandboxError, Tests, Verdict
from sandbox.parcels import Answer, Item, KeptTests, pack_answer, read_batch
from sandbox.preflight import Finding

LINGER_S = 0.2

Said = dict[str, Any]


class _Lane:
    """A batch in work."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.ended: list[bytes] = []
        self.changed = threading.Condition()  # protects both

    def end(self, answer: Answer) -> None:
        """One item has come to its end. Who collects is woken for the first and for the last: each costs a switch."""
        line = pack_answer(answer)
        with self.changed:
            self.left -= 1
            self.ended.append(line)
            if len(self.ended) == 1 or not self.left:
                self.changed.notify()

    def collect(self, wait_s: float) -> bytes:
        """What has ended since the last time."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended, wait_s)
            if self.ended:
                self.changed.wait_for(lambda: not self.left, LINGER_S)
            ended, self.ended = self.ended, []
        return b"".join(ended)


class Node:
    """The sandboxes of this node. An actor's class: every value that it takes or gives travels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects the tests and the lanes
        self._tests = KeptTests()
        self._lanes: dict[int, _Lane] = {}
        self._pool: Pool | None = None
        self._threads: ThreadPoolExecutor | None = None

    def describe(self, backend: str, isolation: str, runtime: str | None, language: str) -> Said:
        """What this node is, and what programs would find here; `fault` where no sandbox works."""
        said: Said = {"version": __version__, "python": platform.python_version(), "workers": sandbox.default_workers()}
        chosen = LocalSandboxes(backend=backend, isolation=Isolation(isolation), runtime=runtime)
        try:
            return {**said, "identity": chosen.identity(lambda _: None, language)}
        except (SandboxError, ValueError) as error:
            return {**said, "fault": str(error)}

    def prove(self, backend: str, runtime: str | None) -> Said:
        """Whether a sandbox denies here what it must: `denied`, or a `fault`."""
        try:
            with sandbox.open(backend, workers=1, runtime=runtime) as box:
                findings = box.prove_denials()
        except (SandboxError, ValueError) as error:
            return {"fault": str(error)}
        faults = _faults(findings)
        return {"fault": faults} if faults else {"denied": [each.name for each in findings]}

    def open(self, identity: Mapping[str, str | None], limits: Limits, workers: int | None) -> Said:
        """Open the sandboxes, and have them prove what they must deny: `workers`, or a `fault`."""
        language = identity.get("language") or "python"
        try:
            pool = sandbox.open(
                str(identity["backend"]),
                workers=workers,
                ceiling=limits,
                isolation=Isolation(str(identity["isolation"])),
                runtime=identity["runtime"],
                language=language,
            )
            findings = pool.prove_denials()
        except (SandboxError, ValueError) as error:
            return {"fault": str(error)}
        if faults := _faults(findings):
            pool.close()
            return {"fault": faults}
        self._pool, self._threads = pool, ThreadPoolExecutor(pool.workers, thread_name_prefix="sandbox")
        return {"workers": pool.workers}

    def exchange(self, number: int, wait_s: float, batch: bytes | None = None) -> bytes:
        """Begin batch `number`, where it is given; lines of answers of that batch, none where nothing ended in time."""
        if batch is not None:
            self._begin(number, batch)
        with self._lock:
            lane = self._lanes[number]
        lines = lane.collect(wait_s)
        if not lane.left and not lane.ended:
            with self._lock:
                self._lanes.pop(number, None)
        return lines

    def _begin(self, number: int, data: bytes) -> None:
        batch = read_batch(data)
        lane = _Lane(len(batch.items))
        with self._lock:
            self._tests.add(batch.tests)
            self._lanes[number] = lane
            work = [(at, item, self._tests.find(item.tests) if item.tests else None)
                    for at, item in enumerate(batch.items)]  # fmt: skip
        assert self._threads is not None
        for at, item, tests in work:
            if item.tests and tests is None:
                lane.end(Answer(index=at, missing=item.tests))
            else:
                self._threads.submit(self._run, lane, at, item, tests)

    def _run(self, lane: _Lane, at: int, item: Item, tests: Tests | None) -> None:
        assert self._pool is not None
        try:
            execution = self._pool.run(item.program, tests, item.limits)
        except SandboxError as error:
            execution = Execution(verdict=Verdict.INTERNAL_ERROR, detail=str(error))
        except Exception as error:  # given to the process that asked, which ends its run
            lane.end(Answer(index=at, refused=f"{type(error).__name__}: {error}"))
            return
        lane.end(Answer(index=at, execution=execution))

    def time(self) -> float:
        """A sign of life."""
        return time.time()


def _faults(findings: Sequence[Finding]) -> str:
    """What a sandbox must deny and does not, in words; empty where it denies everything."""
    faults = [f"{each.name}: {each.fault}" for each in findings if each.fault]
    return f"its sandbox does not deny what it must: {'; '.join(faults)}" if faults else ""
