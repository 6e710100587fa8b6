"""GenEval 2 (Kamath et al. 2025, arXiv 2512.16853): the scores of every atom of every prompt, `score_lists.json`.

A list with a list for each prompt, or an object prompt -> list; scores are between 0 and 1, but for what rounding adds:
its sums of token probabilities come out as 1.00000001, which counts as 1. The mean of arithmetic
means is about atoms (Soft-TIFA AM), that of geometric means about whole prompts (Soft-TIFA GM). Standard errors are
over prompts.
"""

from __future__ import annotations

import math
from typing import Any

from harness.errors import SamplesError
from harness.exchange import ImportedSet, InputFile, number
from harness.exchange.reported import clustered_mean

ROUND_TRIP = "numbers"
LARGEST = 1 + 1e-5


def recognizes(source: InputFile) -> bool:
    """Whether every prompt has a list of numbers between 0 and 1."""
    rows = _rows(source.document)
    return len(rows) > 1 and all(_is_scores(row) for row in rows[:100])


def _rows(document: Any) -> list[Any]:
    if isinstance(document, dict):
        return list(document.values())
    return document if isinstance(document, list) else []


def _is_scores(row: Any) -> bool:
    return (
        isinstance(row, list) and bool(row) and all(number(each) is not None and 0 <= each <= LARGEST for each in row)
    )


def read(source: InputFile) -> list[ImportedSet]:
    """Both means over prompts. Raises SamplesError for a prompt without scores, and for a score outside 0 to 1."""
    rows = _rows(source.document)
    if not rows:
        raise SamplesError(f"{source.path}: a list of the atoms' scores for each prompt is expected")
    for place, row in enumerate(rows):
        if not _is_scores(row):
            raise SamplesError(f"{source.path}, prompt {place}: a list of scores between 0 and 1 is expected")
    rows = [[min(float(each), 1.0) for each in row] for row in rows]
    arithmetic = [math.fsum(row) / len(row) for row in rows]
    geometric = [math.prod(row) ** (1 / len(row)) for row in rows]
    prompts = range(len(rows))
    claimed = (
        clustered_mean("geneval2/atoms", arithmetic, prompts),
        clustered_mean("geneval2/prompts", geometric, prompts),
    )
    return [ImportedSet(dataset="geneval2", claimed=claimed)]
