"""What of a completion is the answer."""

from __future__ import annotations


def without_reasoning(text: str) -> str | None:
    """`text` without what a reasoning model thinks aloud, up to `</think>`; None where the thinking has no end."""
    thought, _, answer = text.rpartition("</think>")
    return None if not thought and "<think>" in answer else answer.strip()
