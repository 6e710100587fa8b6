"""Extractor `longest`: the longest Python block of a reply that parses; the longest of all where none does."""

from __future__ import annotations

from harness.extractors import _python
from harness.extractors._blocks import one_of
from harness.extractors._found import Found
from harness.extractors._markdown import Block


def find(raw: str, _prompt: str, _entry_point: str) -> Found:
    """The longest block; the whole answer where there is none."""
    return one_of(raw, _longest)


def _longest(blocks: list[Block]) -> Block:
    reader = _python.Reader()
    return max(blocks, key=lambda block: (reader.tree(block.text) is not None, len(block.text)))
