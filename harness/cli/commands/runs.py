"""List runs with their scores; remove, move or label them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from harness.cli import options
from harness.cli.display import run as display
from harness.cli.display.console import busy
from harness.errors import InputError
from harness.runs import catalog
from harness.runs.catalog import CatalogEntry, State

GROUP = "maintain"
EXAMPLES = {
    "list": (
        "harness runs list",
        "harness runs list results --model nano --format csv",
    ),
    "rm": (
        "harness runs rm RUN",
        "harness runs rm RUN_A RUN_B --yes",
    ),
    "mv": (
        "harness runs mv RUN results/baseline",
        "harness runs mv RUN archive/",
    ),
    "label": (
        "harness runs label RUN 'before the fix'",
        "harness runs label RUN ''",
    ),
}
STYLE = {State.COMPLETE: "green", State.PARTIAL: "yellow", State.UNFINISHED: "yellow", State.BROKEN: "red"}
app = typer.Typer(help="List runs with their scores; remove, move or label them.", no_args_is_help=True)
Runs = Annotated[list[Path], typer.Argument(help="Run directories.", metavar="RUN...")]


@app.command("list")
def list_(
    results: Annotated[Path, typer.Argument(help="The folder that runs are kept in.")] = Path("results"),
    model: Annotated[str | None, typer.Option(help="Only models with this in their name or label.")] = None,
    problems: Annotated[str | None, typer.Option(help="Only problem sets with this in their name.")] = None,
    as_json: options.Json = False,
) -> None:
    """List the runs below a folder, the newest first."""
    with busy("reading the runs", quiet=as_json):
        found = [each for each in catalog.find(results) if _matches(each, model, problems)]
    if as_json:
        print(json.dumps([{**dataclasses.asdict(each), "path": str(each.path)} for each in found]))
        return
    if not found:
        display.out.print(f"no run below {display.printable(str(results))} fits")
        return
    table = Table("model", "set", "date", header_style="bold")
    table.add_column("score (95 %)", justify="right")
    table.add_column("state")
    table.add_column("label")
    table.add_column("run", overflow="fold")
    for each in found:
        table.add_row(*_row(each))
    display.out.print(table, optional=("label", "date") if not any(each.label for each in found) else ("date",))


def _matches(entry: CatalogEntry, model: str | None, problems: str | None) -> bool:
    named = model is None or model.lower() in f"{entry.model} {entry.label}".lower()
    return named and (problems is None or problems.lower() in entry.dataset.lower())


def _row(entry: CatalogEntry) -> list[Text]:
    created = entry.created
    date = f"{created[:4]}-{created[4:6]}-{created[6:8]} {created[9:11]}:{created[11:13]}" if created else ""
    score = ""
    if entry.estimate:
        score = f"{entry.estimate['metric']} {display.short_estimate(entry.estimate)}"
    texts = (entry.model, entry.dataset, date, score)
    return [
        *(Text(display.printable(text)) for text in texts),
        Text(entry.state.value, style=STYLE[entry.state]),
        Text(entry.label),
        Text(display.printable(str(entry.path))),
    ]


@app.command()
def rm(
    runs: Runs,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs, with everything that was generated for them."""
    for run in runs:
        entry = catalog.read(run)
        if not (run / "manifest.json").is_file():
            raise InputError(f"{run} is not a run directory: it has no manifest.json; nothing was removed")
        what = f"{run} ({entry.model} on {entry.dataset}, {entry.state})"
        if not yes and not typer.confirm(f"remove {display.printable(what)}?", err=True):
            continue
        catalog.remove(run)
        display.err.print(Text(f"removed {display.printable(what)}"))


@app.command()
def mv(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    target: Annotated[Path, typer.Argument(help="Its new place, or a folder to move it into.")],
) -> None:
    """Move a run. An incomplete run is continued by its command only in its original place."""
    place = catalog.move(run, target)
    display.err.print(Text(f"moved to {display.printable(str(place))}"), soft_wrap=True)


@app.command("label")
def label_(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    text: Annotated[str, typer.Argument(help="The label; an empty one removes it.")],
) -> None:
    """Label a run, for the list."""
    catalog.set_label(run, text)
