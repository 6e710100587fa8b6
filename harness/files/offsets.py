"""Where lines begin in a file: what is held of a file that is too large to be held itself."""

from __future__ import annotations

import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from harness.errors import InputError
from harness.files.jsonl import parse_object
from harness.files.limits import limits
from harness.files.opened import bounded_lines, open_input

ABSENT = -1
SPARE = 1000  # indexes without a line of their own that a line may leave free, on the average


def filled_lines(
    file: IO[bytes], name: str, error: type[InputError] = InputError, start: int = 0
) -> Iterator[tuple[int, int, bytes]]:
    """(number from 1, offset, line) of each line from offset `start` on that is not blank. Raises `error`."""
    file.seek(start)
    offset = start
    for number, line in enumerate(bounded_lines(file, name, error), start=1):
        if line.strip():
            yield number, offset, line
        offset += len(line)


def sample_offsets(path: Path) -> dict[str, array.array[int]]:
    """Problem id -> offset of each index's line in a file of a run, ABSENT where there is none.

    A torn last line is left out; a file that does not exist has no lines. Raises InputError with file and line.
    """
    table: dict[str, array.array[int]] = {}
    if not path.exists():
        return table
    held = 0
    with open_input(path) as file:
        for number, offset, line in filled_lines(file, str(path)):
            if line.endswith(b"\n"):
                where = f"{path}, line {number}"
                problem_id, index = sample_of(parse_object(line, where), where)
                offsets = table.setdefault(problem_id, array.array("q"))
                missing = max(index + 1 - len(offsets), 0)
                held += missing
                if held > limits().index + SPARE * number:
                    raise InputError(f"{where}: the index {index} leaves too many samples out")
                offsets.extend(array.array("q", [ABSENT]) * missing)
                offsets[index] = offset
    return table


def sample_of(record: dict[str, object], where: str) -> tuple[str, int]:
    """(problem id, index) of a record of a run. Raises InputError where it has none, or none that can be."""
    problem_id, index = record.get("problem_id"), record.get("index")
    if not isinstance(problem_id, str) or type(index) is not int or not 0 <= index < limits().index:
        raise InputError(f"{where}: a problem_id and an index from 0 are expected")
    return problem_id, index


def offset_of(table: Mapping[str, array.array[int]], problem_id: str, index: int) -> int | None:
    """Where a sample's line begins; None where it has none."""
    offsets = table.get(problem_id)
    if offsets is None or index >= len(offsets) or offsets[index] == ABSENT:
        return None
    return offsets[index]
