"""Send a finished run to TensorBoard, W&B or MLflow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from harness import registry
from harness.cli import options
from harness.cli.display import run as display
from harness.cli.display.console import busy
from harness.runs.reader import SavedRun
from harness.trackers import PACKAGE, _send
from harness.trackers._send import SentReport

GROUP = "inspect"
TABLELESS = ("report",)
EXAMPLES = (
    "harness report results/example/nano-T0.8 --to tensorboard",
    "harness report RUN --to wandb,mlflow",
)


def report(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    to: Annotated[str, typer.Option(help=f"{', '.join(registry.names(PACKAGE))}; several with commas between.")],
    as_json: options.Json = False,
) -> None:
    """Send a run's numbers, table of problems and figure to trackers. Exit code 3 if one did not take them."""
    names = options.parse_names(to) or ()
    _send.check(names)
    with busy(f"sending the run to {', '.join(names)}", quiet=as_json):
        sent = _send.report(run, names, _additions(run))
    if as_json:
        print(json.dumps({"run": str(run), "reports": [dataclasses.asdict(each) for each in sent]}))
    else:
        show(sent)
    if any(each.error for each in sent):
        raise typer.Exit(3)


def _additions(run: Path) -> _send.Additions:
    """What a run on pictures has besides its estimates."""
    summary = SavedRun(run).summary
    if summary.get("task") != "images":
        return _send.Additions()
    from harness.images.sending import additions  # measured: 4 s, torch

    return _send.Additions(**additions(run, summary))


def with_reports(summary: Mapping[str, Any], sent: Sequence[SentReport]) -> Mapping[str, Any]:
    """What --json prints of a run: its summary, with what became of the reports where any was asked for."""
    return {**summary, "reports": [dataclasses.asdict(each) for each in sent]} if sent else summary


def show(sent: Sequence[SentReport]) -> None:
    """A line for each report, on stderr: it is no result."""
    for each in sent:
        line = f"reported to {each.to}: {each.place}"
        if each.error:
            line = f"not reported to {each.to}: {each.error} (the run is kept; harness report sends it again)"
        display.err.print(Text(display.printable(line), "yellow" if each.error else "dim"), soft_wrap=True)
