"""Languages that programs may be written in: one file each, found by its name.

A file `<name>.py` here defines `LANGUAGE`, a `Language`, and the name is the value of `Program.language`. What
serves several of them has an underscore. Nothing outside this package names a language.

Languages of one family share a sandbox image: the packages of all of them. A pool of sandboxes serves one family.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

from sandbox.types import LANGUAGES, MIB, CallTests, Integrity, Limits, Program, ProgramTests, Tests

PYTHON = "python"  # the family whose image holds an interpreter of this machine and numpy, and no Debian package
BUILD = "/build"  # where the results of compilers lie in the sandbox, read-only
OUT = f"{BUILD}/out"  # of the program that runs
SUITE_FILE = "answer.txt"  # of a suite: the files are what is run, and the text is all of them as they were read

# By the clock much more than of CPU time: a compiler starts others, whose waiting for a busy machine nobody can tell.
COMPILE_LIMITS = Limits(cpu_s=20.0, wall_s=180.0, memory_bytes=2048 * MIB, disk_bytes=64 * MIB, processes=64)


def _no_names(_: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Testing:
    """How a program with tests in its language (`ProgramTests`) is translated and run: as one text, or as files.

    A launcher sees that both came to their end. It reads a sign from descriptor 5 before any of the program runs, and
    writes it to descriptor 4 when `main` has returned, or the script has run through. A program that leaves early, with
    whatever exit code, gives no sign. One that sets out to read the sign out of its process can: `in-sandbox`.

    files: the launcher's, written beside the source text; `@NAME@` stands for a name of the text.
    compile, run: as of `Language`. environment: variables beside those of the language.
    assertion_signs: what is printed where a test finds a wrong answer.
    names: as of `Language`, beside the language's own: of the whole text, or of all that the tests' files hold.
    source_file: the name of the source text where it is not the language's.
    guard: what stands between a text and its tests, so that no mark at its end is one of theirs. It is left out before
        tests that begin by closing what the text has open.
    end: what follows the tests of one text, and tells the launcher, or the compiler, that they were read to their end:
        a text may return before them, or make them a comment.
    """

    files: Mapping[str, str]
    compile: tuple[str, ...]
    run: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    assertion_signs: tuple[str, ...] = ()
    names: Callable[[str], Mapping[str, str]] = _no_names
    source_file: str = ""
    guard: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A compiler that stays in a process for the next program (`sandbox.guest.kept`), where `compile` is a new one.

    command: it reads frames of a name and a text from descriptor 0, and answers on 1. environment: variables beside
    those of every program.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How programs of one language are made and started.

    source_file: the name under which the source text stands in the program's working directory.
    names: where a name depends on the source text, such as that of a class: those of a text, for `source_file` and the
        commands, in which `{its key}` stands for each.
    suffixes: what names of its files end with, the usual one first.
    fence_names: what a Markdown fence calls it, the first one being what we write.
    other_names: what other systems call it, in lower case.
    written_in: the language of its texts, where this is another way to translate those; empty for its own.
    family: whose image has its tools.
    packages: the Debian packages that these are in.
    prepare: a command of the shell that is run once inside the image that was made of them, as its root and without a
        network: what it compiles there is at hand for every program.
    version_of: the package whose version stands in a signature.
    wheels: a lock file of this folder, whose wheels are unpacked for the interpreter of the image; empty for none.
    compile: the command that translates or checks it, run in a directory of its own as a user of its own; what it
        leaves in `out/` is there, read-only, when the program runs. Empty where there is none. A command that fails
        is COMPILE_ERROR.
    kept: does the same for a text alone, without files and tests, and what it says and makes is the same.
    run: the command that runs it; arguments of the program follow. Empty: the guest's own interpreter runs it, in the
        process that is forked for each program. In both `{build}` stands for the directory of what was compiled, and
        `{memory_mib}` for the memory limit.
    environment: variables beside those that every program has; with the same places.
    runtime_mib: memory that its runtime takes beside the program's own, such as a JVM's code and classes: the program
        may use its limit all the same. Address space that is reserved and not used has room of its own.
    memory_signs: what a program's last words on stderr hold where it was refused memory and ended.
    system_calls: names of those that it needs and that not all may make (`guest.syscalls`); the whole family gets them.
    testing: how tests in its own language are run, of one text with the program; None where they cannot.
    suite: the same of a program of several files with tests in files of their own, by their own framework.
    calls: how a program is run whose function the judge calls (`CallTests`): its driver speaks the judge's frames on
        descriptor 3; `{entry_point}` is the function. None where nothing but Python's own interpreter does.
    limits_factor: how many times the limits of a problem for Python this language gets.
    """

    source_file: str
    suffixes: tuple[str, ...]
    fence_names: tuple[str, ...]
    other_names: tuple[str, ...] = ()
    written_in: str = ""
    family: str = PYTHON
    packages: tuple[str, ...] = ()
    prepare: str = ""
    version_of: str = ""
    wheels: str = ""
    compile: tuple[str, ...] = ()
    kept: Kept | None = None
    run: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    runtime_mib: int = 0
    memory_signs: tuple[str, ...] = ()
    system_calls: tuple[str, ...] = ()
    limits_factor: float = 1.0
    names: Callable[[str], Mapping[str, str]] = _no_names
    testing: Testing | None = None
    suite: Testing | None = None
    calls: Testing | None = None

    def way_of(self, tests: Tests | None) -> Testing | None:
        """How a program with these tests is run, where that is another way than without; None where it is not."""
        if isinstance(tests, ProgramTests):
            return self.suite if tests.files else self.testing
        return self.calls if isinstance(tests, CallTests) else None

    def guarded(self, tests: Tests | None) -> Tests | None:
        """Tests of one text with what shows that they were read to their end; all others as they are."""
        if not isinstance(tests, ProgramTests) or tests.files or (how := self.way_of(tests)) is None:
            return tests
        guard = "" if tests.source.lstrip().startswith("}") else how.guard
        return replace(tests, source=guard + tests.source + how.end)

    def check(self, tests: Tests | None) -> None:
        """Raises ValueError for tests that this language cannot be judged by."""
        if not isinstance(tests, CallTests):
            if isinstance(tests, ProgramTests) and self.way_of(tests) is None:
                raise ValueError(f"{'files of tests' if tests.files else 'tests in its own language'} cannot be run")
        elif self.run and (self.calls is None or tests.integrity is not Integrity.JUDGED or tests.setup):
            raise ValueError("it is judged by what it prints (kind stdio), not by calls")
        elif self.run and not (tests.entry_point.isascii() and tests.entry_point.isidentifier()):
            raise ValueError(f"entry_point: the name of a function is expected, not {tests.entry_point!r}")

    def digest(self, program: Program, tests: Tests | None) -> str:
        """Of all that decides what a compiler makes of a program: equal ones are compiled once in a sandbox."""
        about: list[object] = [self.source_file, self.compile, {}, program.source]
        if (how := self.way_of(tests)) is not None:
            about = [
                how.source_file or self.source_file,
                how.compile,
                dict(how.files),
                self._whole_text(program, tests),
            ]
            about.append(tests.files if isinstance(tests, ProgramTests) else ())
        given = {name: hashlib.sha256(content).hexdigest() for name, content in program.files.items()}
        return hashlib.sha256(json.dumps([*about, given], sort_keys=True).encode()).hexdigest()

    def commands(self, limits: Limits, program: Program, tests: Tests | None) -> dict[str, object]:
        """For the guest: how a program under `limits` is translated and run. Empty where its own interpreter does."""
        if not self.run:
            return {}
        how = self.way_of(tests)
        source = self._whole_text(program, tests)
        places = {"build": OUT, "memory_mib": limits.memory_bytes // MIB, **self.names(source)}
        environment = dict(self.environment)
        files: dict[str, str] = {}
        if isinstance(tests, CallTests):
            places["entry_point"] = tests.entry_point
        if how is not None:
            given = tests.files if isinstance(tests, ProgramTests) else ()
            places |= how.names("\n".join(text for _, text in given) or source)
            environment |= how.environment
            files = {name: _filled(text, places) for name, text in how.files.items()}
        way = how or self
        return {
            "source_file": (way.source_file or self.source_file).format(**places),
            "compile": [part.format(**places) for part in way.compile],
            "kept": asdict(self.kept) if self.kept and how is None and not program.files else {},
            "run": [part.format(**places) for part in way.run],
            "environment": {name: value.format(**places) for name, value in environment.items()},
            "files": files,
            "digest": self.digest(program, tests),
            "runtime_bytes": self.runtime_mib * MIB,
            "compile_limits": asdict(compile_limits(limits)),
        }

    def _whole_text(self, program: Program, tests: Tests | None) -> str:
        """The source text, with tests that are part of it."""
        whole = self.guarded(tests)
        return whole.text(program.source) if isinstance(whole, ProgramTests) else program.source

    def __post_init__(self) -> None:
        if not self.source_file or "/" in self.source_file:
            raise ValueError(f"source file {self.source_file!r}: a name without a folder is expected")
        if not self.fence_names or not self.suffixes:
            raise ValueError("a language has at least one name of a fence and one suffix")
        if self.limits_factor <= 0:
            raise ValueError(f"limits factor {self.limits_factor}: must be above 0")
        if (self.family == PYTHON) == bool(self.packages) or bool(self.run or self.wheels) != bool(self.packages):
            raise ValueError("a language with a command to run it, or wheels, has a family of its own, and packages")


def _filled(text: str, places: Mapping[str, object]) -> str:
    """A launcher's text: braces are its language's, so that names stand between other marks."""
    for name, value in places.items():
        text = text.replace(f"@{name.upper()}@", str(value))
    return text


def compile_limits(limits: Limits) -> Limits:
    """What a compiler may use for a program under `limits`; it may say as much as the program may print."""
    return replace(COMPILE_LIMITS, output_bytes=limits.output_bytes)


@functools.cache
def find(name: str) -> Language:
    """The language of a name. Raises ValueError for one that is not there."""
    if name not in LANGUAGES:
        raise ValueError(unknown(name))
    language: Language = importlib.import_module(f"sandbox.languages.{name}").LANGUAGE
    return language


def resolve(name: str) -> str:
    """Our name of a language that may be called as another system or a Markdown fence calls it. Raises ValueError."""
    lower = name.lower()
    ours = lower if lower in LANGUAGES else _names().get(lower)
    if ours is None:
        raise ValueError(unknown(name))
    return ours


def written_in(name: str) -> str:
    """The language that programs of `name` are written in, as prompts and answers call it."""
    return find(name).written_in or name


def of_suffix(suffix: str) -> str | None:
    """The language whose files end with `suffix`, such as `.cpp`; None for none."""
    return next((name for name in LANGUAGES if suffix in find(name).suffixes), None)


def of_family(family: str) -> tuple[str, ...]:
    """The names of a family's languages. Empty for a family that is not there."""
    return tuple(name for name in LANGUAGES if find(name).family == family)


def system_calls(family: str) -> list[str]:
    """The system calls that programs of a family may make beside those that all may."""
    return sorted({call for name in of_family(family) for call in find(name).system_calls})


def aliases(name: str) -> list[str]:
    """What else a language may be called."""
    return sorted({*find(name).fence_names, *find(name).other_names} - {name})


def unknown(name: str) -> str:
    """What to say of a name that is no language's: those that are near, and all."""
    names = {**{ours: ours for ours in LANGUAGES}, **_names()}
    near = list(dict.fromkeys(names[each] for each in difflib.get_close_matches(name.lower(), names, 3, 0.5)))
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"unknown language {name[:100]!r}{hint}; known: {', '.join(LANGUAGES)}"


@functools.cache
def _names() -> dict[str, str]:
    return {alias: name for name in LANGUAGES for alias in aliases(name)}
