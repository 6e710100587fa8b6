"""What a task says beside its estimates: the classes of a classification, the size of a perplexity's texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.cli.display import out, printable


def show_sections(summary: Mapping[str, Any]) -> None:
    """The sections that are there."""
    if found := summary.get("classification"):
        _show_classification(found)
    if found := summary.get("texts"):
        out.print(
            f"{found['texts']:,} texts: {found['tokens']:,} predicted tokens, {found['words']:,} words, "
            f"{found['bytes']:,} bytes"
        )


def _show_classification(found: Mapping[str, Any]) -> None:
    labels = [printable(label) for label in found["labels"]]
    table = Table(header_style="bold", title="true labels in rows: the report, then how many were predicted as what")
    table.add_column("label")
    for name in ("precision", "recall", "f1", "items", *labels, "(unread)"):
        table.add_column(Text(name), justify="right")
    for label, row, counts in zip(labels, found["classes"].values(), found["confusion"], strict=True):
        shares = [f"{row[name]:.1%}" for name in ("precision", "recall", "f1")]
        cells = [
            Text(str(count), "green" if place == labels.index(label) else "") for place, count in enumerate(counts)
        ]
        table.add_row(Text(label), *shares, f"{row['support']:.0f}", *cells)
    out.print(table)
    majority, rules = found["majority"], found["rules"]
    out.print(
        Text(
            f"always {printable(majority['label'])!r} would be right in {majority['accuracy']:.1%}; "
            f"the largest class is {found['imbalance']:.2g} times the smallest"
        )
    )
    out.print("labels read by: " + ", ".join(f"{rule} {count}" for rule, count in rules.items()))
