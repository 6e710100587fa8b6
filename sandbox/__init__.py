"""Safe execution of untrusted programs, of use alone:

    import sandbox

    with sandbox.open() as box:
        execution = box.run(sandbox.Program(source="print(6 * 7)"))
        print(execution.verdict, execution.stdout)

Programs run in a container (`docker`) or in namespaces (`bubblewrap`), never on the host.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable

from sandbox.errors import ImageError, SandboxError, SandboxUnavailable, WorkerLost
from sandbox.pool import PROGRAMS_PER_WORKER, Pool
from sandbox.types import (
    CallTests,
    Compare,
    Execution,
    Integrity,
    Isolation,
    Limits,
    Program,
    StdioCase,
    StdioTests,
    Tests,
    Verdict,
    ceiling,
)
from sandbox.worker import GuestInfo, guest_fingerprint

__all__ = [
    "BACKENDS", "CallTests", "Compare", "Execution", "GuestInfo", "ImageError", "Integrity", "Isolation", "Limits",
    "Pool", "Program", "SandboxError", "SandboxUnavailable", "StdioCase", "StdioTests", "Tests", "Verdict",
    "WorkerLost", "ceiling", "choose_backend", "contents", "default_workers", "guest_digest", "open", "prepare",
]  # fmt: skip

BACKENDS = ("docker", "bubblewrap")  # in the order of `auto`


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
    if backend not in ("auto", *BACKENDS):
        raise ValueError(f"unknown sandbox {backend!r}; known: auto, {', '.join(BACKENDS)}")
    problems = []
    for name in BACKENDS if backend == "auto" else (backend,):
        problem = importlib.import_module(f"sandbox.backends.{name}").available()
        if problem is None:
            return name
        problems.append(f"{name}: {problem}")
    raise SandboxUnavailable("no sandbox works here, and code is never run without one\n  " + "\n  ".join(problems))


def prepare(backend: str, note: Callable[[str], None] = lambda _: None) -> None:
    """Make what a backend needs and does not have: for docker the image, from an interpreter at hand, in seconds.

    `note` is told before anything slow. Raises ImageError, SandboxUnavailable.
    """
    if backend == "docker":
        from sandbox.backends import docker

        if not docker.has_image():
            note("making the sandbox image from an interpreter of this machine (once, about 10 s)")
            docker.make_image()
    else:
        from sandbox.backends import bubblewrap

        if notice := bubblewrap.notice():
            note(notice)


def contents(backend: str) -> str:
    """What programs find inside a backend's sandbox, such as `py3.11.7+numpy2.4.6`. Raises ImageError."""
    label: str = importlib.import_module(f"sandbox.backends.{backend}").contents()
    return label


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
) -> Pool:
    """A pool of sandboxes. Nothing is started until the first program runs.

    ceiling: the largest limits that a program may ask for. isolation: what programs share. runtime: the OCI runtime of
    the docker backend, such as runsc.
    Raises SandboxUnavailable, ImageError, ValueError.
    """
    name = choose_backend(backend)
    ceiling = ceiling or Limits()
    workers = default_workers() if workers is None else workers
    # One backend's library is loaded, not both: docker's client takes 0.25 s to import.
    if name == "docker":
        from sandbox.backends import docker

        start = docker.Starter(ceiling, docker.Options(runtime=runtime))
        life = 1 if isolation is Isolation.CONTAINER else PROGRAMS_PER_WORKER
        return Pool(start, backend=name, workers=workers, ceiling=ceiling, uids=docker.UIDS, programs_per_worker=life)
    if runtime is not None:
        raise SandboxUnavailable(f"a runtime ({runtime}) is an option of the docker sandbox, not of {name}")
    from sandbox.backends import bubblewrap

    life = 1 if isolation is Isolation.CONTAINER or not bubblewrap.UIDS else PROGRAMS_PER_WORKER
    return Pool(
        bubblewrap.Starter(ceiling),
        backend=name,
        workers=workers,
        ceiling=ceiling,
        uids=bubblewrap.UIDS,
        programs_per_worker=life,
    )
