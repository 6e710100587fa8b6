"""What a task says beside its estimates: the classes of a classification, the size of a perplexity's texts, the metrics
and the reading of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.cli.display.run import out, printable
from harness.images.metric_value import metric_texts

WIDEST = 20  # labels, for a confusion matrix in a terminal; confusion.svg has any number


def show_sections(summary: Mapping[str, Any]) -> None:
    """The sections that are there."""
    if found := summary.get("classification"):
        _show_classification(found)
    if found := summary.get("texts"):
        out.print(
            f"{found['texts']:,} texts: {found['tokens']:,} predicted tokens, {found['words']:,} words, "
            f"{found['bytes']:,} bytes"
        )
    if summary.get("task") == "images":
        show_metrics(summary["metrics"])
        show_reading(summary["reading"])


def show_metrics(metrics: Sequence[Mapping[str, Any]]) -> None:
    """Distances of pictures with their intervals, and what the reference scores against itself."""
    table = Table(box=None, pad_edge=False)
    for name in ("metric", "value", "without bias", "95 % interval", "reference against itself"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for one in metrics:
        shown = metric_texts(one)
        table.add_row(Text(one["name"]), shown.value, shown.bias_corrected, shown.interval, shown.of_reference)
    if metrics:
        out.print(table)


def show_reading(reading: Sequence[Mapping[str, str]]) -> None:
    """What the numbers say, a sentence a line."""
    for one in reading:
        out.print(Text(printable(one["text"])))


def _show_classification(found: Mapping[str, Any]) -> None:
    labels = [printable(label) for label in found["labels"]]
    report = Table(header_style="bold")
    report.add_column("label", no_wrap=True)
    for name in ("precision", "recall", "f1", "items"):
        report.add_column(name, justify="right")
    for label, row in zip(labels, found["classes"].values(), strict=True):
        shares = [f"{row[name]:.1%}" for name in ("precision", "recall", "f1")]
        report.add_row(Text(label), *shares, f"{row['support']:.0f}")
    out.print(report)
    if len(labels) <= WIDEST:
        out.print(_confusion(labels, found["confusion"]))
    majority, rules = found["majority"], found["rules"]
    out.print(
        Text(
            f"without a model, always {printable(majority['label'])!r} would be right in {majority['accuracy']:.1%}; "
            f"the largest class is {found['imbalance']:.2g} times the smallest"
        )
    )
    out.print("labels read by: " + ", ".join(f"{rule} {count}" for rule, count in rules.items()))


def _confusion(labels: list[str], counts: list[list[int]]) -> Table:
    """A row per true label, a column per predicted one, which the number before the row's label names."""
    table = Table(header_style="bold", title="true \\ predicted", title_justify="left")
    table.add_column("", no_wrap=True)
    for place in range(len(labels)):
        table.add_column(f"[{place + 1}]", justify="right")
    table.add_column("unread", justify="right")
    for place, (label, row) in enumerate(zip(labels, counts, strict=True)):
        cells = [Text(str(count), "bold" if column == place else "") for column, count in enumerate(row)]
        table.add_row(Text(f"[{place + 1}] {label}"), *cells)
    return table
