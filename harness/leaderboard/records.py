"""What of the records of a run's completions and executions tables need: verdicts, tokens, places of examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from harness.errors import HarnessError
from harness.runs.layout import COMPLETIONS, EXECUTIONS
from sandbox.types import Verdict


class UnusableError(HarnessError):
    """Why a run is left out; outside this package only where a file changed while it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a run read and wrote, where its engine said so. prompt: once per problem."""

    prompt: int
    completion: int
    completions: int  # those whose count is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Where one completion is in the run's files, in bytes from their start; execution_at: None without one."""

    index: int
    completion_at: int
    execution_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What a table needs of them: of each problem its verdicts and examples, as `results.LeaderboardRun` has them."""

    verdicts_of: Mapping[str, Mapping[int, str | None]]
    tokens: Tokens | None
    examples: Mapping[str, tuple[Example, ...]]


def read_details(completions: bytes, executions: bytes) -> Details:
    """From the bytes of both files. Raises UnusableError for a line that is no record."""
    ran: dict[str, dict[int, tuple[str, int]]] = {}  # problem -> index -> verdict, place
    for place, row in _placed_lines(executions, EXECUTIONS):
        ran.setdefault(row["problem_id"], {})[row["index"]] = (str(row.get("verdict")), place)
    verdicts: dict[str, dict[int, str | None]] = {}
    examples: dict[str, dict[bool, Example]] = {}
    prompts: dict[str, int] = {}
    written = known = 0
    for place, row in _placed_lines(completions, COMPLETIONS):
        name, index = row["problem_id"], row["index"]
        verdict, ran_at = ran.get(name, {}).get(index, (None, None))
        verdicts.setdefault(name, {})[index] = verdict
        found = examples.setdefault(name, {})
        kind = verdict == Verdict.ACCEPTED
        if kind not in found or index < found[kind].index:
            found[kind] = Example(index=index, completion_at=place, execution_at=ran_at)
        if isinstance(row.get("completion_tokens"), int):
            written, known = written + row["completion_tokens"], known + 1
        if isinstance(row.get("prompt_tokens"), int):
            prompts[name] = row["prompt_tokens"]
    for name, results in ran.items():
        for index, (verdict, _) in results.items():
            verdicts.setdefault(name, {})[index] = verdict
    return Details(
        verdicts_of={key: dict(sorted(marks.items())) for key, marks in verdicts.items()},
        tokens=Tokens(prompt=sum(prompts.values()), completion=written, completions=known) if known else None,
        examples={
            key: tuple(found[kind] for kind in (True, False) if kind in found) for key, found in examples.items()
        },
    )


def parsed_lines(data: bytes, file: str) -> Iterator[dict[str, Any]]:
    """The records of a file of completions or executions; a torn last line is left out."""
    return (row for _, row in _placed_lines(data, file))


def _placed_lines(data: bytes, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(bytes before it, record) of each."""
    *lines, _ = data.split(b"\n")
    place = 0
    for number, line in enumerate(lines, start=1):
        yield place, parsed_line(line, f"{file}, line {number}")
        place += len(line) + 1


def parsed_line(line: bytes, where: str) -> dict[str, Any]:
    """A record of a file of completions, executions or scores. Raises UnusableError for what is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnusableError(f"{where}: not JSON ({first_line(error)})") from error
    if not isinstance(row, dict) or not isinstance(row.get("problem_id"), str) or type(row.get("index")) is not int:
        raise UnusableError(f"{where}: no problem_id and index")
    return row


def first_line(error: Exception) -> str:
    """What is wrong, in one line."""
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
