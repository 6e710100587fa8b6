"""What `--help` of a command shows beside its options: their groups where there are many, and its examples.

A command's file names them: EXAMPLES, two or more, by sub-command where it has those.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

MANY = 15  # options, from which on they stand in groups
OTHERS = "Options"
_TITLES = {"scoring": "Problems and scoring"}
Examples = Sequence[str] | Mapping[str, Sequence[str]]


class Writer(Protocol):
    """What writes help: typer's own formatter."""

    def section(self, name: str) -> AbstractContextManager[None]: ...
    def write_dl(self, rows: list[tuple[str, str]]) -> None: ...
    def write_text(self, text: str) -> None: ...


def add(command: Any, examples: Examples) -> Any:
    """The command, or every command of a group, with its examples and its options in groups."""
    below = getattr(command, "commands", None)
    for parameter in command.params:
        if parameter.metavar is None and parameter.param_type_name == "argument":
            parameter.metavar = str(parameter.name).upper().strip("_")
        parameter.get_help_record = functools.partial(_plain_types, parameter.get_help_record)
    command.collect_usage_pieces = functools.partial(_usage, command.collect_usage_pieces)
    if below is None:
        command.examples = tuple(examples)
        command.format_epilog = functools.partial(_write_examples, command.examples)
    else:
        given = examples if isinstance(examples, Mapping) else {}
        for name, each in below.items():
            add(each, given.get(name, ()))
    if below is None and sum(each.param_type_name == "option" for each in command.params) > MANY:
        command.format_options = functools.partial(_write, command)
    return command


def _plain_types(record: Callable[[Any], tuple[str, str] | None], context: Any) -> tuple[str, str] | None:
    """An option's line with `<str>` for `<list[str]>` and `<int>` for `<int range>`: the text says what is allowed."""
    found = record(context)
    return found and (re.sub(r"<(?:list\[(\w+)\]|(\w+) range)>", _plain_type, found[0]), found[1])


def _plain_type(found: re.Match[str]) -> str:
    return f"<{(found[1] or found[2]).lower()}>"


def _usage(pieces: Callable[[Any], list[str]], context: Any) -> list[str]:
    """What a command's usage is made of; what must be given stands without braces, as everywhere."""
    found = (re.sub(r"^\{(.*)\}", r"\1", each) for each in pieces(context))
    return [re.sub(r"(\.\.\.){2}$", "...", each) for each in found]


def _write_examples(examples: Sequence[str], context: Any, formatter: Writer) -> None:  # noqa: ARG001
    """Each on its line, however long: it is there to be copied."""
    if examples:
        with formatter.section("Examples"):
            formatter.write_text("\b\n" + "\n".join(examples))


def _write(command: Any, context: Any, formatter: Writer) -> None:
    """Arguments and options, by what they are about."""
    rows: dict[str, list[tuple[str, str]]] = {title: [] for title in _titles()}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            rows[_title(parameter)].append(record)
    for title, records in rows.items():
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def _titles() -> Iterator[str]:
    from harness.config import Group  # measured: 0.2 s

    yield "Arguments"
    yield from (_TITLES.get(each.value, each.value.capitalize()) for each in Group)
    yield OTHERS


def _title(parameter: Any) -> str:
    from harness.config import command_line_flags

    if parameter.param_type_name == "argument":
        return "Arguments"
    flag = command_line_flags().get(parameter.name)
    return _TITLES.get(flag.group.value, flag.group.value.capitalize()) if flag else OTHERS
