"""Sandboxes for the programs of a run: how they are opened, and work that is mapped over a pool of them."""

from __future__ import annotations

import concurrent.futures
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import sandbox
from sandbox import Isolation, Limits, Pool

AHEAD = 8  # pieces of work for each sandbox that are begun before the first of them is taken
Work = TypeVar("Work")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """What programs run in. workers: sandboxes at most, None for as many as the machine has room for.

    language: of the programs; their sandbox runs those of its family.
    """

    backend: str
    workers: int | None = None
    isolation: Isolation = Isolation.POOL
    runtime: str | None = None
    language: str = "python"


def open_pool(settings: SandboxSettings, limits: Iterable[Limits], most: int) -> Pool:
    """A pool for programs under any of `limits`, of `most` sandboxes at most. Raises SandboxError."""
    return sandbox.open(
        settings.backend,
        workers=max(1, min(settings.workers or sandbox.default_workers(), most)),
        ceiling=sandbox.ceiling(list(limits)),
        isolation=settings.isolation,
        runtime=settings.runtime,
        language=settings.language,
    )


def map_in_sandboxes(pool: Pool, work: Iterable[Work], run: Callable[[Work], Found]) -> Iterator[Found]:
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
