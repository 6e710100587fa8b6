"""The pages in docs/commands, made from the commands' own declarations: `python -m docs.scripts.command_pages`.

    make docs-commands      write them
    ... --check             write nothing; exit code 1 where one is out of date

The command tree is click's, taken from typer when this runs, so nothing here knows a command or an option by its name.
What depends on the machine (the number of its processors, the width of its terminal) is not in a page.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import typer.main

FOLDER = Path(__file__).resolve().parents[1] / "commands"
RENEW = "make docs-commands"
_GENERATED = f"<!-- Made from the command's options by `{RENEW}`: change the command, not this page. -->"
_MACHINE = re.compile(r"\b\d+ for \d+ cores?\b")  # the default of --workers


def pages() -> dict[str, str]:
    """File name -> text, for every command and the list of them all."""
    from harness.cli import tree as line

    root = cast(Any, typer.main.get_command(line.app))
    found = {f"{name}.md": _page(f"harness {name}", root.commands[name]) for name in root.commands}
    return {
        "index.md": _index(line.GROUPS, {name: line.about(file) for name, file in root.commands.files.items()}),
        **found,
    }


def stale() -> list[str]:
    """The names of pages that are missing, out of date, or of no command."""
    made = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def write() -> None:
    """Write every page, and remove those of commands that are gone."""
    made = pages()
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def _index(groups: tuple[str, ...], commands: dict[str, Any]) -> str:
    lines = ["# Commands", "", _GENERATED]
    for group in groups:
        rows = [f"| [`harness {name}`]({name}.md) | {_cell(each.summary)} |"
                for name, each in commands.items() if each.group == group]  # fmt: skip
        if rows:
            lines += ["", f"## {group.capitalize()}", "", "| command | what it does |", "|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _page(name: str, command: Any) -> str:
    return "\n".join([f"# {name}", "", _GENERATED, *_section(name, command, 2)]) + "\n"


def _section(name: str, command: Any, level: int) -> Iterator[str]:
    """What it does, how it is called, its arguments and options; then the same for each command below it."""
    context = command.context_class(command, info_name=name)
    yield from ("", inspect.cleandoc(command.help or ""), "")
    yield from ("```text", f"{name} {' '.join(command.collect_usage_pieces(context))}".rstrip(), "```")
    for kind in ("argument", "option"):
        parameters = [each for each in command.params if each.param_type_name == kind]
        rows = [row for each in parameters if (row := each.get_help_record(context)) is not None]
        if rows:
            yield from ("", f"| {kind} | |", "|---|---|")
            yield from (f"| {_code(left)} | {_cell(right)} |" for left, right in rows)
    if getattr(command, "examples", ()):
        yield from ("", "```text", *command.examples, "```")
    for below, each in getattr(command, "commands", {}).items():
        yield from ("", f"{'#' * level} {name} {below}")
        yield from _section(f"{name} {below}", each, level + 1)


def _cell(text: str) -> str:
    text = _MACHINE.sub("what suits the processors", " ".join(text.split()))
    return re.sub(r"[<>]", lambda found: f"\\{found[0]}", text.replace("|", "\\|"))


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


if __name__ == "__main__":
    if "--check" in sys.argv:
        old = stale()
        sys.exit(f"out of date: {', '.join(old)}; renew them with: {RENEW}" if old else 0)
    write()
