"""Several runs of one command in one table: models down, problem sets and metrics across."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from harness.cli.display.run import short_estimate
from harness.pipeline.job import RunResult
from harness.runs import reader
from harness.text.printable import printable

METRICS = 2  # of each set; the runs' own tables have all


def table(results: Sequence[RunResult]) -> Table:
    """A row per model; a column per problem set and metric, each with its value and 95 % interval."""
    values: dict[str, dict[str, str]] = {}
    for each in results:
        identity = reader.read_manifest(each.run).identity
        part = identity["model"]
        row = values.setdefault(str(part.get("name") or part.get("samples")), {})
        for estimate in each.summary["estimates"][:METRICS]:
            mark = "" if each.complete else " (incomplete)"
            row[f"{identity['problems']['name']} {estimate['metric']}"] = f"{short_estimate(estimate)}{mark}"
    heads = list(dict.fromkeys(head for row in values.values() for head in row))
    shown = Table("model", header_style="bold")
    for head in heads:
        shown.add_column(printable(head), justify="right")
    for model, row in values.items():
        shown.add_row(Text(printable(model)), *(Text(printable(row.get(head, ""))) for head in heads))
    return shown
