"""`--format` and `--output`, of every command that has `--json`: added once, here.

    table                   for people, the default
    markdown, latex, csv    the tables alone, for reports, papers and other tools
    json                    what --json prints

The lines around a table then go to stderr. A file that `--output` names is written whole or not at all. A command's
file names those of its commands that print no table: `TABLELESS`.
"""

import contextlib
import functools
import io
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main

from harness.errors import InputError, did_you_mean
from harness.files.atomic import replacing_path

FORMATS = ("table", "markdown", "latex", "csv", "json")
HELP = "table, markdown, latex (booktabs), csv or json."
# Parameters of commands that write a format in a way of their own: format -> names.
_OWN = {"json": ("as_json",), "markdown": ("markdown",), "csv": ("csv", "as_csv")}


def add(command: Any, tableless: Collection[str] = ()) -> Any:
    """The command, or every command of a group, with the two options where it has `--json`.

    tableless: names of those that print no table, whose only other format is JSON.
    """
    for each in getattr(command, "commands", {}).values():
        add(each, tableless)
    names = {parameter.name for parameter in command.params}
    given = {text for parameter in command.params for text in (*parameter.opts, *parameter.secondary_opts)}
    if "as_json" not in names or "--format" in given:
        return command
    forms = ("table", "json") if command.name in tableless else FORMATS
    command.params += _options("table or json." if command.name in tableless else HELP)
    command.callback = _called(command.callback, names, forms)
    return command


def _options(text: str) -> list[Any]:
    """The two options, as typer makes them. text: of the first one's help."""

    def declared(
        format_of_tables: Annotated[
            str | None,
            typer.Option("--format", metavar="FORMAT", help=text),
        ] = None,
        output_file: Annotated[
            str | None, typer.Option("--output", metavar="FILE", help="Write what is printed to this file.")
        ] = None,
    ) -> None:
        pass

    line = typer.Typer(add_completion=False)
    line.command()(declared)
    made: Any = typer.main.get_command(line)
    return [each for each in made.params if each.name in ("format_of_tables", "output_file")]


def _called(callback: Callable[..., None], names: set[str], forms: Sequence[str]) -> Callable[..., None]:
    """The command's function, which is given neither option: its output is formatted and sent from outside."""

    @functools.wraps(callback)
    def call(*, format_of_tables: str | None, output_file: str | None, **values: Any) -> None:
        form = _parsed(format_of_tables, forms)
        own = next((name for name in _OWN.get(form, ()) if name in names), None)
        if own is not None:
            values[own] = True
        with _tables_as("table" if own else form), _sent_to(output_file):
            callback(**values)

    return call


def _parsed(given: str | None, forms: Sequence[str]) -> str:
    form = given or "table"
    if form not in forms:
        why = "; this command prints no table" if form in FORMATS else did_you_mean(form, forms)
        raise InputError(f"--format takes {', '.join(forms[:-1])} or {forms[-1]}, not {form!r}{why}")
    return form


@contextlib.contextmanager
def _tables_as(form: str) -> Iterator[None]:
    """Print tables in this format."""
    if form == "table":
        yield
        return
    from harness.cli.display import console  # measured: rich takes 0.1 s

    before = console.out.format
    console.out.use(console.TableFormat(form))
    try:
        yield
    finally:
        console.out.use(before)


@contextlib.contextmanager
def _sent_to(file: str | None) -> Iterator[None]:
    """Keep what is printed, and write it when the command has come to its end, whatever its exit code."""
    if file is None:
        yield
        return
    path = Path(file).expanduser()
    with replacing_path(path) as temporary:
        printed = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="")
        ended: typer.Exit | None = None
        with contextlib.redirect_stdout(printed):
            try:
                yield
            except typer.Exit as code:
                ended = code
        printed.flush()
        temporary.write_bytes(printed.buffer.getvalue())
    if ended is not None:
        raise ended
