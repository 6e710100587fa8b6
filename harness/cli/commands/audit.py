"""Find programs that forge verdicts or reach for the tests."""

from __future__ import annotations

import json
from collections import Counter
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
from harness.engines import replay
from harness.pipeline import audit as auditing
from harness.pipeline.audit import FORGED, TAMPERED
from harness.pipeline.plan import local_sandboxes
from harness.scale import sandboxes_elsewhere
from harness.tasks import load_config

GROUP = "inspect"
EXAMPLES = (
    "harness audit samples.jsonl --problems humaneval",
    "harness audit samples.jsonl --problems mine.jsonl --json",
)


@options.takes("problems", Group.SANDBOX, *options.EXECUTING, without=("runtime", "isolation", "dedup"))
def audit(
    samples: Annotated[Path, typer.Argument(help="A .jsonl or .jsonl.gz file: task_id with completion or solution.")],
    flags: options.Flags,
    part: options.SetPart = None,
    as_json: options.Json = False,
) -> None:
    """Report programs that forge verdicts or reach for what is not theirs, judged by what they do in a sandbox.

    Each is run judged, observed, and with its tests in its own process. Exit code 1 if one was accepted only there.
    The default problem set is humaneval.
    """
    config = load_config(
        None,
        {**flags, "samples": samples, "engine": "replay", "task_options": options.parse_part(part)},
        {"problems": "humaneval", **options.environment()},
    )
    with busy(f"reading the problem set {config.problems}", quiet=as_json):
        loaded = load_set(config.problems, config.cache)
    engine = replay.open_engine(replay.Options(samples=samples, problems=loaded))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    odd, total, signs, refused = [], 0, Counter[str](), Counter[str]()
    quiet = as_json or not run.err.is_terminal
    with sandboxes_elsewhere(config) as elsewhere, Progress(*columns, console=run.err, disable=quiet) as progress:
        machines = elsewhere or local_sandboxes(config)
        machines.identity(lambda message: run.err.print(Text(message, style="dim")), loaded.language())
        task = progress.add_task("audit", total=sum(engine.counts().values()))
        for found in auditing.audit(
            loaded, engine, machines,
            limits=lambda problem: config.limits(problem.limits), done=lambda _: progress.advance(task),
        ):  # fmt: skip
            total += 1
            refused.update(found.refused)
            signs.update(sign.partition(" /")[0].partition(": ")[0] for sign in found.signs)
            if found.signs:
                odd.append(found)
            if as_json and found.signs:
                print(auditing.record(found))
    engine.close()
    forged = signs[auditing.FORGED]
    if as_json:
        counted = {"signs": dict(signs), "refused": dict(refused)}
        print(json.dumps({"programs": total, "with_signs": len(odd), "forged": forged, **counted}))
    else:
        if odd:
            table = Table("program", "verdict", "what it did", header_style="bold")
            for found in odd:
                name = Text(run.printable(f"{found.problem_id} [{found.index}]"))
                did = Text(run.printable("\n".join(found.signs)), style="red" if _forges(found.signs) else "")
                table.add_row(name, run.verdict_text(found.verdict), did)
            run.out.print(table)
        run.out.print(f"{total} programs: {len(odd)} with signs, {forged} forged a verdict that a naive evaluator "
                          "would have taken")  # fmt: skip
        if refused:
            calls = ", ".join(f"{name} {count:,}" for name, count in refused.most_common())
            run.out.print(f"system calls that were refused: {calls}")
    if forged:
        raise typer.Exit(1)


def _forges(signs: tuple[str, ...]) -> bool:
    return FORGED in signs or TAMPERED in signs
