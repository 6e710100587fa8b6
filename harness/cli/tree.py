"""The commands of `harness`, and their help.

A file in `harness/cli/commands` is a command. Its first line says in `harness --help` what it does, `GROUP` under which
heading: both are read without importing it. Only the command that is called is imported: its `app`, where it has
sub-commands of its own, else the function of the file's name (`execute` for `exec`).
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
import typer.core
import typer.main

from harness import __version__, registry
from harness.cli import completions, formats, help_text, starting
from harness.files.limits import allow

PACKAGE = "harness.cli.commands"
FOLDER = Path(__file__).with_name("commands")
GROUPS = ("run and score", "inspect", "compare", "data", "sandbox", "images", "people", "serve", "maintain")


class About(NamedTuple):
    """What a command's file says of it."""

    summary: str
    group: str


def about(name: str) -> About:
    """Of the command in the file `name`, which is read and not imported."""
    module = ast.parse((FOLDER / f"{name}.py").read_bytes())
    group = next(
        (
            line.value.value
            for line in module.body
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant)
            if [ast.unparse(target) for target in line.targets] == ["GROUP"]
        ),
        "",
    )
    return About((ast.get_docstring(module) or "").partition("\n")[0], str(group))


class Commands(Mapping[str, Any]):
    """Name -> command, imported when it is asked for."""

    def __init__(self) -> None:
        self.files = {name.removesuffix("_"): name for name in registry.names(PACKAGE)}

    def __getitem__(self, name: str) -> Any:
        file = self.files[name]
        module = registry.load(PACKAGE, file, "command")
        gc.freeze()  # what is imported stays: no collection need look at it
        gc.enable()
        starting.say(f"harness {name} is at work")
        holder = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, callback=lambda: None)
        if hasattr(module, "app"):
            holder.add_typer(module.app, name=name)
        else:
            holder.command(name)(getattr(module, file, None) or module.execute)
        made = typer.main.get_group(holder).commands[name]
        made = formats.add(made, getattr(module, "TABLELESS", ()))
        command = help_text.add(made, getattr(module, "EXAMPLES", ()))
        return completions.add(command) if completions.asked() else command

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


class _Group(typer.core.TyperGroup):
    """The commands by what people want, each imported when it is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = Commands()  # typer says dict; it only reads

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002
        """Their names."""
        return list(self.commands)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The commands by what they do, none of which is imported; or the options of `harness`."""
        if incomplete.startswith("-"):
            return typer.core.TyperCommand.shell_complete(self, ctx, incomplete)
        found = {name: about(file).summary for name, file in self.commands.files.items()}
        return completions.commands(found, incomplete)

    def format_commands(self, ctx: object, formatter: help_text.Writer) -> None:  # noqa: ARG002
        """A section for each group."""
        found = {name: about(file) for name, file in self.commands.files.items()}
        for group in (*GROUPS, *sorted({each.group for each in found.values()} - set(GROUPS))):
            rows = [(name, each.summary) for name, each in found.items() if each.group == group]
            if rows:
                width = max(map(len, found))  # one column for all sections
                with formatter.section(group[:1].upper() + group[1:] or "More"):
                    formatter.write_dl([(name.ljust(width), summary) for name, summary in rows])


app = typer.Typer(
    name="harness",
    cls=_Group,
    help="How good is this code model, and can the number be trusted?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def harness(
    version: Annotated[  # noqa: ARG001 - its callback reads it
        bool, typer.Option("--version", callback=_version, is_eager=True)
    ] = False,
    input_limits: Annotated[
        float, typer.Option(min=1, max=1024, help="Read files up to this many times larger than usual.")
    ] = 1,
) -> None:
    """How good is this code model, and can the number be trusted?"""
    if input_limits > 1:
        allow(input_limits)
