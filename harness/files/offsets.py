"""Where lines begin in a file: what is held of a file that is too large to be held itself."""

from __future__ import annotations

import array
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ABSENT = -1


def filled_lines(file: IO[bytes], start: int = 0) -> Iterator[tuple[int, int, bytes]]:
    """(number from 1, offset, line) of each line from offset `start` on that is not blank."""
    file.seek(start)
    offset = start
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, offset, line
        offset += len(line)


def sample_offsets(path: Path) -> dict[str, array.array[int]]:
    """Problem id -> offset of each index's line in a file of a run, ABSENT where there is none.

    A torn last line is left out; a file that does not exist has no lines.
    """
    table: dict[str, array.array[int]] = {}
    if not path.exists():
        return table
    with open(path, "rb") as file:
        for _, offset, line in filled_lines(file):
            if line.endswith(b"\n"):
                record = json.loads(line)
                offsets = table.setdefault(record["problem_id"], array.array("q"))
                offsets.extend([ABSENT] * (record["index"] + 1 - len(offsets)))
                offsets[record["index"]] = offset
    return table


def offset_of(table: dict[str, array.array[int]], problem_id: str, index: int) -> int | None:
    """Where a sample's line begins; None where it has none."""
    offsets = table.get(problem_id)
    if offsets is None or index >= len(offsets) or offsets[index] == ABSENT:
        return None
    return offsets[index]
