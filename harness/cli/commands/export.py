"""Write a run's results in another system's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness import registry
from harness.cli import options
from harness.cli.display import run as display
from harness.cli.display.console import busy
from harness.exchange import export as exporting
from harness.exchange import format_names

GROUP = "data"
EXAMPLES = (
    "harness export results/example/nano-T0.8 --format evalplus -o samples.jsonl",
    "harness export RUN --format lm-eval -o folder",
)


def export(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    format_: Annotated[
        str,
        typer.Option("--format", help=f"{registry.listed(format_names('write'))}."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file; for lm-eval and multipl-e a directory.")],
    problems: Annotated[str | None, typer.Option(help="Where the run's problem set is now, if it has moved.")] = None,
    as_json: options.Json = False,
) -> None:
    """Write a run's samples and results in another system's format."""
    with busy(f"writing {out}", quiet=as_json):
        written = exporting.export(run, format_, out, problems, options.cache_folder())
    if as_json:
        print(json.dumps({"run": str(run), "format": format_, "files": [str(path) for path in written]}))
        return
    for path in written[:5]:
        display.out.print(str(path), soft_wrap=True)
    if len(written) > 5:
        display.out.print(f"and {len(written) - 5} more in {out}", soft_wrap=True)
