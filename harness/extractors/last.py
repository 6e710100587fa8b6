"""Extractor `last`: the last Python block of a reply, as it stands."""

from __future__ import annotations

from harness.extractors._blocks import one_of
from harness.extractors._found import Found


def find(raw: str, _prompt: str, _entry_point: str) -> Found:
    """The last Python block; the whole answer where there is none."""
    return one_of(raw, lambda blocks: blocks[-1])
