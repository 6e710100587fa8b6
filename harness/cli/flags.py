"""Flags that a message names: which of them the command has that prints it, and whose the others are.

A message of a package that several commands use may advise an option that only one of them has. `whose` says so, so
that nobody looks for it in vain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9_-]*[a-z0-9]")
_COMMAND = re.compile(r"\bharness ([a-z]+(?: [a-z]+)?)")
# Another program's command, with its flags.
_FOREIGN = re.compile(r"\b(?:ray start|ray symmetric-run|docker|pip install|apt-get)\b[^;,)`\n]*")
_CLAUSE = re.compile(r"[;`\n]|\.(?: |$)|, (?:or|then)\b")


def named_flags(message: str) -> Iterator[tuple[str, str | None]]:
    """(flag, the command that the message gives it to), None for the one that prints it: `harness run --k 1`."""
    for clause in _CLAUSE.split(_FOREIGN.sub("", message)):
        commands = list(_COMMAND.finditer(clause))
        for found in _FLAG.finditer(clause):
            before = [each[1] for each in commands if each.start() < found.start()]
            yield found[0], before[-1] if before else None


def options(commands: Mapping[str, Any], name: str) -> set[str]:
    """The flags of a command, of `review close` too; of a group those of all in it. Empty for an unknown one."""
    first, _, second = name.partition(" ")
    if first not in commands:
        return set()
    command = commands[first]
    parts = getattr(command, "commands", None)
    if parts is None:
        return _own(command)
    chosen = [parts[second]] if second in parts else list(parts.values())
    return {flag for each in chosen for flag in _own(each)}


def whose(message: str, commands: Mapping[str, Any], name: str) -> str:
    """What to add to a message of the command `name`: the owners of flags that it lacks; empty where it has all."""
    mine = options(commands, name)
    missing = dict.fromkeys(flag for flag, command in named_flags(message) if command is None and flag not in mine)
    parts = []
    for flag in missing:
        owners = [each for each in commands if flag in options(commands, each)]
        if owners:
            parts.append(f"{flag} is an option of {', '.join(f'harness {each}' for each in owners)}")
    first, _, second = name.partition(" ")
    asked = name if mine and second in getattr(commands[first], "commands", {}) else first
    return f" ({'; '.join(parts)}; harness {asked} has none)" if parts and mine else ""


def _own(command: Any) -> set[str]:
    return {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}
