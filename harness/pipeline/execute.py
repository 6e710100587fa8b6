"""Where the programs of a run are executed, and work that is mapped over it.

`Sandboxes` says what programs run in and opens it: `LocalSandboxes` on this machine; `harness.scale` on others. What is
opened is a `Runner`, such as `sandbox.Pool`. One that is far away also takes programs ahead (`TakesAhead`), so that few
threads keep many sandboxes busy.
"""

from __future__ import annotations

import concurrent.futures
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeVar, runtime_checkable

import sandbox
from sandbox import Execution, Isolation, Limits, Program, Tests

AHEAD = 8  # pieces of work for each sandbox that are begun before the first of them is taken
Work = TypeVar("Work")
Found = TypeVar("Found")
Identity = dict[str, str | None]


class Runner(Protocol):
    """What runs programs. A context manager; workers: how many threads of a caller keep it busy."""

    @property
    def workers(self) -> int: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def run(self, program: Program, tests: Tests | None = None, limits: Limits | None = None) -> Execution:
        """See `sandbox.Pool.run`."""

    def close(self) -> None:
        """Give up all sandboxes, busy ones too."""


@runtime_checkable
class TakesAhead(Protocol):
    """A runner that a few threads keep busy."""

    def submit(self, program: Program, tests: Tests | None, limits: Limits) -> concurrent.futures.Future[Execution]:
        """Take a program; blocks while as many wait as keep all sandboxes busy. Raises what `run` raises."""


class Sandboxes(Protocol):
    """Where programs are to run."""

    def identity(self, note: Callable[[str], None], language: str = "python") -> Identity:
        """What programs of a language run in, as a manifest keeps it. `note` is told of what is slow, or amiss.

        Raises SandboxError, InputError.
        """

    def workers(self) -> int:
        """How many threads hand programs over."""

    def open(self, limits: Iterable[Limits], most: int) -> Runner:
        """Open it for `most` programs under any of `limits`, after `identity`. Raises SandboxError, HarnessError."""


@dataclass(kw_only=True)
class LocalSandboxes:
    """Sandboxes of this machine. count: of them at most, None for as many as it has room for.

    language: of the programs; their sandbox runs those of its family. answers: a folder for answers that tests
    accepted; None to keep none.
    """

    backend: str = "auto"
    count: int | None = None
    isolation: Isolation = Isolation.POOL
    runtime: str | None = None
    language: str = "python"
    answers: Path | None = None

    def identity(self, note: Callable[[str], None], language: str = "python") -> Identity:
        """Choose the backend, and make what it needs and does not have."""
        self.backend, self.language = sandbox.choose_backend(self.backend), language
        sandbox.prepare(self.backend, note, language)
        return {
            "backend": self.backend,
            "contents": sandbox.environment_label(self.backend, language),
            "guest": sandbox.guest_digest(),
            "runtime": self.runtime,
            "isolation": self.isolation.value,
            **({} if language == "python" else {"language": language}),
        }

    def workers(self) -> int:
        """One thread for each sandbox."""
        return self.count or sandbox.default_workers()

    def open(self, limits: Iterable[Limits], most: int) -> sandbox.Pool:
        """A pool of them."""
        return sandbox.open(
            self.backend,
            workers=max(1, min(self.workers(), most)),
            ceiling=sandbox.ceiling(list(limits)),
            isolation=self.isolation,
            runtime=self.runtime,
            language=self.language,
            answers=self.answers,
        )


def map_in_sandboxes(pool: Runner, work: Iterable[Work], run: Callable[[Work], Found]) -> Iterator[Found]:
    """`run` of each piece of work, one at a time in each sandbox, in the order of the work, which is read as needed.

    The pool is closed at the end. The first error of a piece ends the rest.
    """
    with pool, concurrent.futures.ThreadPoolExecutor(pool.workers) as threads:
        begun: deque[concurrent.futures.Future[Found]] = deque()
        try:
            for each in work:
                begun.append(threads.submit(run, each))
                if len(begun) >= AHEAD * pool.workers:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for future in begun:
                future.cancel()
