"""A sandbox is started while the command is imported and reads its input, where the command line says which.

It is a guess, made from the words alone, that costs the unused sandbox's start where it is wrong; `sandbox.open` takes
what was started only where that is just what it asks for. Any option that is not known here means: no guess.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

# Options of `score` and `exec` that leave the sandbox as it usually is; those of VALUED have a value.
SWITCHES = {"--json", "--no-dedup", "--all-cases"}
VALUED = {"--sandbox", "--problems", "--k", "--out", "--only", "--limit", "--shuffle", "--results", "--workers",
          "--extractor", "--metrics", "--cpu-s", "--wall-s", "--stdin", "--file"}  # fmt: skip
PLUS, PLUS_MIB = ("plus", "+"), 1024  # in the name of a problem set, whose programs then have more memory


class Guess(NamedTuple):
    """A usual sandbox. memory_mib: that its programs have; None for the default."""

    backend: str
    memory_mib: int | None = None


def begin(arguments: list[str]) -> None:
    """Start a sandbox for the command that these arguments call, if it will surely need one."""
    found = guess(arguments)
    if found is not None:
        import sandbox  # measured: 60 ms, which --help need not wait for

        sandbox.begin(found.backend, found.memory_mib)


def end() -> None:
    """End what was started and not used."""
    if "sandbox" in sys.modules:
        sys.modules["sandbox"].end()


def guess(arguments: list[str]) -> Guess | None:
    """The usual sandbox that the command will open; None where that is not plain."""
    if arguments[:1] not in (["score"], ["exec"]):
        return None
    options: dict[str, str] = {}
    words: list[str] = []
    rest = iter(arguments[1:])
    for each in rest:
        name, equals, value = each.partition("=")
        if each == "--":
            break
        if not each.startswith("-") or each == "-":
            words.append(each)
        elif name in VALUED:
            options[name] = value if equals else next(rest, "")
        elif each not in SWITCHES:
            return None
    backend = options.get("--sandbox", "auto")
    problems = options.get("--problems", "humaneval").lower()
    if backend not in ("auto", "docker", "bubblewrap") or ":" in problems:
        return None
    if arguments[0] == "exec":
        return Guess(backend) if words[:1] and _runs_python(words[0]) else None
    memory_mib = PLUS_MIB if any(each in problems for each in PLUS) else None
    return Guess(backend, memory_mib) if words[:1] and Path(words[0]).is_file() else None


def _runs_python(source: str) -> bool:
    return source == "-" or (source.endswith(".py") and Path(source).is_file())
