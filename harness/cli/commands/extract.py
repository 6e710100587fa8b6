"""Compare ways of taking programs out of the same replies."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from harness.cli import options
from harness.cli.display import run
from harness.cli.display.console import busy
from harness.config import Group
from harness.datasets import load_set
from harness.pipeline import compare_extractors, rescore
from harness.pipeline.compare_extractors import Comparison
from harness.scale import sandboxes_elsewhere
from harness.tasks import load_config, open_task

GROUP = "inspect"
EXAMPLES = (
    "harness extract RUN",
    "harness extract replies.jsonl --problems humaneval",
)

SHOWN = 20  # of the replies that change sides; --json has them all


@options.takes("problems", Group.SANDBOX, *options.EXECUTING, without=("dedup",))
def extract(
    replies: Annotated[
        Path,
        typer.Argument(
            help="A run directory of form chat, or a .jsonl or .jsonl.gz file: task_id with response or raw_solution.",
            metavar="RUN|FILE",
        ),
    ],
    flags: options.Flags,
    as_json: options.Json = False,
) -> None:
    """Compare the extractors on one set of replies: pass@1 under each, and the replies whose verdict changes.

    Only programs that differ are executed. For a file the default problem set is humaneval.
    """
    own = rescore.settings(replies) if replies.is_dir() else {"problems": "humaneval"}
    config = load_config(None, {**flags, "extractor": "auto", "k": (1,)}, {**own, **options.environment()})
    with busy(f"reading {replies}", quiet=as_json):
        loaded = load_set(config.problems, config.cache, open_task(config.task, config.task_options))
        found = (compare_extractors.of_run if replies.is_dir() else compare_extractors.of_file)(replies, loaded, config)
    quiet = as_json or not run.err.is_terminal
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with sandboxes_elsewhere(config) as machines, Progress(*columns, console=run.err, disable=quiet) as progress:
        bar = progress.add_task("execute", total=None)
        comparison = compare_extractors.compare(
            found, config, run.RunDisplay(quiet=as_json),
            started=lambda total: progress.update(bar, total=total), done=lambda: progress.advance(bar),
            sandboxes=machines,
        )  # fmt: skip
    if as_json:
        print(json.dumps({"replies": len(found.completions), **_record(comparison)}))
    else:
        _show(comparison, len(found.completions))
    if comparison.failed:
        run.err.print(f"incomplete: {comparison.failed} programs could not be executed; run the same command again")
        raise typer.Exit(3)


def _record(comparison: Comparison) -> dict[str, object]:
    record = dataclasses.asdict(comparison)
    extractors = {
        name: {"empty": record["empty"][name], **estimate} for name, estimate in record.pop("estimates").items()
    }
    del record["empty"]
    return {"extractors": extractors, **record}


def _show(comparison: Comparison, replies: int) -> None:
    table = Table(header_style="bold")
    for name in ("extractor", "pass@1", "95 % interval", "no program", "gained", "lost"):
        table.add_column(name, justify="left" if name == "extractor" else "right", no_wrap=True)
    for name, each in comparison.estimates.items():
        sides = [(flip.verdicts[name] == "ACCEPTED", flip.verdicts["auto"] == "ACCEPTED") for flip in comparison.flips]
        table.add_row(
            name, Text(f"{each.value:.1%}", style="bold"), f"{each.low:.1%} - {each.high:.1%}",
            str(comparison.empty[name]), str(sides.count((True, False))), str(sides.count((False, True))),
        )  # fmt: skip
    run.out.print(table)
    run.out.print("gained: replies that pass here and fail under auto; lost: the reverse")
    # a reply with a fence in it is not a program as it stands: that `whole` rejects it says nothing
    shown = [name for name in comparison.estimates if name != "whole"]
    telling = [flip for flip in comparison.flips if len({flip.verdicts[name] == "ACCEPTED" for name in shown}) > 1]
    if telling:
        flips = Table("reply", *shown, header_style="bold")
        for flip in telling[:SHOWN]:
            reply = Text(run.printable(f"{flip.problem_id} [{flip.index}]"))
            flips.add_row(reply, *(run.verdict_text(flip.verdicts[name]) for name in shown))
        run.out.print(flips)
    more = len(telling) - SHOWN
    run.out.print(
        f"{replies} replies, {len(telling)} change sides between {', '.join(shown)}"
        + (f" ({more} more than are shown: --json)" if more > 0 else "")
        + f"; {comparison.programs} different programs, {comparison.executed} executed now"
    )
    signature = comparison.estimates["auto"].signature
    run.out.print(Text(f"signature: {signature}", style="dim"), soft_wrap=True)
