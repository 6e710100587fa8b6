"""What the plain extractors share: one of the Python blocks of a reply, as it stands."""

from __future__ import annotations

from collections.abc import Callable

from harness.extractors import _markdown
from harness.extractors._found import Found
from harness.extractors._markdown import Block


def one_of(raw: str, choose: Callable[[list[Block]], Block]) -> Found:
    """The Python block that `choose` takes; the whole answer, without reasoning, where there is none."""
    answer = _markdown.answer(raw)
    blocks = [block for block in _markdown.blocks(answer) if block.python]
    if not blocks:
        return whole(answer)
    block = choose(blocks)
    return Found(text=block.text, start=block.start, end=block.end)


def whole(raw: str) -> Found:
    """All of a text."""
    return Found(text=_markdown.unix(raw).strip("\n") + "\n", start=0, end=len(raw))
