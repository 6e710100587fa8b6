"""Divide a data set into train, validation and test."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from harness.cli import options
from harness.cli.display import run
from harness.cli.display.meter import Meter
from harness.errors import InputError
from harness.errors import did_you_mean as similar
from harness.files.row_text import UnknownTextError
from harness.files.rows import SUFFIXES, RowFile
from harness.training_data import split as splitting
from harness.training_data.leaks import LeakRules

GROUP = "data"
EXAMPLES = (
    "harness split data.jsonl --test-size 0.1 --strategy group",
    "harness split data.jsonl --strategy temporal --field date --validation-size 0.1",
)

Near = Annotated[
    float | None,
    typer.Option(help="Jaccard index of 5-token shingles at which two texts are near duplicates. Default: 0.7."),
]
Contained = Annotated[
    float | None,
    typer.Option(
        help="Share of a text's shingles in one other text at which it is contained. Default: 0.8; for leaks 0.5."
    ),
]
TextFields = Annotated[
    str | None, typer.Option("--text", help="The fields that make a row's text. Default: the usual names it has.")
]


def split(
    data: Annotated[Path, typer.Argument(help="A .jsonl, .jsonl.gz, .csv or .json file of rows.")],
    test_size: Annotated[str, typer.Option(help="A share such as 0.1, or a number of rows.")] = "0.1",
    validation_size: Annotated[str | None, typer.Option(help="The same, for a validation part. Default: none.")] = None,
    strategy: Annotated[str, typer.Option(help="random, temporal, category or group.")] = "random",
    field: Annotated[
        str | None,
        typer.Option(help="The date, the class or the group. group without one keeps near duplicates together."),
    ] = None,
    label: Annotated[str | None, typer.Option(help="Count this field's classes in each part.")] = None,
    seed: Annotated[int, typer.Option()] = 0,
    text: TextFields = None,
    near: Near = None,
    contained: Contained = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The folder to write. Default: NAME-split.")] = None,
    as_json: options.Json = False,
) -> None:
    """Divide a data set into train.jsonl, validation.jsonl and test.jsonl, and report leaks between them.

    Rows are written byte for byte. The same seed gives the same parts, however the rows are ordered.
    """
    known = [each.value for each in splitting.Strategy]
    if strategy not in known:
        raise InputError(f"unknown strategy {strategy!r}{similar(strategy, known)}; known: {', '.join(known)}")
    plan = splitting.SplitPlan(
        test=splitting.parse_size(test_size, "--test-size"),
        validation=splitting.parse_size(validation_size, "--validation-size") if validation_size else None,
        strategy=splitting.Strategy(strategy), field=field, label=label, seed=seed, rules=rules(text, near, contained),
    )  # fmt: skip
    stem = next((data.name.removesuffix(suffix) for suffix in SUFFIXES if data.name.endswith(suffix)), data.name)
    folder = out or Path(f"{stem}-split")
    splitting.check_folder(folder, data)
    with advising_text(), RowFile(data) as file:
        with Meter(quiet=as_json) as meter:
            divided = splitting.split_rows(file, plan, meter)
            leaks = splitting.measure_leaks(file, divided, plan.rules, meter)
        report = splitting.write_split(folder, file, plan, divided, leaks)
    if as_json:
        print(json.dumps({"folder": str(folder), **report}))
    else:
        _show(folder, report)


@contextlib.contextmanager
def advising_text() -> Iterator[None]:
    """Adds what to do to the error of a row whose text is not found."""
    try:
        yield
    except UnknownTextError as error:
        raise InputError(f"{error}; name the fields with --text") from error


def rules(text: str | None, near: float | None, contained: float | None) -> Any:
    """The options as `leaks.LeakRules`. Raises InputError."""
    given = {"near": near, "contained": contained}
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    try:
        return LeakRules(text=names, **{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise InputError(f"--near, --contained: {error}") from error


def show_leaks(leaks: list[dict[str, Any]]) -> None:
    """A table of counts, and the closest pairs."""
    table = Table("rows of", "also in", "exact", "near", "contained", "share", header_style="bold")
    for each in leaks:
        style = "red" if each["share"] else "green"
        counts = [f"{each[kind]} of {each['rows']}" for kind in ("exact", "near", "contained")]
        names = (Text(run.printable(each[name])) for name in ("part", "found_in"))
        table.add_row(*names, *counts, Text(f"{each['share']:.1%}", style=style))
    run.out.print(table)
    for example in [example for each in leaks for example in each["examples"]][:8]:
        line = f"{example['kind']} {example['similarity']:.2f}  {example['row']} = {example['found_in']}: "
        run.out.print(Text(run.printable(line)), Text(run.printable(example["excerpt"]), style="dim"))


def _show(folder: Path, report: dict[str, Any]) -> None:
    table = Table("part", "rows", "share", header_style="bold")
    if "dates" in report:
        table.add_column("first")
        table.add_column("last")
    for name, part in report["parts"].items():
        dates = [run.printable(report["dates"][name][end]) for end in ("first", "last")] if "dates" in report else []
        table.add_row(name, str(part["rows"]), f"{part['share']:.1%}", *map(Text, dates))
    run.out.print(table)
    for warning in report["warnings"]:
        run.out.print(Text(f"warning: {run.printable(warning)}", style="yellow"))
    show_leaks(report["leaks"])
    if any(each["share"] for each in report["leaks"]) and report["strategy"] != "group":
        run.out.print("rows leak between the parts; --strategy group keeps near duplicates together")
    run.out.print(Text(f"written: {run.printable(str(folder))}"), soft_wrap=True)
