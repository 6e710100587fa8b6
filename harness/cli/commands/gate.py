"""Pass or fail a run against its baseline, for CI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from harness.cli import options
from harness.cli.display import run as display
from harness.cli.display.console import busy
from harness.comparison import gate as gates
from harness.comparison import pairs
from harness.comparison.gate import Outcome

GROUP = "compare"
TABLELESS = ("gate",)
EXAMPLES = (
    "harness gate RUN --baseline results/baseline --max-drop 1",
    "harness gate RUN --baseline results/baseline --metric pass@10 --json",
)
EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.UNDECIDED: 3}
STYLE = {Outcome.PASSED: "green", Outcome.FAILED: "bold red", Outcome.UNDECIDED: "yellow"}


@options.takes("k")
def gate(
    run: Annotated[Path, typer.Argument(help="The run of the new model.")],
    flags: options.Flags,
    baseline: Annotated[Path, typer.Option(help="The run that it must not fall behind.", metavar="RUN")],
    max_drop: Annotated[
        float,
        typer.Option(min=0, help="The largest drop allowed: in points for a share, else in the metric's own unit."),
    ] = 1.0,
    metric: Annotated[
        str | None, typer.Option(help="The metric to compare, such as pass@1. Default: the runs' first.")
    ] = None,
    vary: Annotated[
        str | None, typer.Option(help="Fields besides the model that may differ, as for compare.", metavar="FIELD,..")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap and of the random sign flips.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Hold a run against a baseline on the same problems.

    Exit code 0: a larger drop than --max-drop is ruled out. 1: the drop is significant and larger. 3: this problem set
    cannot tell; the message says what it would take.
    """
    fields = options.parse_names(vary) or ()
    with busy("comparing the runs", quiet=as_json):
        compared = pairs.compare([run, baseline], ks=flags["k"] or (), vary=fields, seed=seed)
        found = gates.gate(compared, most=max_drop, metric=metric)
    if as_json:
        print(json.dumps(gates.record(found)))
    else:
        display.out.print(Text(display.printable(found.words), style=STYLE[found.outcome]))
        if found.outcome is Outcome.UNDECIDED:
            display.out.print("harness plan says how many problems and samples show a drop of this size")
    raise typer.Exit(EXIT[found.outcome])
