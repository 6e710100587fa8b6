"""Sample a model on a problem set, execute, report pass@k."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.rule import Rule
from rich.text import Text

from harness.cli import options
from harness.cli.commands import report as report_
from harness.cli.display import grid, sections
from harness.cli.display import run as display
from harness.cli.display.console import busy
from harness.config import Group, RunConfig
from harness.engines._selection import EngineCache
from harness.errors import InputError
from harness.pipeline import preview
from harness.pipeline import run as pipeline
from harness.pipeline.job import RunResult
from harness.scale import Machines, machines
from harness.tasks import load_config
from harness.tasks._preview import messages_of
from harness.trackers import _send

GROUP = "run and score"
EXAMPLES = (
    "harness run --k 1,10",
    "harness run --model Qwen/Qwen2.5-0.5B --problems humaneval --temperature 0",
    "harness run --base-url http://127.0.0.1:8000/v1 --problems mine.jsonl",
)


@options.takes(
    "k",
    "problems",
    "n",
    "task",
    *Group,
    without=("model",),
    problems=f"{options.help_of('problems')} Several with commas.",
)
def run(
    flags: options.Flags,
    model: Annotated[
        list[str] | None, typer.Option(help=f"{options.help_of('model')} May be given several times.")
    ] = None,
    problem: Annotated[
        str | None,
        typer.Argument(metavar="PROBLEM", help="With --print-prompt: the problem to show. Default: the first."),
    ] = None,
    task_set: options.TaskSet = None,
    print_prompt: Annotated[
        bool, typer.Option("--print-prompt", help="Show what is sent for PROBLEM, and send nothing.")
    ] = False,
    config: options.Config = None,
    as_json: options.Json = False,
) -> None:
    """Sample a model on a problem set, execute in a sandbox, report pass@k with intervals.

    Run the same command again after an interruption: it goes on from where it stopped.
    """
    parsed = _configurations({**flags, "model": model}, task_set, config)
    if print_prompt:
        _print_prompt(parsed[0], problem, as_json)
        return
    if problem is not None:
        raise InputError(f"the argument {problem!r} names a problem for --print-prompt; a run takes --problems")
    _send.check(parsed[0].report_to)
    results = list(_all(parsed, as_json))
    if len(results) > 1 and not as_json:
        display.out.print(grid.table(results))
    if not all(each.complete for each in results):
        raise typer.Exit(3)


def _configurations(flags: options.Flags, task_set: list[str] | None, file: Path | None) -> list[RunConfig]:
    """One for each model, task and problem set, those of a model together."""
    several = options.several(flags, file, ("model", "task", "problems"))
    tasks = [each["task"] for each in several]
    given = options.parse_sets(task_set, list(dict.fromkeys(each for each in tasks if each)))
    return [
        load_config(file, {**flags, **each, "task_options": given.get(each["task"] or "")}, options.environment())
        for each in several
    ]


def _all(parsed: Sequence[RunConfig], as_json: bool) -> Iterator[RunResult]:
    """Each run at its end, shown. A model is loaded, or its server started, once, and freed before the next."""
    with machines(parsed[0]) as there:
        for _, same in itertools.groupby(parsed, key=lambda config: config.model):
            runs = list(same)
            with EngineCache(display.RunDisplay(quiet=as_json), runs, there.open_vllm()) as engines:
                for each in runs:
                    yield _one(each, engines, there, as_json)


def _one(config: RunConfig, engines: EngineCache, there: Machines, as_json: bool) -> RunResult:
    """One run, shown."""
    with display.RunDisplay(quiet=as_json) as observer:
        result = pipeline.run(config, observer, engines, there.sandboxes())
    with busy("sending the run", quiet=as_json or not config.report_to):
        sent = _send.report(result.run, config.report_to)
    if as_json:
        print(json.dumps(report_.with_reports(result.summary, sent)))
    else:
        display.show_summary(result.summary)
        sections.show_sections(result.summary)
        display.out.print(f"look at the completions: harness show {result.run} [PROBLEM]", soft_wrap=True)
        report_.show(sent)
    if not result.complete:
        display.err.print("incomplete: see what is left out, and run.log; the same command does what can still be done")
    return result


def _print_prompt(config: RunConfig, problem: str | None, as_json: bool) -> None:
    shown = preview.preview(config, problem)
    found = shown.record()
    if as_json:
        print(json.dumps(found))
        return
    for message in messages_of(shown.request):
        display.out.print(Rule(Text(message.role), align="left"))
        display.out.print(Text(display.printable(message.text)), soft_wrap=True)
    if found.get("rendered") is not None:
        display.out.print(Rule(Text("as the chat template renders it"), align="left"))
        display.out.print(Text(display.printable(found["rendered"])), soft_wrap=True)
    display.out.print(Rule(Text(f"for {display.printable(found['problem'])}, nothing was sent"), align="left"))
    if sampling := found.get("sampling"):
        display.out.print(Text(", ".join(f"{name} {json.dumps(value)}" for name, value in sampling.items())))
