"""Languages that programs may be written in: one file each, found by its name.

A file `<name>.py` here defines `LANGUAGE`, a `Language`, and the name is the value of `Program.language`. What
serves several of them has an underscore. Nothing outside this package names a language.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass

from sandbox.types import LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How programs of one language are made and started.

    source_file: the name under which the source text stands in the program's working directory.
    compile: the command that checks or translates it, run in the working directory under the program's limits; empty
        where there is none. A command that fails is COMPILE_ERROR.
    run: the command that runs it; arguments of the program follow. Empty: the guest's own interpreter runs it, in the
        process that is forked for each program.
    fence_names: what a Markdown fence calls it, the first one being what we write.
    limits_factor: how many times the limits of a problem for Python this language gets.
    image: the sandbox image that has its tools; empty for the one that every program has.
    """

    source_file: str
    fence_names: tuple[str, ...]
    compile: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    limits_factor: float = 1.0
    image: str = ""

    def __post_init__(self) -> None:
        if not self.source_file or "/" in self.source_file:
            raise ValueError(f"source file {self.source_file!r}: a name without a folder is expected")
        if not self.fence_names:
            raise ValueError("a language has at least one name of a fence")
        if self.limits_factor <= 0:
            raise ValueError(f"limits factor {self.limits_factor}: must be above 0")


@functools.cache
def find(name: str) -> Language:
    """The language of a name. Raises ValueError for one that is not there."""
    if name not in LANGUAGES:
        raise ValueError(f"unknown language {name!r}; known: {', '.join(LANGUAGES)}")
    language: Language = importlib.import_module(f"sandbox.languages.{name}").LANGUAGE
    return language
