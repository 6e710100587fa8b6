"""Is one run better than another, on the same problems?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from harness.cli import options
from harness.cli.display import comparison as compare_display
from harness.cli.display import run
from harness.comparison import flips as flipping
from harness.comparison import pairs
from harness.comparison.flips import Flip
from harness.comparison.pairs import Comparison
from harness.errors import InputError

GROUP = "compare"
EXAMPLES = (
    "harness compare results/example/nano-T0.8 results/example/nano-base-T0.8",
    "harness compare RUN_A RUN_B --vary temperature --flips 1 --markdown",
)


@options.takes("k")
def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Two run directories, or more: then every pair.", metavar="RUN...")
    ],
    flags: options.Flags,
    vary: Annotated[
        str | None,
        typer.Option(help="Fields that you compare, such as temperature,engine.", metavar="FIELD,.."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compare runs that differ in more than that, with a warning.")
    ] = False,
    flips: Annotated[int, typer.Option(min=0, help="Flipped problems to show with both programs.")] = 3,
    problem: Annotated[str | None, typer.Option(help="Show both programs of this problem.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap and of the random sign flips.")] = 0,
    as_json: options.Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables, for a report.")] = False,
) -> None:
    """Compare runs problem by problem: difference, interval, test, and what this problem set could have shown.

    All numbers are the first run's minus the second's. Refuses runs that differ in more than the model and --vary.
    """
    if len(runs) < 2:
        raise InputError("compare takes two run directories or more")
    fields = options.parse_names(vary) or ()
    ks = flags["k"] or ()
    with Progress(console=run.err, transient=True, disable=not run.err.is_terminal) as progress:
        task = progress.add_task("comparing", total=None)
        found = pairs.compare(
            runs, ks=ks, vary=fields, force=force, seed=seed,
            done=lambda finished, total: progress.update(task, completed=finished, total=total),
        )  # fmt: skip
    changed, shown = _flips(found, flips, problem)
    if as_json:
        record = {**pairs.record(found), "flipped": changed, "flips": [flipping.record(each) for each in shown]}
        print(json.dumps(record))
    elif markdown:
        print(compare_display.markdown(found, changed))
    else:
        compare_display.show(found, changed, shown)


def _flips(found: Comparison, count: int, problem: str | None) -> tuple[list[str], list[Flip]]:
    """The ids of all flipped problems, and those to show: of two runs; more have no two sides."""
    if len(found.runs) > 2:
        if problem is not None:
            raise InputError("--problem shows two programs side by side, so it takes two runs")
        return [], []
    first, second = found.runs
    metric = found.rows[0].metric
    changed = flipping.flipped_problems(first, second, metric)
    if problem is not None:
        pairs.check_problem(found.runs, problem)
        return changed, flipping.pick_examples(first, second, metric, [problem])
    return changed, flipping.pick_examples(first, second, metric, changed[:count])
