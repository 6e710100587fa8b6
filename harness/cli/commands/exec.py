"""Run one untrusted program in a sandbox."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

import sandbox as boxes
from harness.cli import options, starting
from harness.cli.display.console import busy, err
from harness.config import Group, parse_config
from harness.errors import InputError
from harness.text.printable import printable
from sandbox import languages
from sandbox.types import LANGUAGES

GROUP = "sandbox"
TABLELESS = ("exec",)
EXAMPLES = (
    "harness exec main.cpp",
    "harness exec main.py --file data.csv -- data.csv",
)


@options.takes(Group.SANDBOX, without=("isolation", "dedup", "workers"))
def execute(
    source: Annotated[str, typer.Argument(help="A source file, or - for standard input.", metavar="FILE|-")],
    arguments: Annotated[list[str] | None, typer.Argument(help="The program's own arguments, after --.")] = None,
    language: Annotated[
        str | None, typer.Option(help="Its language, if the file's name does not tell. Default for -: python.")
    ] = None,
    stdin: Annotated[Path | None, typer.Option(help="A file that the program reads as standard input.")] = None,
    file: Annotated[list[Path] | None, typer.Option(help="A file to put beside the program; may be repeated.")] = None,
    *,
    flags: options.Flags,
    as_json: options.Json = False,
) -> None:
    """Run an untrusted program safely. Exit code 1 if it did not end well.

    The file's name tells its language. The first program in a language other than Python builds that language's image,
    which takes up to a minute.
    """
    config = parse_config(None, flags, {}, lambda _: {})  # of no task: to import one takes 0.1 s
    name = _language(source, language)
    if source == "-":
        starting.stop()  # somebody may be typing the program
    program = boxes.Program(
        language=name,
        source=_decoded(sys.stdin.buffer.read(), "standard input") if source == "-" else _text(Path(source)),
        argv=tuple(arguments or ()),
        stdin=_text(stdin) if stdin else "",
        files=_files(file or []),
    )
    backend = boxes.choose_backend(config.sandbox)
    limits = config.limits(None)
    with busy("making the sandbox ready", quiet=as_json):
        boxes.prepare(backend, lambda message: err.print(message, style="dim", highlight=False), name)
    with (
        busy(f"running {source} in a sandbox", quiet=as_json),
        boxes.open(backend, workers=1, ceiling=limits, runtime=config.runtime, language=name) as box,
    ):
        execution = box.run(program, limits=limits)
    if as_json:
        print(json.dumps(_record(execution)))
    else:
        print(printable(execution.stdout), end="")
        print(printable(execution.stderr), end="", file=sys.stderr)
        said = f"{execution.verdict}" + (f": {execution.detail}" if execution.detail else "")
        used = f"{execution.wall_s:.2f} s, {execution.cpu_s:.2f} s CPU, {execution.peak_memory_bytes / 2**20:.0f} MiB"
        err.print(f"[{backend}] {printable(said)} ({used})", style="dim", markup=False)
    if execution.verdict is boxes.Verdict.INTERNAL_ERROR:
        raise typer.Exit(3)
    if execution.verdict is not boxes.Verdict.ACCEPTED:
        raise typer.Exit(1)


def _language(source: str, named: str | None) -> str:
    """The language that is asked for, else that of the file's suffix; Python for a file without one."""
    if named is not None:
        try:
            return languages.resolve(named)
        except ValueError as error:
            raise InputError(f"--language: {error}") from error
    suffix = Path(source).suffix.lower() if source != "-" else ""
    found = languages.of_suffix(suffix) if suffix else "python"
    if found is None:
        raise InputError(
            f"{source}: no language's files end with {suffix}; name it with --language: {', '.join(LANGUAGES)}"
        )
    return found


def _record(execution: object) -> dict[str, object]:
    keys = (
        "verdict",
        "detail",
        "exit_code",
        "signal",
        "wall_s",
        "cpu_s",
        "peak_memory_bytes",
        "stdout",
        "stderr",
        "truncated",
    )
    record = dataclasses.asdict(execution)  # type: ignore[call-overload]
    return {key: record[key] for key in keys}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _files(paths: list[Path]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in paths:
        if path.name in files:
            raise InputError(f"two files are called {path.name}; they would lie in one folder")
        files[path.name] = _bytes(path)
    return files


def _text(path: Path) -> str:
    return _decoded(_bytes(path), str(path))


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text: {error}") from error
