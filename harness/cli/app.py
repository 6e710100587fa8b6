"""The `harness` command: its sub-commands, and what an error becomes.

A file in `harness/cli/commands` is a command. Its first line says in `harness --help` what it does, `GROUP` under which
heading: both are read without importing it. Only the command that is called is imported: its `app`, where it has
sub-commands of its own, else the function of the file's name (`execute` for `exec`).

Exit codes: 0 done, 1 a checked thing failed, 2 bad input, 3 our own failure.
"""

from __future__ import annotations

import ast
import itertools
import shlex
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol

import typer
import typer.core
import typer.main

from harness import __version__, registry
from harness.cli import flags, formats
from harness.errors import EngineError, HarnessError, HostsLost, InputError, Interrupted
from harness.files.limits import allow
from harness.text.printable import printable
from sandbox.errors import SandboxError

LONGEST_MESSAGE = 2000  # characters
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


class _Commands(Mapping[str, Any]):
    """Name -> command, imported when it is asked for."""

    def __init__(self) -> None:
        self.files = {name.removesuffix("_"): name for name in registry.names(PACKAGE)}

    def __getitem__(self, name: str) -> Any:
        file = self.files[name]
        module = registry.load(PACKAGE, file, "command")
        holder = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, callback=lambda: None)
        if hasattr(module, "app"):
            holder.add_typer(module.app, name=name)
        else:
            holder.command(name)(getattr(module, file, None) or module.execute)
        return formats.add(typer.main.get_group(holder).commands[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


class _Writer(Protocol):
    """What writes help: typer's own formatter."""

    def section(self, name: str) -> AbstractContextManager[None]: ...
    def write_dl(self, rows: list[tuple[str, str]]) -> None: ...


class _Group(typer.core.TyperGroup):
    """The commands by what people want, each imported when it is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = _Commands()  # typer says dict; it only reads

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002
        """Their names."""
        return list(self.commands)

    def format_commands(self, ctx: object, formatter: _Writer) -> None:  # noqa: ARG002
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
        float, typer.Option(min=1, max=1024, help="Read files this many times larger than the usual limits.")
    ] = 1,
) -> None:
    """How good is this code model, and can the number be trusted?"""
    if input_limits > 1:
        allow(input_limits)


def main() -> None:
    """Run the command line; never returns."""
    try:
        app()
    except InputError as error:
        _fail(error, 2)
    except Interrupted as error:
        _fail(error, 130)
    except (EngineError, HostsLost) as error:
        _fail(f"{error}\ngo on with: {_command()}", 3)
    except (HarnessError, SandboxError) as error:
        _fail(error, 3)
    except Exception:  # a fault in the harness: show it whole, and never as "a checked thing failed"
        traceback.print_exc()
        sys.exit(3)


def _command() -> str:
    """As it was given, for a shell."""
    name = Path(sys.argv[0]).name
    return shlex.join([*(["python", "-m", "harness"] if name == "__main__.py" else [name]), *sys.argv[1:]])


def _called() -> str:
    """The command that was called, with its sub-command."""
    words = list(itertools.takewhile(lambda each: not each.startswith("-"), sys.argv[1:]))
    return " ".join(words[:2])


def _fail(error: object, code: int) -> None:
    text = str(error)
    text += flags.whose(text, _Commands(), _called())
    if len(text) > LONGEST_MESSAGE:  # it names something that somebody made a megabyte long
        half = LONGEST_MESSAGE // 2
        text = f"{text[:half]} [... {len(text) - 2 * half:,} characters ...] {text[-half:]}"
    print(f"harness: {printable(text)}", file=sys.stderr)
    sys.exit(code)
