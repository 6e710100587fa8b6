"""GenEval (Ghosh et al. 2023, arXiv 2310.11513): `results.jsonl` of its evaluate_images.py, a row for each picture.

{"filename", "tag", "prompt", "correct", "reason", "metadata", "details"}. The overall score is the mean of the means of
its tasks, not of the pictures, as its summary_scores.py has it. Standard errors are over prompts.
"""

from __future__ import annotations

import math
from typing import Any

from harness.errors import SamplesError
from harness.exchange import ImportedSet, InputFile, ReportedMetric
from harness.exchange.reported import clustered_mean

KEYS = frozenset({"filename", "tag", "prompt", "correct"})
ROUND_TRIP = "numbers"


def recognizes(source: InputFile) -> bool:
    """Whether the first row is a picture of GenEval's."""
    return source.row is not None and source.row.keys() >= KEYS


def read(source: InputFile) -> list[ImportedSet]:
    """The score of every task, and the overall one. Raises SamplesError: what, file and line."""
    tasks: list[ReportedMetric] = []
    for tag, rows in source.by_task(lambda row: row.get("tag")):
        values = [_correct(row, f"{source.path}, line {number}") for number, row in rows]
        tasks.append(clustered_mean(f"geneval/{tag}", values, [str(row.get("prompt")) for _, row in rows]))
    return [ImportedSet(dataset="geneval", claimed=(_overall(tasks), *tasks))]


def _correct(row: dict[str, Any], where: str) -> float:
    value = row.get("correct")
    if not isinstance(value, bool):
        raise SamplesError(f"{where}: correct is true or false, not {value!r:.40}")
    return float(value)


def _overall(tasks: list[ReportedMetric]) -> ReportedMetric:
    errors = [each.stderr for each in tasks if each.stderr is not None]
    whole = math.sqrt(math.fsum(each**2 for each in errors)) / len(tasks) if len(errors) == len(tasks) else None
    return ReportedMetric(
        metric="geneval",
        value=math.fsum(each.value for each in tasks) / len(tasks),
        stderr=whole,
        n_problems=sum(each.n_problems or 0 for each in tasks),
        n_completions=sum(each.n_completions or 0 for each in tasks),
    )
