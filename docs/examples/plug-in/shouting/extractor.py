"""The first indented block of a reply, as Markdown's older style of code has it."""

from __future__ import annotations

import re
import textwrap

from harness.extractors import EXTRACTORS, Found

_BLOCK = re.compile(r"(?:^(?: {4}|\t)[^\n]*\n?|^[ \t]*\n)+", re.MULTILINE)


def find(raw: str, prompt: str, entry_point: str) -> Found | None:
    """The block; a fenced one, or the whole reply, where none is indented."""
    for match in _BLOCK.finditer(raw):
        if match[0].strip() and "```" not in raw:
            return Found(text=textwrap.dedent(match[0]).strip("\n") + "\n", start=match.start(), end=match.end())
    return EXTRACTORS["first"](raw, prompt, entry_point)
