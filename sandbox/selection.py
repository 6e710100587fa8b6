"""Which sandbox: the first backend that works here, or the one that is asked for; made ready and opened.

A backend is a module of `sandbox.backends` and says everything about itself:

    available() -> str | None       None where it works; else what is missing and how to get it
    prepare(note, family) -> None           make what it needs for a family of languages and does not have
    environment_label(family) -> str        what programs find inside, as it stands in a signature
    image_bytes(family) -> int              what a family's image takes on disk, 0 where it has none of its own
    open_pool(...) -> Pool                  a pool of its sandboxes

Only the module that is used is imported: docker's client takes 0.25 s.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from sandbox import languages, prestart
from sandbox.answers import KnownAnswers
from sandbox.errors import SandboxUnavailable
from sandbox.pool import Pool
from sandbox.types import MIB, Isolation, Limits
from sandbox.worker import guest_fingerprint

BACKENDS = ("docker", "bubblewrap")  # in the order of `auto`


class Backend(Protocol):
    """What a module of `sandbox.backends` offers."""

    def available(self) -> str | None:
        """None where it works here; else what is missing and how to get it."""

    def prepare(self, note: Callable[[str], None], family: str) -> None:
        """Make what it needs for a family of languages and does not have. Raises SandboxError.

        `note` is called before anything slow.
        """

    def environment_label(self, family: str) -> str:
        """What programs find inside, such as `py3.11.7+numpy2.4.6`. Raises SandboxError."""

    def image_bytes(self, family: str) -> int:
        """What the family's image takes on disk; 0 where it has none of its own. Raises SandboxError."""

    def open_pool(
        self, *, workers: int, ceiling: Limits, isolation: Isolation, runtime: str | None, family: str
    ) -> Pool:
        """A pool of its sandboxes. Raises SandboxError."""


def find_backend(name: str) -> Backend:
    """The backend of a name. Raises ValueError for one that is not there."""
    if name not in BACKENDS:
        raise ValueError(f"unknown sandbox {name!r}; known: auto, {', '.join(BACKENDS)}")
    return cast(Backend, importlib.import_module(f"sandbox.backends.{name}"))  # a module is seen as its functions


def default_workers() -> int:
    """Three programs in flight for two cores: one that sleeps, or waits for us, leaves its core to another.

    Measured on two cores, HumanEval's references: two per core take 6 % longer, for all are busy and more must start.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + (cores + 1) // 2


def choose_backend(backend: str = "auto") -> str:
    """The backend's name; for `auto` the first that works here.

    Raises SandboxUnavailable, with what to install, where it does not work; ValueError for an unknown name.
    """
    problems = []
    for name in BACKENDS if backend == "auto" else (backend,):
        problem = find_backend(name).available()
        if problem is None:
            return name
        problems.append(f"{name}: {problem}")
    raise SandboxUnavailable("no sandbox works here, and code is never run without one\n  " + "\n  ".join(problems))


def prepare(backend: str, note: Callable[[str], None] = lambda _: None, language: str = "python") -> None:
    """Make what a backend needs and does not have for the family of `language`.

    For Python that is docker's image, from an interpreter at hand, in seconds; for others a file system of Debian's
    packages (`sandbox.debian`), in ten seconds to a minute. `note` is called before anything slow.
    Raises ImageError, SandboxUnavailable, ValueError for an unknown language.
    """
    find_backend(backend).prepare(note, languages.find(language).family)


def environment_label(backend: str, language: str = "python") -> str:
    """What programs of a language find inside a backend's sandbox, such as `py3.11.7+numpy2.4.6`.

    Raises ImageError, ValueError for an unknown language.
    """
    return find_backend(backend).environment_label(languages.find(language).family)


def image_bytes(backend: str, language: str = "python") -> int:
    """What the image of a language's family takes on disk; 0 where programs find this machine's own files.

    Raises ImageError, ValueError for an unknown language.
    """
    return find_backend(backend).image_bytes(languages.find(language).family)


def guest_digest() -> str:
    """A digest of what runs beside the programs: a change of it may change a verdict."""
    return hashlib.sha256(guest_fingerprint().encode()).hexdigest()[:16]


def open(  # noqa: A001 - `sandbox.open()` reads as what it does
    backend: str = "auto",
    *,
    workers: int | None = None,
    ceiling: Limits | None = None,
    isolation: Isolation = Isolation.POOL,
    runtime: str | None = None,
    language: str = "python",
    answers: Path | None = None,
) -> Pool:
    """A pool of sandboxes. Nothing is started until the first program runs.

    ceiling: the largest limits that a program may ask for. isolation: what programs share. runtime: the OCI runtime of
    the docker backend, such as runsc. language: of the programs; those of its family run there too. answers: a folder
    where answers that tests accepted are kept for the next programs (`CallTests.repeatable`); None for nowhere.
    Raises SandboxUnavailable, ImageError, ValueError.
    """
    name, family = choose_backend(backend), languages.find(language).family
    workers = default_workers() if workers is None else workers
    ceiling = ceiling or Limits()

    def fits(begun: Pool) -> bool:
        usual = isolation is Isolation.POOL and runtime is None
        return usual and (begun.backend, begun.family) == (name, family) and begun.is_as_large_as(ceiling)

    pool = prestart.take(fits)
    if pool is not None:
        pool.widen(workers, ceiling)
    else:
        pool = find_backend(name).open_pool(
            workers=workers, ceiling=ceiling, isolation=isolation, runtime=runtime, family=family
        )
    pool.answers = None if answers is None else KnownAnswers(answers, guest_digest())
    return pool


def begin(backend: str = "auto", memory_mib: int | None = None) -> None:
    """Start a sandbox in a thread, and have it prove itself, for an `open` to come that asks for the usual ones.

    Those are for Python's programs, within the default limits, with another limit of memory where one is given, and the
    default isolation. Call `end` where no `open` is to come.
    """
    ceiling = Limits() if memory_mib is None else Limits(memory_bytes=memory_mib * MIB)

    def open_usual() -> Pool:
        return find_backend(choose_backend(backend)).open_pool(
            workers=1, ceiling=ceiling, isolation=Isolation.POOL, runtime=None, family=languages.PYTHON
        )

    find_backend(BACKENDS[0] if backend == "auto" else backend)  # imported here: threads that import hold each other up
    prestart.begin(open_usual)


def end() -> None:
    """End what was begun and no `open` has taken over. Takes as long as the backend needs to end a sandbox."""
    prestart.end()
