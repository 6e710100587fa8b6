"""T2I-CompBench (Huang et al. 2023, arXiv 2307.06350): `vqa_result.json` of one category, a row for each picture.

[{"question_id": 0, "answer": "0.8731"}, ...]. The score of a category is the mean of its answers.
"""

from __future__ import annotations

from typing import Any

from harness.errors import SamplesError
from harness.exchange import ImportedSet, InputFile
from harness.exchange.reported import clustered_mean

ROUND_TRIP = "numbers"


def recognizes(source: InputFile) -> bool:
    """Whether it is a list of answers to questions."""
    rows = source.document
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict) and rows[0].keys() == {
        "question_id", "answer",
    }  # fmt: skip


def read(source: InputFile) -> list[ImportedSet]:
    """The mean of the answers. Raises SamplesError for an answer that is not a number between 0 and 1."""
    rows = source.document
    if not isinstance(rows, list) or not rows:
        raise SamplesError(f"{source.path}: a list of question_id and answer is expected")
    values = [_answer(row, f"{source.path}, row {place}") for place, row in enumerate(rows)]
    claimed = (clustered_mean("t2i_compbench", values, range(len(values))),)
    return [ImportedSet(dataset="t2i-compbench", claimed=claimed, metadata={"folder": source.path.parent.name})]


def _answer(row: Any, where: str) -> float:
    try:
        value = float(row["answer"])
    except (TypeError, KeyError, ValueError) as error:
        raise SamplesError(f"{where}: an object with question_id and answer, a number, is expected") from error
    if not 0 <= value <= 1 + 1e-5:  # what rounding adds to a probability
        raise SamplesError(f"{where}: answer is {value:g}, not between 0 and 1")
    return min(value, 1.0)
