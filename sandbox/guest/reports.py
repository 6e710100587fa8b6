"""How the end of a program is told: its errors as one line, what it printed, in a memory that may be full."""

from __future__ import annotations

import resource
import sys
import traceback

WORKDIR = "/tmp/program"  # no program can prepare it for the next: it is removed, or the sandbox destroyed
SCRIPT = "main.py"
SCRIPT_PATH = f"{WORKDIR}/{SCRIPT}"
SOURCES = ("program.py", "tests.py", SCRIPT_PATH)
DETAIL_CHARS = 500
RELIEF_BYTES = 16 * 2**20
# Thrown off first wherever the program's error is caught: without it not even a call fits into a memory that is full.
# Of zeros that nobody wrote: it has no pages, and each fork would copy the entries of those.
reserve = [bytes(2**20)]


def relieve() -> None:
    """More room, once the reserve has made some: enough to tell that memory ran out."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def flush() -> bool:
    """Whether all that was printed is out."""
    done = True
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name, None)
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except BaseException as error:  # replaced by the program, or printed to what is no more
            done = False
            if name == "stdout":
                complain(f"Exception ignored in: {object.__repr__(stream)}\n{describe(error)[0]}\n")
    return done


def complain(text: str) -> None:
    """To stderr, where there is one still."""
    try:
        sys.stderr.write(text)
    except BaseException:  # closed, removed or replaced by the program
        pass


def describe(error: BaseException) -> tuple[str, str]:
    """The error as one line for people with the place in the program where it left, and its own text alone."""
    if isinstance(error, MemoryError):
        relieve()
    try:
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        own = str(error)
    except BaseException:  # an exception whose own __str__ raises
        text, own = type(error).__name__, ""
    return (text + _line_of(error))[:DETAIL_CHARS], str.__str__(own)[:DETAIL_CHARS]


def kind(error: BaseException) -> str:
    for known in (AssertionError, MemoryError, SyntaxError, SystemExit):
        if isinstance(error, known):
            return known.__name__
    return type(error).__name__[:80]


def _line_of(error: BaseException) -> str:
    """The source line of the program or its tests where the exception left it."""
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename in SOURCES:
            place = f" ({frame.filename}:{frame.lineno}: {frame.line})"
    return place
