"""JSON lines: one object a line, plain or packed with gzip; every fault is named by file and line."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import InputError, ProblemError


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked if its name ends in .gz. Raises ProblemError where it cannot be read."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemError(f"{path} cannot be read: {error}") from error


def parse_object(line: bytes, where: str, error: type[InputError] = InputError) -> dict[str, Any]:
    """The JSON object in a line; `where` names it in a message. Raises `error`: not UTF-8, not JSON, no object."""
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as fault:
        raise error(not_utf8(where, fault)) from fault
    except (ValueError, RecursionError) as fault:
        raise error(f"{where}: not JSON ({fault})") from fault
    if not isinstance(found, dict):
        raise error(f"{where}: a JSON object is expected, not {type(found).__name__}")
    return found


def not_utf8(where: str, fault: UnicodeDecodeError) -> str:
    """What to say of bytes that are no text."""
    byte = fault.object[fault.start]
    return f"{where}: not UTF-8 (byte 0x{byte:02x} at {fault.start}); convert it: iconv -f ENCODING -t UTF-8"


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """(line number, object, raw line) of each line that is not blank. Raises ProblemError: what, file and line."""
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            yield number, parse_object(line, f"{path}, line {number}", ProblemError), line
