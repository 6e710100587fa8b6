"""The data of the tasks about texts, in the field names that such files commonly have.

One row is one item. What it means may stand under any one of several names: see TEXT, INSTRUCTION, REFERENCES, LABEL.
Two of the same meaning in one row are a fault, for nobody can say which is meant. Other keys are left alone. A row
without `id` is named after its line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.types import Problem

Row = Mapping[str, Any]
ID = ("id", "task_id", "problem_id")
TEXT = ("text", "document", "article", "input", "content", "dialogue", "sentence")
INSTRUCTION = ("instruction", "prompt")
REFERENCES = ("references", "reference", "summary", "summaries", "output", "target", "highlights")
LABEL = ("label_text", "expected_label", "label", "category", "output", "target", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlace:
    """Where a row stands."""

    path: Path
    number: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}"


def text_with_references(row: Row, dataset: str, where: RowPlace) -> Problem:
    """A text and what an answer is held against: one text, or a list. Raises ValueError: what is missing or wrong."""
    found = only_field(row, REFERENCES)
    if found is None:
        raise ValueError(f"no reference summary; it is expected under one of {', '.join(REFERENCES)}")
    value = row[found]
    references = value if isinstance(value, list) else [value]
    if not references or not all(isinstance(each, str) and each.strip() for each in references):
        raise ValueError(f"{found}: a summary, or a list of them, is expected; none may be empty")
    return text_problem(row, dataset, where, references=tuple(references))


def text_problem(
    row: Row, dataset: str, where: RowPlace, *, references: tuple[str, ...] = (), labels: tuple[str, ...] = ()
) -> Problem:
    """What the items of all tasks about texts have in common.

    metadata: `where` it stands, `instruction` (None for the task's own), `labels`, `whole` (the prompt is the whole
    question, the row has no text apart from it).
    """
    asked, text = only_field(row, INSTRUCTION), only_field(row, TEXT)
    if text is None and asked is None:
        empty = next((name for name in (*TEXT, *INSTRUCTION) if name in row), None)
        raise ValueError(f"{empty}: the text is empty" if empty else f"no text; expected: one of {', '.join(TEXT)}")
    name = text or asked
    assert name is not None
    for each in (name, asked):
        if each and not isinstance(row[each], str):
            raise ValueError(f"{each}: text is expected, not {type(row[each]).__name__}")
        if each:
            _check_written(row[each], each)
    return Problem(
        id=_id(row, dataset, where.number),
        dataset=dataset,
        prompt=row[name],
        references=references,
        metadata={
            "where": str(where),
            "instruction": row[asked] if asked and text else None,
            "whole": text is None,
            "labels": labels,
        },
    )


def _id(row: Row, dataset: str, number: int) -> str:
    found = only_field(row, ID)
    if found is None:
        return f"{dataset}/{number}"
    if isinstance(row[found], bool) or not isinstance(row[found], str | int):
        raise ValueError(f"{found}: a text or a number is expected, not {row[found]!r}")
    return str(row[found])


def only_field(row: Row, names: Sequence[str]) -> str | None:
    """Which of `names` the row has, not empty. Raises ValueError for two of them."""
    found = [name for name in names if is_filled(row, name)]
    if len(found) > 1:
        raise ValueError(f"{' and '.join(found)} mean the same; keep one")
    return found[0] if found else None


def is_filled(row: Row, name: str) -> bool:
    """Whether the row has something under this name: text with more than white space, or another value."""
    value = row.get(name)
    return value is not None and not (isinstance(value, str) and not value.strip())


def _check_written(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name}: half a surrogate pair at character {error.start}") from error
