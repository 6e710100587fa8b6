"""What a shell's completion offers in place of files: problem sets, runs, models, names of formats and the like.

Commands and options complete themselves. A parameter completes by its name, so that a new command needs nothing. The
shell's own part is typer's, and for bash our own (`harness completion SHELL` prints it); it calls `harness` with
`_HARNESS_COMPLETE`.
"""

from __future__ import annotations

import itertools
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ASKED = "_HARNESS_COMPLETE"
LINE = "_HARNESS_LINE"  # up to the cursor, as bash has it
MOST_FOLDERS = 5000  # that are looked at for runs
MOST_RUNS = 200
LISTS = {"problems", "task", "report_to", "to", "metrics", "languages"}  # given with commas between


@dataclass(frozen=True, slots=True)
class Offer:
    """One word that a shell offers, in the form that typer's classes of shells read."""

    value: str
    help: str | None = None
    type: str = "plain"


def asked() -> bool:
    """Whether a shell asks for completions now."""
    return ASKED in os.environ


def prepare() -> None:
    """Make typer's classes of shells known, before its answer, and of bash's line the words that they read."""
    from typer.completion import completion_init  # type: ignore[attr-defined]  # what its own options take

    completion_init()
    line = os.environ.get(LINE)
    if line is not None:
        words = len(_words_of(line))
        os.environ |= {"COMP_WORDS": line, "COMP_CWORD": str(words if line[-1:].isspace() else words - 1)}


def _words_of(line: str) -> list[str]:
    """A line's words as a shell divides it; a quotation that is not at its end yet is one word."""
    reader = shlex.shlex(line, posix=True)
    reader.whitespace_split, reader.commenters = True, ""
    found: list[str] = []
    try:
        found.extend(reader)
    except ValueError:
        found.append(reader.token)
    return found


def add(command: Any) -> Any:
    """The command, or every command of a group, whose parameters complete by their names."""
    for each in getattr(command, "commands", {}).values():
        add(each)
    for parameter in getattr(command, "params", ()):
        name = "problems" if parameter.name == "tests" else parameter.name
        offered = _BY_NAME.get(f"{command.name} {name}") or _BY_NAME.get(name)
        if offered is not None:
            parameter.shell_complete = _completer(offered, several=name in LISTS)
    return command


def commands(summaries: Mapping[str, str], begun: str) -> list[Offer]:
    """The commands that begin so."""
    return [Offer(name, summary) for name, summary in summaries.items() if name.startswith(begun)]


def _completer(offered: Callable[[str], Iterator[str]], *, several: bool) -> Callable[[Any, str], list[Offer]]:
    def complete(context: Any, begun: str) -> list[Offer]:  # noqa: ARG001 - typer gives it
        before, comma, last = begun.rpartition(",") if several else ("", "", begun)
        found = (each for each in offered(last) if each.startswith(last) and each.isprintable())
        return [Offer(f"{before}{comma}{each}") for each in found]

    return complete


def runs(begun: str) -> Iterator[str]:
    """Run directories below `results`, or below the folder that is begun; the newest name first."""
    head = begun if begun.endswith("/") else os.path.dirname(begun)
    folder = head or "results"
    found = []
    for place, folders, files in itertools.islice(os.walk(folder), MOST_FOLDERS):
        folders[:] = [each for each in folders if not each.startswith(".")]
        if "manifest.json" in files:
            folders.clear()
            found.append(place)
    return itertools.islice(sorted(found, key=lambda path: (os.path.basename(path), path), reverse=True), MOST_RUNS)


def _sets(begun: str) -> Iterator[str]:
    """Names of sets, and after a colon the parts of the one before it."""
    from harness.datasets._loading import known_names, published  # measured: 0.2 s

    name, colon, _ = begun.partition(":")
    if not colon:
        return iter(known_names())
    parts = getattr(published(name), "VARIANTS", None)
    return (f"{name}:{each}" for each in (parts.names if parts else ()))


def _models(begun: str) -> Iterator[str]:  # noqa: ARG001
    from harness.models import NAMES

    return iter(NAMES)


def _plug_ins(package: str, *more: str) -> Callable[[str], Iterator[str]]:
    def offered(begun: str) -> Iterator[str]:  # noqa: ARG001
        from harness import registry

        return iter((*more, *registry.names(package)))

    return offered


def _words(*words: str) -> Callable[[str], Iterator[str]]:
    return lambda begun: iter(words)  # noqa: ARG005


def _formats(mode: str, *more: str) -> Callable[[str], Iterator[str]]:
    def offered(begun: str) -> Iterator[str]:  # noqa: ARG001
        from harness.exchange import format_names

        return iter((*more, *format_names(mode)))

    return offered


def _verdicts(begun: str) -> Iterator[str]:  # noqa: ARG001
    from sandbox.types import Verdict

    return (each.value for each in Verdict)


def _languages(begun: str) -> Iterator[str]:  # noqa: ARG001
    from sandbox.types import LANGUAGES

    return iter(LANGUAGES)


def _tables(begun: str) -> Iterator[str]:  # noqa: ARG001
    from harness.cli.formats import FORMATS

    return iter(FORMATS)


_BY_NAME: Mapping[str, Callable[[str], Iterator[str]]] = {
    "problems": _sets,
    "run": runs,
    "runs": runs,
    "baseline": runs,
    "score samples": runs,
    "extract replies": runs,
    "model": _models,
    "base": _models,
    "tuned": _models,
    "serve name": _models,
    "model name": _models,
    "engine": _plug_ins("harness.engines", "auto"),
    "extractor": _plug_ins("harness.extractors"),
    "task": _plug_ins("harness.tasks"),
    "report_to": _plug_ins("harness.trackers"),
    "to": _plug_ins("harness.trackers"),
    "sandbox": _words("auto", "docker", "bubblewrap"),
    "backend": _words("auto", "docker", "bubblewrap"),
    "isolation": _words("pool", "container"),
    "form": _words("auto", "completion", "chat"),
    "metrics": _words("pass@k", "pass^k", "g-pass@k"),
    "strategy": _words("random", "temporal", "category", "group"),
    "sort": _words("set", "name", "passed"),
    "verdict": _verdicts,
    "language": _languages,
    "languages": _languages,
    "format_of_tables": _tables,
    "export format_": _formats("write"),
    "import format_": _formats("read", "auto"),
    "shell": _words("bash", "zsh", "fish"),
}
