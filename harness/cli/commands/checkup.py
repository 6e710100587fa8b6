"""Compare a fine-tuned model with its base, in one report."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from harness.checkup import checkpoints, records, report, run, verdicts
from harness.checkup.checkpoints import Checkpoint
from harness.checkup.data import ItemSelection
from harness.checkup.people import PeopleResult
from harness.checkup.run import Checkup
from harness.cli import options
from harness.cli.display import run as display
from harness.cli.display.meter import Meter
from harness.errors import InputError
from harness.review import results
from harness.review.study import open_study
from harness.review.text import headline

GROUP = "compare"
EXAMPLES = (
    "harness checkup --base nano-base --tuned nano",
    "harness checkup --base Qwen/Qwen2.5-0.5B --tuned ./checkpoint --data my/texts",
)


@options.takes(
    "k", "n", "engine", "vllm_python", "engine_args", "sandbox", "results", "seed",
    n="Samples per programming problem. Default: max(k, 10).", engine="auto, transformers or vllm.",
)  # fmt: skip
def checkup(
    *,
    base: Annotated[str | None, typer.Option(help="The model before tuning: a directory, a hub id, nano-base.")] = None,
    tuned: Annotated[
        list[str] | None,
        typer.Option(help="The model after tuning. May be repeated: checkpoints, in the order of training."),
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="A compatible server of the model before tuning.")] = None,
    tuned_url: Annotated[str | None, typer.Option(help="A compatible server of the model after tuning.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="A directory with some of train.jsonl, validation.jsonl, codegen.jsonl, summarization.jsonl, "
            "classification.jsonl, perplexity.jsonl, trainer_state.json. Default: the shipped sets."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="Items of each part, drawn by the seed.")] = 500,
    prompts: Annotated[int, typer.Option(min=0, help="Texts of each file whose beginnings the models continue.")] = 32,
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder of the report.")] = Path("checkup"),
    review: Annotated[
        list[Path] | None,
        typer.Option(help="A closed study of these models (harness review), to stand in the report. May be repeated."),
    ] = None,
    flags: options.Flags,
    as_json: options.Json = False,
) -> None:
    """Compare a model with the one it was tuned from: perplexity, task scores, memorization, leaks, examples to read.

    Writes report.html and checkup.json. Run the same command again after an interruption: it goes on from there.
    """
    if (base is None and base_url is None) or (not tuned and tuned_url is None):
        raise InputError("give the two models: --base and --tuned, or --base-url and --tuned-url for servers")
    engine, seed = flags["engine"], flags["seed"] or 0
    if seed < 0:
        raise InputError(f"--seed must be at least 0, not {seed}")
    people = [_people(each) for each in review or []]
    asked = run.CheckupOptions(
        sides={
            "base": {"model": base, "base_url": base_url, "engine": None if base_url else engine},
            "tuned": {
                "model": tuned[0] if tuned else None,
                "base_url": tuned_url,
                "engine": None if tuned_url else engine,
            },
        },
        common={name: flags[name] for name in ("vllm_python", "engine_args", "seed", "sandbox", "results")},
        codegen={"k": flags["k"], "n": flags["n"]},
        environment=options.environment(),
        folder=data,
        choice=ItemSelection(
            limit=limit, prompts=prompts, seed=seed, copies=out / "data", cache=options.cache_folder()
        ),
    )
    if tuned and len(tuned) > 1:
        _check_several(asked, tuned, out, people, as_json=as_json)
    else:
        _check_one(asked, out, people, as_json=as_json)


def _check_one(asked: run.CheckupOptions, out: Path, people: list[PeopleResult], *, as_json: bool) -> None:
    found, page, record = _check(asked, out, people, as_json=as_json)
    if as_json:
        print(json.dumps(record))
    else:
        _show(found, page)
        for each in people:
            display.out.print(Text(display.printable(f"people: {each.headline}")))
    if found.incomplete:
        raise typer.Exit(3)


def _check(
    asked: run.CheckupOptions, out: Path, people: list[PeopleResult], *, as_json: bool
) -> tuple[Checkup, Path, dict[str, Any]]:
    """The checkup, its page and its record, both written to a folder."""
    with Meter(quiet=as_json) as meter:

        def shown() -> display.RunDisplay:
            meter.end_words()  # or its spinner would turn above the bars of every run
            return display.RunDisplay(quiet=as_json)

        found = run.run_checkup(asked, shown, meter)
    page = report.write(found, out, people)
    record = records.as_json(found, people)
    records.write(record, out)
    return found, page, record


def _check_several(
    asked: run.CheckupOptions, models: list[str], out: Path, people: list[PeopleResult], *, as_json: bool
) -> None:
    """Each checkpoint against the base model, whose runs are made once; then all of them in one table."""
    if asked.sides["tuned"]["base_url"] is not None:
        raise InputError("--tuned-url serves one checkpoint; give one --tuned beside it, or none")
    each = [
        dataclasses.replace(asked, sides={**asked.sides, "tuned": {**asked.sides["tuned"], "model": model}})
        for model in models
    ]
    for one in each:
        run.check_models(one)
    rows, written, incomplete = [], [], False
    for number, (model, one) in enumerate(zip(models, each, strict=True), start=1):
        folder = out / f"{number}-{Path(model).name}"
        found, page, record = _check(one, folder, people, as_json=as_json)
        rows.append(checkpoints.checkpoint(found, str(page)))
        written.append(record)
        incomplete |= bool(found.incomplete)
        if not as_json:
            _show(found, page)
    best = checkpoints.lowest(rows)
    whole = {"checkpoints": written, "table": [dataclasses.asdict(row) for row in rows],
             "lowest": best.name if best else None, "advice": checkpoints.advice(rows)}  # fmt: skip
    records.write(whole, out)
    if as_json:
        print(json.dumps(whole))
    else:
        display.out.print(_checkpoint_table(rows))
        display.out.print(Text(display.printable(checkpoints.advice(rows))))
    if incomplete:
        raise typer.Exit(3)


def _checkpoint_table(rows: list[Checkpoint]) -> Table:
    table = Table("checkpoint", *rows[0].scores, "loss gap", "signs", header_style="bold")
    for row in rows:
        scores = (checkpoints.score_text(row, name) for name in rows[0].scores)
        gap = "" if row.gap is None else f"{row.gap:+.3f}"
        table.add_row(Text(display.printable(row.name)), *scores, gap, Text(", ".join(row.signs)))
    return table


def _people(path: Path) -> PeopleResult:
    """Raises InputError for a folder that is not a study, and one that is not closed."""
    found = results.results(open_study(path), results.ResultOptions(within=True))
    return PeopleResult(
        study=found["study"],
        headline=headline(found),
        comparisons=tuple(found["comparisons"]),
        warnings=tuple(found["warnings"]),
        signature=found["signature"],
    )


STYLES = {"better": "bold green", "worse": "bold red", "no evidence": "yellow", "sign": "bold red", "no sign": "green",
          "remark": "yellow", "not measured": "yellow"}  # fmt: skip


def _show(found: Checkup, page: Path) -> None:
    display.out.print(_table(found))
    for check in found.memorization.checks:
        if check.verdict in ("sign", "remark"):
            style = "red" if check.verdict == "sign" else "yellow"
            said = Text(display.printable(f"{check.name}: {check.words}"), style=style)
            display.out.print(said, Text(display.printable(f"  {check.advice}"), style="dim"), sep="\n")
    for caution in found.cautions:
        display.out.print(Text(f"note: {display.printable(caution)}", style="yellow"))
    if found.data.missing:
        missing = ", ".join(found.data.missing)
        display.out.print(Text(f"not checked, because these are missing: {missing}", style="dim"))
    display.out.print(Text(display.printable(found.headline)))
    display.out.print(f"report: {display.printable(str(page))}", soft_wrap=True)
    for each in found.incomplete:
        display.err.print(Text(f"incomplete: {display.printable(each)}"))


def _table(found: Checkup) -> Table:
    """A row for each verdict."""
    table = Table(header_style="bold")
    for name in ("", "base", "tuned", "difference", "verdict", "items needed"):
        number = name in ("base", "tuned", "difference", "items needed")
        table.add_column(name, justify="right" if number else "left", no_wrap=name != "", overflow="fold")
    for line in found.lines:
        needed = f"{line.needed:,}" if line.needed and line.verdict == "no evidence" else ""
        shown = (verdicts.amount(each.value, line.share) for each in (line.base, line.tuned))
        verdict = Text(line.verdict, STYLES[line.verdict])
        table.add_row(verdicts.label(line), *shown, verdicts.size(line, "+"), verdict, needed)
    for check in found.memorization.checks:
        table.add_row(check.name, "", "", "", Text(check.verdict, STYLES[check.verdict]), "")
    return table
