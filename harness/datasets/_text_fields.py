"""The data of the tasks about texts, in the field names that such files commonly have.

One row is one item. What it means may stand under any one of several names: see TEXT, INSTRUCTION, REFERENCES, LABEL.
Two of the same meaning in one row are a fault, for nobody can say which is meant. Other keys are left alone. A row
without `id` is named after its line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ProblemError, did_you_mean
from harness.tasks._labels import LabelReader
from harness.types import Problem

Row = Mapping[str, Any]
ID = ("id", "task_id", "problem_id")
TEXT = ("text", "document", "article", "input", "content", "dialogue", "sentence")
INSTRUCTION = ("instruction", "prompt")
REFERENCES = ("references", "reference", "summary", "summaries", "output", "target", "highlights")
LABEL = ("label_text", "expected_label", "label", "category", "output", "target", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where a row stands."""

    path: Path
    number: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}"


def summarization(row: Row, dataset: str, line: Line) -> Problem:
    """A text and the summaries that it should have: one, or a list. Raises ValueError: what is missing or wrong."""
    found = _found(row, REFERENCES)
    if found is None:
        raise ValueError(f"no reference summary; it is expected under one of {', '.join(REFERENCES)}")
    value = row[found]
    references = value if isinstance(value, list) else [value]
    if not references or not all(isinstance(each, str) and each.strip() for each in references):
        raise ValueError(f"{found}: a summary, or a list of them, is expected; none may be empty")
    return _problem(row, dataset, line, references=tuple(references))


def classification(row: Row, dataset: str, line: Line) -> Problem:
    """A text, its label and, where the row has `labels`, those to choose from. Raises ValueError."""
    found = "label_text" if _filled(row, "label_text") else _found(row, LABEL)
    if found is None:
        raise ValueError(f"no label; it is expected under one of {', '.join(LABEL)}")
    label = row[found]
    if isinstance(label, bool) or not isinstance(label, str | int) or not str(label).strip():
        raise ValueError(f"{found}: a label is expected, not {label!r}")
    return _problem(row, dataset, line, references=(str(label).strip(),), labels=_labels(row))


def perplexity(row: Row, dataset: str, line: Line) -> Problem:
    """A text. Raises ValueError."""
    return _problem({key: row[key] for key in row if key not in INSTRUCTION}, dataset, line)


PARSERS: Mapping[str, Callable[[Row, str, Line], Problem]] = {
    "summarization": summarization,
    "classification": classification,
    "perplexity": perplexity,
    "continuation": summarization,  # a beginning, and the rest that is its reference
}


def with_labels(problems: Sequence[Problem], labels: Sequence[str], path: object) -> list[Problem]:
    """Each problem with the labels to choose from: its row's own, else `labels`, else all that the file has.

    Raises ProblemError, with the line, for a label that is not among those given, and for labels that an answer could
    not tell apart.
    """
    seen = tuple(dict.fromkeys(problem.references[0] for problem in problems))
    complete = []
    for problem in problems:
        allowed = problem.metadata["labels"] or tuple(labels) or seen
        label = problem.references[0]
        if label not in allowed:
            known = ", ".join(allowed)
            raise ProblemError(
                f"{problem.metadata['where']}: unknown label {label!r}{did_you_mean(label, allowed)}; known: {known}"
            )
        complete.append(dataclasses.replace(problem, metadata={**problem.metadata, "labels": allowed}))
    every = tuple(dict.fromkeys(label for problem in complete for label in problem.metadata["labels"]))
    if len(every) < 2:
        raise ProblemError(f"{path} has only the label {every[0]!r}; give those to choose from with --set labels=A,B")
    try:
        LabelReader(every)
    except ValueError as error:
        raise ProblemError(f"{path}: {error}") from error
    return complete


def _problem(
    row: Row, dataset: str, line: Line, *, references: tuple[str, ...] = (), labels: tuple[str, ...] = ()
) -> Problem:
    """What all three have in common. metadata: `where` it stands, `instruction`, `labels`, `whole`.

    instruction: None for the task's own. whole: the prompt is the whole question, the row has no text apart from it.
    """
    asked, text = _found(row, INSTRUCTION), _found(row, TEXT)
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
        id=_id(row, dataset, line.number),
        dataset=dataset,
        prompt=row[name],
        references=references,
        metadata={
            "where": str(line),
            "instruction": row[asked] if asked and text else None,
            "whole": text is None,
            "labels": labels,
        },
    )


def _id(row: Row, dataset: str, number: int) -> str:
    found = _found(row, ID)
    if found is None:
        return f"{dataset}/{number}"
    if isinstance(row[found], bool) or not isinstance(row[found], str | int):
        raise ValueError(f"{found}: a text or a number is expected, not {row[found]!r}")
    return str(row[found])


def _labels(row: Row) -> tuple[str, ...]:
    value = row.get("labels", [])
    if not isinstance(value, list) or not all(isinstance(each, str | int) and str(each).strip() for each in value):
        raise ValueError("labels: a list of labels is expected")
    return tuple(str(each).strip() for each in value)


def _found(row: Row, names: Sequence[str]) -> str | None:
    """Which of `names` the row has, not empty. Raises ValueError for two of them."""
    found = [name for name in names if _filled(row, name)]
    if len(found) > 1:
        raise ValueError(f"{' and '.join(found)} mean the same; keep one")
    return found[0] if found else None


def _filled(row: Row, name: str) -> bool:
    value = row.get(name)
    return value is not None and not (isinstance(value, str) and not value.strip())


def _check_written(text: str, name: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name}: half a surrogate pair at character {error.start}") from error
