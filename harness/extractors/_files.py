"""Answers that are several files: each whole, in a fenced block, with its path before it. Pure text work.

    src/lib.rs
    ```rust
    pub fn add() ...
    ```

The path stands in the last line of text before the block, alone or as models dress it (`**src/lib.rs**`, `### File:
src/lib.rs`, in backticks); or in the fence's own line, or in a comment that is the block's first line. So Aider's
format "whole" is read, which asks for the first of these.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from harness.extractors import _markdown
from harness.extractors._markdown import Block

_PATH = re.compile(r"(?:\./)?((?:[\w-]+/)*[\w-]+(?:\.[\w-]+)+)")
_COMMENT = re.compile(r"[ \t]*(?://|#|--|/\*)[ \t]*(?:[Ff]ile(?:name)?:?[ \t]*)?(\S+)[ \t]*(?:\*/)?[ \t]*\Z")
_LINE = 200  # characters of a line that may name a file


def read_files(raw: str, names: Collection[str], suffixes: Collection[str]) -> dict[str, str]:
    """The files of an answer by path, of two with one path the last.

    names: those that were asked for; a path may leave out their folders where that is clear. Other files are new ones,
    where they end with one of `suffixes`. Without any path, the last block is the file, if one was asked for.
    """
    text = _markdown.answer(raw)
    blocks = [each for each in _markdown.blocks(text) if each.text.strip()]
    found: dict[str, str] = {}
    place = 0
    for block in blocks:
        path = _path_of(text[place : block.start], block, names, suffixes)
        place = block.end
        if path:
            found[path] = block.text.rstrip("\n") + "\n"
    if not found and len(names) == 1 and (blocks or raw.strip()):
        found[next(iter(names))] = (blocks[-1].text if blocks else _markdown.unix(raw)).rstrip("\n") + "\n"
    return found


def _path_of(before: str, block: Block, names: Collection[str], suffixes: Collection[str]) -> str:
    """The path of a block; empty where nothing names one."""
    lines = [line.strip() for line in before.split("\n") if line.strip()]
    opening = lines.pop() if lines and re.match(r"(?:[-*+]|\d{1,3}[.)])?[ \t]*(?:```|~~~)", lines[-1]) else ""
    if lines and re.fullmatch(r"`{3,}|~{3,}", lines[-1]):  # the end of the block before
        lines.pop()
    first = _COMMENT.match(block.text.partition("\n")[0][:_LINE])
    said = [opening[:_LINE], lines[-1][-_LINE:] if lines else "", first[1] if first else ""]
    for text in said:
        for path in reversed(_PATH.findall(text)):
            if known := _known(path, names):
                return known
    for text in (said[0], said[1].strip("*#`: "), said[2]):  # a new file's name stands alone
        path = _PATH.search(text) if text is said[0] else _PATH.fullmatch(text)
        if path and path[1].endswith(tuple(suffixes)):
            return path[1]
    return ""


def _known(path: str, names: Collection[str]) -> str:
    """The file that was asked for under this path or its end; empty for none or several."""
    if path in names:
        return path
    ending = [name for name in names if name.endswith(f"/{path}") or path.endswith(f"/{name}")]
    return ending[0] if len(ending) == 1 else ""
