"""The tables as texts: for a terminal, Markdown, CSV and JSON. Names in them are printable and escaped for each."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Sequence
from typing import Any

from harness.leaderboard.headline import make_headline
from harness.leaderboard.results import LeftOut, created_label
from harness.leaderboard.studies import WIN_SHARE, StudyNumber, StudyRow, StudyTable
from harness.leaderboard.tables import Table, TableRow, metric_of
from harness.metrics import Metric
from harness.text import numbers
from harness.text.printable import printable, spreadsheet_cell
from harness.types import Estimate

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~!&$])")


def columns(table: Table) -> list[str]:
    """The heads of a table. problems, completions: how many have a score."""
    return ["rank", "model", *(f"{metric} (95 %)" for metric in table.headline), "problems", "completions", "date"]


def cells(table: Table, row: TableRow) -> list[str]:
    """A row under these heads."""
    first = row.cells.get(table.metrics[0])
    texts = [str(first.rank) if first and first.rank else "", label(row)]
    for metric in table.headline:
        cell = row.cells.get(metric)
        texts.append(_with_interval(metric_of(table, metric), cell.estimate) if cell else "")
    coverage = row.run.coverage
    scored = [str(coverage.problems_scored), str(coverage.completions_scored)]
    return [*texts, *scored, created_label(row.run.created)[:10]]


def _with_interval(metric: Metric, estimate: Estimate) -> str:
    return metric.with_interval(estimate.value, estimate.low, estimate.high)


def label(row: TableRow) -> str:
    """The model with what tells its row from others, and its marks."""
    run, marks = row.run, []
    if not run.whole or not run.coverage.complete:
        marks.append("partial")
    if run.in_sandbox:
        marks.append(f"integrity: in-sandbox {len(run.in_sandbox)}")
    if run.warnings:
        marks.append(f"sampling warnings {len(run.warnings)}")
    return row.label + (f" ({', '.join(marks)})" if marks else "")


def study_columns(table: StudyTable) -> list[str]:
    """The heads of a study's table."""
    counts = ["won", "lost", "tie", "both bad"] if any(row.counts for row in table.rows) else []
    return ["rank", "model", *(f"{metric} (95 %)" for metric in table.metrics), *counts, "items"]


def study_cells(table: StudyTable, row: StudyRow) -> list[str]:
    """A row under these heads."""
    first = row.numbers.get(table.metrics[0])
    texts = [str(first.rank) if first and first.rank else "", row.model]
    for metric in table.metrics:
        number = row.numbers.get(metric)
        texts.append(study_value(number) if number else "")
    return [*texts, *map(str, row.counts or ()), str(first.items if first else 0)]


def study_value(number: StudyNumber) -> str:
    """`54.0% (41.0-60.9)` of a win share; strengths and ratings as numbers."""
    return numbers.with_interval(number.value, number.low, number.high, share=number.metric == WIN_SHARE)


def study_facts(table: StudyTable) -> list[str]:
    """What stands below a study's table: its size, agreement, looks before the end, and what to know."""
    facts = [f"{table.items} items, {table.votes} votes of {table.judges} judges"]
    if table.alpha is not None:
        facts.append(f"Krippendorff's alpha {table.alpha:.2f}")
    if table.closed:
        facts.append(f"closed {created_label(table.closed)[:10]}")
    return [", ".join(facts), *table.warnings]


def as_markdown(tables: Sequence[Table], studies: Sequence[StudyTable] = ()) -> str:
    """A heading and a table per table and study, and the signatures below it."""
    found = make_headline(tables)
    parts = [f"{_plain(' '.join([found.text, *found.notes]))}\n"] if found.text else []
    for table in tables:
        conditions = ", ".join([table.task_version, table.dataset, *(f"{k} {v}" for k, v in table.conditions.items())])
        lines = [f"## {_plain(table.title)}", "", _plain(conditions), ""]
        lines.append("| " + " | ".join(columns(table)) + " |")
        lines.append(
            "|" + "|".join(" --- " if name in ("model", "date") else " ---: " for name in columns(table)) + "|"
        )
        lines += ["| " + " | ".join(map(_plain, cells(table, row))) + " |" for row in table.rows]
        lines += ["", *(f"- {_plain(row.label)}: {_plain(row.run.manifest.signature)}" for row in table.rows), ""]
        parts.append("\n".join(lines))
    return "\n".join([*parts, *map(_study_markdown, studies)])


def _study_markdown(table: StudyTable) -> str:
    heads = study_columns(table)
    lines = [f"## {_plain(table.title)}", "", _plain(f"{table.name}, {table.data}"), ""]
    lines.append("| " + " | ".join(map(_plain, heads)) + " |")
    lines.append("|" + "|".join(" --- " if name == "model" else " ---: " for name in heads) + "|")
    lines += ["| " + " | ".join(map(_plain, study_cells(table, row))) + " |" for row in table.rows]
    lines += ["", *(f"- {_plain(each)}" for each in study_facts(table)), f"- {_plain(table.signature)}", ""]
    return "\n".join(lines)


def as_csv(tables: Sequence[Table], studies: Sequence[StudyTable] = ()) -> str:
    """One line per number. Of a study the problems are its items, and the completions its votes."""
    file = io.StringIO()
    rows = [number for table in tables for number in _numbers(table)]
    rows += [number for study in studies for number in _study_numbers(study)]
    if rows:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: spreadsheet_cell(value) for key, value in row.items()} for row in rows)
    return file.getvalue()


def as_json(tables: Sequence[Table], left_out: Sequence[LeftOut], studies: Sequence[StudyTable] = ()) -> str:
    """One object: the headline, `tables` of `rows`, `studies`, and what was left out."""
    records = [
        {
            "task": table.task,
            "task_version": table.task_version,
            "dataset": table.dataset,
            "conditions": dict(table.conditions),
            "metrics": list(table.metrics),
            "numbers": list(_numbers(table)),
        }
        for table in tables
    ]
    people = [dataclasses.asdict(each) for each in studies]
    found = make_headline(tables)
    said = {"text": found.text, "notes": list(found.notes)}
    return json.dumps(
        {
            "headline": said,
            "tables": records,
            "studies": people,
            "left_out": [dataclasses.asdict(each) for each in left_out],
        }
    )


def _study_numbers(table: StudyTable) -> list[dict[str, Any]]:
    return [
        {
            "task": "people",
            "dataset": table.data,
            "model": row.model,
            "setting": "",
            "metric": number.metric,
            "value": number.value,
            "low": number.low,
            "high": number.high,
            "rank_best": number.rank.best if number.rank else None,
            "rank_worst": number.rank.worst if number.rank else None,
            "n_problems": number.items,
            "n_completions": table.votes,
            "complete": True,
            "in_sandbox": 0,
            "warnings": len(table.warnings),
            "tokens": None,
            "price": None,
            "date": created_label(table.closed) if table.closed else "",
            "run": table.name,
            "signature": table.signature,
        }
        for row in table.rows
        for number in row.numbers.values()
    ]


def _numbers(table: Table) -> list[dict[str, Any]]:
    return [
        {
            "task": table.task,
            "dataset": table.dataset,
            "model": row.run.model,
            "setting": " ".join(f"{key}:{value}" for key, value in row.varying.items()),
            "metric": metric,
            "value": cell.estimate.value,
            "low": cell.estimate.low,
            "high": cell.estimate.high,
            "rank_best": cell.rank.best if cell.rank else None,
            "rank_worst": cell.rank.worst if cell.rank else None,
            "n_problems": cell.estimate.n_problems,
            "n_completions": cell.estimate.n_completions,
            "complete": row.run.coverage.complete and row.run.whole,
            "in_sandbox": len(row.run.in_sandbox),
            "warnings": len(row.run.warnings),
            "tokens": row.run.tokens.completion if row.run.tokens else None,
            "price": row.run.price,
            "date": created_label(row.run.created),
            "run": row.run.name,
            "signature": cell.estimate.signature,
        }
        for row in table.rows
        for metric, cell in row.cells.items()
    ]


def _plain(text: str) -> str:
    """Text that Markdown shows as it stands, in one line."""
    return _MARKDOWN.sub(r"\\\1", re.sub(r"\s+", " ", printable(text)))
