"""A sandbox that is started, and proves itself, while its owner still finds out what to run.

Theory of operation. `begin` opens a pool of one usual sandbox in a thread, and has it prove what it must deny. The next
`sandbox.open` that asks for such sandboxes takes the pool over, with more of them; a program then waits for the end of
the proofs, as in any pool. An `open` that asks for others ends this one, as `end` does, which whoever called `begin`
calls at the end; after kill -9 the sandbox ends as all do. What goes wrong here is left to `open`: it meets it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sandbox.errors import SandboxError
from sandbox.pool import Pool, quick_switches

Open = Callable[[], Pool]
_lock = threading.Lock()  # protects _begun
_begun: _Prestart | None = None


class _Prestart:
    """What was begun."""

    def __init__(self, open_pool: Open) -> None:
        self._open = open_pool
        self._pool: Pool | None = None
        self._thread = threading.Thread(target=self._run, name="prestart")
        self._thread.start()

    def _run(self) -> None:
        try:
            with quick_switches():
                self._pool = self._open()
            self._pool.prove_ahead()
        except SandboxError:
            pass

    def pool(self) -> Pool | None:
        """The pool, once it is opened; None where it could not be."""
        self._thread.join()
        return self._pool

    def end(self) -> None:
        """End the sandbox, also while it proves itself."""
        pool = self.pool()
        if pool is not None:
            pool.close()


def begin(open_pool: Open) -> None:
    """Open a pool in a thread and have it prove itself, unless one is begun already."""
    global _begun
    with _lock:
        _begun = _begun or _Prestart(open_pool)


def take(fits: Callable[[Pool], bool]) -> Pool | None:
    """The pool that was begun; None where there is none, or it does not fit and is ended."""
    begun = _taken()
    pool = begun.pool() if begun is not None else None
    if begun is None or (pool is not None and fits(pool)):
        return pool
    begun.end()
    return None


def end() -> None:
    """End what was begun and nobody took. Its thread is gone then too: a process may fork."""
    begun = _taken()
    if begun is not None:
        begun.end()


def _taken() -> _Prestart | None:
    global _begun
    with _lock:
        begun, _begun = _begun, None
    return begun
