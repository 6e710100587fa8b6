"""The sandbox's words: what is run, under which limits, and what came of it.

Pure values, checked when they are made. Nothing here knows a backend, a container or a file system.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

MIB = 1024 * 1024
LANGUAGES = ("python",)


class Verdict(enum.StrEnum):
    """How one program ended. Every value but INTERNAL_ERROR is caused by the program; that one is our failure."""

    ACCEPTED = "ACCEPTED"
    WRONG_ANSWER = "WRONG_ANSWER"
    RUNTIME_ERROR = "RUNTIME_ERROR"
    COMPILE_ERROR = "COMPILE_ERROR"
    TIME_LIMIT = "TIME_LIMIT"
    MEMORY_LIMIT = "MEMORY_LIMIT"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    TAMPERED = "TAMPERED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program may use, with all its threads and children.

    cpu_s: CPU seconds, measured from outside; over it the program is killed: TIME_LIMIT. Does not depend on load.
    wall_s: seconds by the clock less those that the program was ready and no processor was free: the backstop for
        programs that sleep or wait; over it: TIME_LIMIT. Never more than ten times as many by the clock.
    memory_bytes: writable memory of a process; allocation beyond it raises MemoryError (or kills): MEMORY_LIMIT.
    output_bytes: stdout and stderr together; the program is killed at the limit: OUTPUT_LIMIT.
    disk_bytes: the size of its temporary file system; beyond it writes fail with ENOSPC or EFBIG.
    processes: processes and threads alive at once; beyond it fork and thread starts fail.
    open_files: file descriptors of a process; beyond it open fails with EMFILE.

    Raises ValueError where a limit is not positive.
    """

    wall_s: float = 10.0
    cpu_s: float = 5.0
    memory_bytes: int = 512 * MIB
    output_bytes: int = 1 * MIB
    disk_bytes: int = 64 * MIB
    processes: int = 64
    open_files: int = 256

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"limit {name} must be above 0, not {getattr(self, name)!r}")

    def within(self, ceiling: Limits) -> bool:
        """Whether a pool that was opened for `ceiling` can enforce these limits (time and output can always be)."""
        return (
            self.memory_bytes <= ceiling.memory_bytes
            and self.disk_bytes <= ceiling.disk_bytes
            and self.processes <= ceiling.processes
            and self.open_files <= ceiling.open_files
        )


def ceiling(limits: list[Limits]) -> Limits:
    """The smallest limits that hold every one of `limits`; the defaults for an empty list."""
    if not limits:
        return Limits()
    return Limits(
        wall_s=max(each.wall_s for each in limits),
        cpu_s=max(each.cpu_s for each in limits),
        memory_bytes=max(each.memory_bytes for each in limits),
        output_bytes=max(each.output_bytes for each in limits),
        disk_bytes=max(each.disk_bytes for each in limits),
        processes=max(each.processes for each in limits),
        open_files=max(each.open_files for each in limits),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Source text to run, with what it finds: files in its working directory (relative paths), argv[1:] and stdin.

    Raises ValueError for an unknown language and for a file path that is absolute or leaves the working directory.
    """

    source: str
    language: str = "python"
    files: Mapping[str, bytes] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    stdin: str = ""

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ValueError(f"unknown language {self.language!r}; known: {', '.join(LANGUAGES)}")
        for name in self.files:
            path = PurePosixPath(name)
            if not name or path.is_absolute() or ".." in path.parts or "\0" in name or path == PurePosixPath("."):
                raise ValueError(f"file {name!r}: the path must be relative and stay inside the working directory")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTests:
    """Test source that calls an entry point of the program.

    setup: trusted code that is run before the program, in the same namespace (imports, definitions).
    source: run after the program; ends normally (accepted) or raises.
    """

    source: str
    entry_point: str
    setup: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioCase:
    """One run of the program as a script: what it reads, and what it must print."""

    stdin: str
    stdout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioTests:
    """The program is run once per case; limits hold for each run. Lines are compared without trailing white space."""

    cases: tuple[StdioCase, ...]

    def __post_init__(self) -> None:
        if not self.cases:
            raise ValueError("stdio tests need at least one case")


Tests = CallTests | StdioTests


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What one program did.

    detail: one line for people: the error, the limit that was hit. Text in it comes from the program: escape it.
    cases: for stdio tests the verdict of each case that ran, in order; empty otherwise.
    exit_code, signal: of the program's first process; None where it was killed (exit_code) or exited (signal).
    peak_memory_bytes: the largest resident set of a process, the interpreter's own pages included.
    stdout, stderr: decoded as UTF-8 with replacement, at most `Limits.output_bytes` together; `truncated` tells a cut.
    worker: which sandbox ran it, for logs.
    """

    verdict: Verdict
    detail: str = ""
    cases: tuple[Verdict, ...] = ()
    exit_code: int | None = None
    signal: int | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    worker: str = ""
