"""The share of an answer's letters that are capitals."""

from __future__ import annotations

from harness.metrics import share

METRICS = (share("upper_case_share", headline=True),)


def upper_case_share(text: str) -> float:
    """Capitals among the letters; 0 where there is no letter."""
    letters = [char for char in text if char.isalpha()]
    return sum(char.isupper() for char in letters) / len(letters) if letters else 0.0
