"""JSON lines: one object a line, plain or packed with gzip; every fault is named by file and line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import ProblemError


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked if its name ends in .gz. Raises ProblemError where it cannot be read."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemError(f"{path} cannot be read: {error}") from error


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """(line number, object, raw line) of each JSONL row that is not blank. Raises ProblemError: what, file and line."""
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ProblemError(
                f"{path}, line {number}: not UTF-8 ({error.reason} at byte {error.start}); convert the file, "
                f"for example with: iconv -f latin1 -t utf-8"
            ) from error
        except (ValueError, RecursionError) as error:
            raise ProblemError(f"{path}, line {number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise ProblemError(f"{path}, line {number}: a JSON object is expected, not {type(row).__name__}")
        yield number, row, line
