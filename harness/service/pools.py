"""One pool of sandboxes for each family of languages, opened and proved when its first program comes.

How many programs run at once is the admission's to say, whatever their languages; so each pool may hold as many
sandboxes as that, and one whose languages nobody uses holds none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from sandbox import Cancellation, Execution, Limits, Pool, Program, Tests, languages


class Pools:
    """Runs programs of several languages. A context manager: leaving it destroys every sandbox.

    names: of the languages. open_pool: opens the pool for a language and its family. Thread-safe.
    """

    def __init__(self, backend: str, workers: int, names: Sequence[str], open_pool: Callable[[str], Pool]) -> None:
        self.backend = backend
        self.workers = workers
        self.names = tuple(names)
        self._open = open_pool
        self._lock = threading.Lock()  # protects _pools and _closed
        self._pools: dict[str, Pool] = {}
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._closed = True
            pools = list(self._pools.values())
        for pool in pools:
            pool.close()

    def run(
        self,
        program: Program,
        tests: Tests | None = None,
        limits: Limits | None = None,
        *,
        cancellation: Cancellation | None = None,
    ) -> Execution:
        """See `sandbox.Pool.run`."""
        return self._pool(program.language).run(program, tests, limits, cancellation=cancellation)

    def open(self, language: str) -> None:
        """Open the pool of a language now, so that what is missing is said now. Raises SandboxError."""
        self._pool(language)

    def _pool(self, language: str) -> Pool:
        family = languages.find(language).family
        with self._lock:
            if family not in self._pools:
                if self._closed or language not in self.names:
                    raise ValueError(f"this sandbox was opened for {', '.join(self.names)}, not for {language}")
                self._pools[family] = self._open(language)
            return self._pools[family]
