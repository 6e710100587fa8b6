"""The sandbox's words: what is run, under which limits, and what came of it.

Pure values, checked when they are made. Nothing here knows a backend, a container or a file system.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MIB = 1024 * 1024
RESTARTS = 9  # of a program that was ended in a case of its call tests, where each is to have a verdict
# A language is a file of `sandbox.languages`: its name is known here without loading it.
LANGUAGES = tuple(sorted(file.stem for file in (Path(__file__).parent / "languages").glob("[!_]*.py")))


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


class Integrity(enum.StrEnum):
    """Who saw the tests end.

    JUDGED: a process that the program cannot reach, which has the tests and compares. IN_SANDBOX: the program's own
    process, for tests that cannot be split; a program that sets out to forge its verdict can.
    """

    JUDGED = "judged"
    IN_SANDBOX = "in-sandbox"


class Isolation(enum.StrEnum):
    """What programs share: POOL a sandbox, one after the other, cleaned between; CONTAINER nothing, one each."""

    POOL = "pool"
    CONTAINER = "container"


class Compare(enum.StrEnum):
    """How printed output is compared.

    EXACT: byte for byte. TRIMMED: by lines, without white space at their ends and empty lines at the end of all.
    TOKENS: by words; two numbers may differ by the tolerance, absolutely or relatively. DECIMALS: by lines, without
    white space at either end; two lines of numbers agree where these are the same decimals, so that 1.0 is 1.
    """

    EXACT = "exact"
    TRIMMED = "trimmed"
    TOKENS = "tokens"
    DECIMALS = "decimals"


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
    output_bytes: int = 10 * MIB
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


LONGEST_NAME, LONGEST_PATH = 255, 2048  # bytes; Linux has 255 and 4,096, the folders above included


def check_paths(names: Iterable[str]) -> None:
    """Raises ValueError for a path that is absolute, leaves the working directory, or that no file can have."""
    for name in names:
        path = PurePosixPath(name)
        if not name or path.is_absolute() or ".." in path.parts or "\0" in name or path == PurePosixPath("."):
            raise ValueError(f"file {name!r}: the path must be relative and stay inside the working directory")
        bytes_of = [len(part.encode("utf-8", "surrogatepass")) for part in path.parts]
        if max(bytes_of) > LONGEST_NAME or sum(bytes_of) + len(bytes_of) > LONGEST_PATH:
            raise ValueError(f"file {name[:60]!r}...: a name has at most {LONGEST_NAME} bytes, a path {LONGEST_PATH}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Source text to run, with what it finds: files in its working directory (relative paths), argv[1:] and stdin.

    fetch: paths of files there that are wanted after its end, as `Execution.files`: regular ones, 16 MiB together; none
        with several cases. Those that are not there are left out.
    loopback: whether it may open IPv4 and IPv6 sockets, which reach nothing but itself. It then has a sandbox of its
        own, which costs a start; without, every such socket is refused.

    Raises ValueError for an unknown language and for a file path that is absolute or leaves the working directory.
    """

    source: str
    language: str = "python"
    files: Mapping[str, bytes] = field(default_factory=dict)
    argv: tuple[str, ...] = ()
    stdin: str = ""
    fetch: tuple[str, ...] = ()
    loopback: bool = False

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise ValueError(f"unknown language {self.language!r}; known: {', '.join(LANGUAGES)}")
        check_paths((*self.files, *self.fetch))
        folders = {str(folder) for name in self.files for folder in PurePosixPath(name).parents}
        for name in self.files:
            if str(PurePosixPath(name)) in folders:
                raise ValueError(f"file {name!r}: other files are to lie in a folder of this name")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTests:
    """Test source that calls an entry point of the program.

    source: run after the program; ends normally (accepted) or raises. In the judge the entry point's name is a proxy:
        arguments and results are copied and must be data (`sandbox.guest.codec`).
    setup: code that the program and its tests both find run before them (imports, definitions).
    prelude: what only the judge runs, before the tests: the prompt, with its helpers as the data set has them.
    integrity: IN_SANDBOX for tests that cannot be split: of classes, functions or instances, or with unittest.
    all_cases: go on after a case that fails, and give each a verdict (`sandbox.guest.cases`); a program that is ended
        in a case is started again for the others, RESTARTS times. Only of judged tests.
    repeatable: the source calls the program in one loop, and says the same of the same answer whenever it is asked: the
        judge may keep answers that it accepted, and need not run it for a program that gives the same ones.
    """

    source: str
    entry_point: str
    setup: str = ""
    prelude: str = ""
    integrity: Integrity = Integrity.JUDGED
    all_cases: bool = False
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioCase:
    """One run of the program as a script: what it reads, and what it must print."""

    stdin: str
    stdout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StdioTests:
    """The program is run once per case, up to the first that fails; limits hold for each run.

    all_cases: go on after it, and give each a verdict.
    tolerance: for numbers with Compare.TOKENS. Raises ValueError for no cases, or a tolerance that is not used.
    """

    cases: tuple[StdioCase, ...]
    compare: Compare = Compare.TRIMMED
    tolerance: float = 0.0
    all_cases: bool = False

    def __post_init__(self) -> None:
        if not self.cases:
            raise ValueError("stdio tests need at least one case")
        if self.tolerance < 0 or (self.tolerance and self.compare is not Compare.TOKENS):
            raise ValueError(f"tolerance {self.tolerance}: at least 0, and only with compare {Compare.TOKENS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTests:
    """Tests in the program's own language, of one text and one process with it: IN_SANDBOX.

    source: what follows the program. before: what comes ahead of it. It passes where it ends with exit code 0 and says,
    by a launcher of ours (`sandbox.languages.Testing`), that the tests came to their end.
    files: paths and texts, for a program of several files with tests in files of their own. They lie beside the
    program's and in place of those that have their names; the language's framework runs them (`Language.suite`).

    Raises ValueError for files with a text around the program, and for a path that leaves the working directory.
    """

    source: str = ""
    before: str = ""
    files: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.files and (self.source or self.before):
            raise ValueError("tests are files, or a text around the program")
        check_paths(name for name, _ in self.files)

    def text(self, program: str) -> str:
        """The whole source text."""
        return program if self.files else f"{self.before}{program}\n{self.source}"


Tests = CallTests | StdioTests | ProgramTests


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCase:
    """What the first case that failed was about, as text of at most some 500 characters each.

    number: from 1; None where cases are not counted. input: what the program was given, or its call. expected, got:
    None where it is not known. Text in `got` comes from the program: escape it. None of it ever goes to a program.
    """

    number: int | None
    input: str | None
    expected: str | None
    got: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What one program did.

    detail: one line for people: the error, the limit that was hit. Text in it comes from the program: escape it.
    integrity: who saw the tests end; None where there were none.
    cases: for stdio tests the verdict of each case that ran, in order; of tests with `all_cases` that of every case,
        where those that could not be reached have the verdict of what ended the program; empty otherwise.
    failed_case: the first that failed; None where none did, or the tests ran beside the program.
    exit_code, signal: of the program's first process; None where it was killed (exit_code) or exited (signal).
    peak_memory_bytes: the largest resident set of a process, the interpreter's own pages included.
    stdout, stderr: decoded as UTF-8 with replacement, at most `Limits.output_bytes` together; `truncated` tells a cut.
    judge_cpu_s: CPU time of the judge, which does not count against the program's limit.
    calls: how many calls of the entry point the tests began; None where the judge did not make them.
    files: what `Program.fetch` asked for and was there, by path.
    refused: the system calls that it was refused, by name, and how often; empty where the kernel does not tell.
    worker: which sandbox ran it, for logs.
    """

    verdict: Verdict
    detail: str = ""
    integrity: Integrity | None = None
    cases: tuple[Verdict, ...] = ()
    failed_case: FailedCase | None = None
    exit_code: int | None = None
    signal: int | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    judge_cpu_s: float = 0.0
    calls: int | None = None
    peak_memory_bytes: int = 0
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    worker: str = ""
