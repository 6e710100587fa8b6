"""JSON within the limits, and JSON lines: one object a line, plain or packed; every fault is named by file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic_core

from harness.errors import InputError, ProblemError
from harness.files.limits import HINT, limits
from harness.files.opened import not_utf8, read_lines, read_whole

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")  # half a pair, or a whole one
__all__ = [
    "not_utf8",
    "parse_json",
    "parse_object",
    "read_document",
    "read_json_items",
    "read_json_lines",
    "read_lines",
    "whole",
]


def parse(data: bytes) -> Any:
    """As `json.loads`, in a third of the time, for what we wrote ourselves. Raises ValueError, RecursionError.

    What the quicker parser refuses is given to that one: among it half a surrogate pair, which it takes.
    """
    try:
        return pydantic_core.from_json(data)
    except ValueError:
        return json.loads(data.decode("utf-8-sig"))


def parse_json(data: bytes, where: str, error: type[InputError] = InputError) -> Any:
    """The value in UTF-8 bytes; `where` names it in a message.

    Raises `error`: not UTF-8, not JSON, too deep, too many values, an integer of too many digits.
    """
    most = limits()
    nested = data.count(b"[") + data.count(b"{")
    if data.count(b",") + nested > most.values:
        raise error(f"{where}: more than {most.values:,} values in one; {HINT}")
    try:
        value = parse(data)
    except UnicodeDecodeError as fault:
        raise error(not_utf8(where, fault)) from fault
    except RecursionError as fault:
        raise error(_too_deep(where)) from fault
    except ValueError as fault:
        digits = "Exceeds the limit" in str(fault)  # of Python's own: its message names a function of Python
        reason = f"an integer of more than {most.digits} digits" if digits else f"not JSON ({fault})"
        raise error(f"{where}: {reason}") from fault
    if nested > most.depth and _deeper(value, most.depth):
        raise error(_too_deep(where))
    return value


def parse_object(line: bytes, where: str, error: type[InputError] = InputError) -> dict[str, Any]:
    """As `parse_json`, for what should be an object."""
    found = parse_json(line, where, error)
    if not isinstance(found, dict):
        raise error(f"{where}: a JSON object is expected, not {type(found).__name__}")
    return found


def read_document(path: Path, error: type[InputError] = InputError) -> Any:
    """The value that a whole file is, with texts that can be written. Raises `error`, with the file's name."""
    data = read_whole(path, error=error)
    return whole(parse_json(data, str(path), error), data)


def read_json_lines(path: Path, error: type[InputError] = ProblemError) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """(line number, object, raw line) of each line that is not blank. Raises `error`: what, file and line."""
    for number, line in enumerate(read_lines(path, error), start=1):
        if line.strip():
            yield number, parse_object(line, f"{path}, line {number}", error), line


def read_json_items(path: Path, error: type[InputError] = ProblemError) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """As `read_json_lines`; of a .json file that is one list its items, of which the first comes with all bytes."""
    data = read_whole(path, error=error) if path.suffix == ".json" else b""
    if not data.lstrip().startswith(b"["):
        yield from read_json_lines(path, error)
        return
    for number, item in enumerate(parse_json(data, str(path), error), start=1):
        if not isinstance(item, dict) or whole(item, data) != item:
            what = "half a surrogate pair is in a text" if isinstance(item, dict) else "a JSON object is expected"
            raise error(f"{path}, item {number}: {what}")
        yield number, item, data if number == 1 else b""


def whole(value: Any, data: bytes) -> Any:
    """The value of `data` with texts that can be written: half a surrogate pair in them becomes U+FFFD."""
    return _whole(value) if _SURROGATE.search(data) else value


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value if _is_whole(value) else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(each) for name, each in value.items()}
    return value


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_deep(where: str) -> str:
    return f"{where}: lists and objects are in each other more than {limits().depth} deep"


def _deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested deeper than `depth`; level by level, so that nothing recurses."""
    level = [value]
    for _ in range(depth + 1):
        inner: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                inner.extend(each.values())
            elif isinstance(each, list):
                inner.extend(each)
        level = [each for each in inner if isinstance(each, dict | list)]
        if not level:
            return False
    return True
