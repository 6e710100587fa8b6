"""What stands around a program that is no part of it: marks at its head and end, JSON, and tool calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from harness.extractors import _python

# A lone word or bracketed mark above a program (`python`, `[BEGIN]`, `Solution:`) is no statement of it: as Python it
# would be a name that nobody defined.
_HEAD = re.compile(
    r"\A\s*(?:(?!(?:pass|try|else|finally|return|raise|break|continue)\b)[\[<]?/?[A-Za-z]\w{0,24}[\]>]?:?[ \t]*\n+)+"
    r"(?=[ \t]*(?:def |class |import |from |@\w|async def |#|\"\"\"))"
)
_TAIL = re.compile(r"\n[ \t]*[\[<]/?[A-Za-z_]{1,16}[\]>][ \t]*\s*\Z")
_LARGEST = 1 << 20  # characters of JSON that are looked at
_DEEPEST = 20


def without_marks(answer: str) -> str:
    """The answer with a byte order mark and marks around an unfenced program turned into newlines: places stay."""
    if answer.startswith("\ufeff"):
        answer = "\n" + answer[1:]
    for mark in (_HEAD, _TAIL):
        found = mark.search(answer)
        if found and "```" not in found[0] and "~~~" not in found[0]:
            answer = answer[: found.start()] + "\n" * len(found[0]) + answer[found.end() :]
    return answer


def in_json(answer: str, entry_point: str) -> str | None:
    """The program that an answer holds in a string of JSON, such as a tool call's; None where there is none."""
    texts = [text for value in _values(answer) for text in _strings(value, _DEEPEST)]
    programs = [text for text in texts if _python.defines(text, entry_point)] if entry_point else []
    if not programs:
        programs = [text for text in texts if "\n" in text and _python.looks_like_code(text)]
    return programs[-1] if programs else None


def _values(answer: str) -> Iterator[Any]:
    plain = answer.strip()
    if len(plain) > _LARGEST:
        return
    pieces = [each.partition("</tool_call>")[0].strip() for each in plain.split("<tool_call>")[1:]]
    pieces += [each.strip().removeprefix("json").strip() for each in plain.split("```")[1::2]]
    if plain[:1] in ("{", "[") and plain[-1:] in ("}", "]"):
        pieces.append(plain)
    for piece in pieces:
        if piece[:1] not in ("{", "["):
            continue
        try:
            yield json.loads(piece)
        except (ValueError, RecursionError):
            continue


def _strings(value: Any, depth: int) -> Iterator[str]:
    """The texts in a JSON value; a text that is JSON itself, as the arguments of a tool call are, is looked into."""
    if depth == 0:
        return
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each, depth - 1)
    elif isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                yield from _strings(json.loads(value), depth - 1)
            except (ValueError, RecursionError):
                pass
        yield value
