"""Extractor `whole`: the reply as it stands, reasoning and all."""

from __future__ import annotations

from harness.extractors import _blocks
from harness.extractors._found import Found


def find(raw: str, _prompt: str, _entry_point: str) -> Found:
    """All of it."""
    return _blocks.whole(raw)
