"""Show a run's numbers, or one problem's completions."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from harness.cli import options
from harness.cli.display import run as display
from harness.cli.display import sections
from harness.errors import InputError, did_you_mean
from harness.runs import layout, reader
from harness.runs.manifest import Manifest
from harness.types import Score

GROUP = "inspect"


def show(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    problem: Annotated[str | None, typer.Argument(help="A problem's id.")] = None,
    as_json: options.Json = False,
) -> None:
    """Show a run: its numbers and its problems, or the completions of one problem with their verdicts."""
    manifest = reader.read_manifest(run)
    if problem is None:
        _show_run(run, manifest, as_json)
    else:
        _show_problem(run, problem, as_json)


def _show_run(run: Path, manifest: Manifest, as_json: bool) -> None:
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    beside = set()
    for record in reader.read_executions(run):
        verdicts[record["problem_id"]][record["verdict"]] += 1
        if record.get("integrity") == "in-sandbox":
            beside.add(record["problem_id"])
    summary = reader.read_summary(run)
    if as_json:
        problems = {name: dict(counts) for name, counts in verdicts.items()}
        kept = {"signature": manifest.signature, "host": manifest.host, "engine": manifest.engine}
        print(json.dumps({"run": str(run), **kept, "summary": summary, "problems": problems}))
        return
    table = Table("problem", "c of n", "verdicts", header_style="bold")
    for name, counts in verdicts.items():
        rest = ", ".join(f"{verdict} {count}" for verdict, count in counts.most_common() if verdict != "ACCEPTED")
        passed = f"{counts['ACCEPTED']} of {counts.total()}"
        style = "green" if counts["ACCEPTED"] == counts.total() else "red" if not counts["ACCEPTED"] else "yellow"
        marked = f"{display.printable(name)} (integrity: in-sandbox)" if name in beside else display.printable(name)
        table.add_row(Text(marked), Text(passed, style=style), rest)
    if verdicts:
        display.out.print(table)
    if summary:
        try:
            display.show_summary(summary)
            sections.show_sections(summary)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
            what = f"{type(error).__name__}: {error}"
            raise InputError(f"{run / layout.SUMMARY} is not what a run writes ({what}); {reader.AGAIN}") from error
        about = {**manifest.host, **manifest.engine}
        begun = display.printable(", ".join(f"{name} {value}" for name, value in about.items()))
        display.out.print(Text(f"begun on: {begun}"), soft_wrap=True)
    else:
        display.out.print("the run has not come to its end; the same command goes on with it")


def _show_problem(run: Path, problem: str, as_json: bool) -> None:
    wanted, known = [], set()
    for record in reader.read_completion_records(run):
        known.add(record["problem_id"])
        if record["problem_id"] == problem:
            wanted.append(record)
    pictures = reader.read_pictures(run)
    if drawn := [row for row in pictures if row["name"] == problem]:
        _show_pictures(run, problem, drawn, as_json)
        return
    if not wanted:
        known |= {row["name"] for row in pictures}
        raise InputError(f"{run} has no completions of {problem!r}{did_you_mean(problem, known)}")
    executions = {record["index"]: record for record in reader.read_executions(run) if record["problem_id"] == problem}
    scores = {each.index: each for each in reader.read_scores(run) if each.problem_id == problem}
    rows = [
        {**each, "execution": executions.get(each["index"]), "score": _worth(scores.get(each["index"]))}
        for each in wanted
    ]
    if as_json:
        print(json.dumps({"run": str(run), "problem": problem, "completions": rows}))
        return
    for row in rows:
        _show_completion(row)


def _show_pictures(run: Path, problem: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    """The pictures of a prompt with their scores: where they are, not what they show."""
    if as_json:
        print(json.dumps({"run": str(run), "problem": problem, "pictures": rows}))
        return
    display.out.print(Text(display.printable(f"{problem}: {rows[0]['prompt']}")), soft_wrap=True)
    table = Table("picture", "seed", "CLIP cosine", "rank", header_style="bold")
    for row in rows:
        seed = "" if row["seed"] is None else str(row["seed"])
        table.add_row(Text(display.printable(row["image"])), seed, f"{row['clip_cosine']:.4f}", str(row["rank"]))
    display.out.print(table)


def _worth(score: Score | None) -> dict[str, Any] | None:
    return None if score is None else {"values": dict(score.values), "notes": dict(score.notes)}


def _show_completion(row: dict[str, Any]) -> None:
    execution = row["execution"]
    title = Text(f"{display.printable(row['problem_id'])} [{row['index']}]  ")
    if execution:
        title.append(display.verdict_text(execution["verdict"]))
    elif row["score"]:
        known = {**row["score"]["notes"], **{name: f"{value:.4g}" for name, value in row["score"]["values"].items()}}
        title.append(display.printable(", ".join(f"{name} {value}" for name, value in known.items())))
    else:
        title.append("not scored", style="dim")
    if execution and execution.get("integrity") == "in-sandbox":
        title.append("  integrity: in-sandbox", style="yellow")
    if row.get("finish_reason") == "length":
        title.append("  cut at max_tokens", style="yellow")
    display.out.print(Rule(title, align="left"))
    if execution and "extractor" in execution:
        _show_reply(row["text"], execution["extractor"], execution["span"])
    elif row["text"].strip() and not execution:
        display.out.print(Text(display.printable(row["text"])))
    elif row["text"].strip():
        text = display.printable(row["text"])
        display.out.print(Syntax(text, "python", theme="ansi_dark", background_color="default"))
    else:
        display.out.print(Text("(empty)", style="dim"))
    if execution and execution.get("detail"):
        display.out.print(Text(display.printable(execution["detail"]), style="dim"))


def _span(span: object, length: int) -> tuple[int, int]:
    """Where the program is; at the end where there is none. Raises InputError for what is no span of the reply."""
    if not span:
        return length, length
    if isinstance(span, list) and len(span) == 2 and all(type(each) is int and 0 <= each <= length for each in span):
        return span[0], span[1]
    raise InputError(f"an execution's span is {display.clipped(repr(span), 80)}, which is no part of its reply")


def _show_reply(text: str, extractor: str, span: list[int] | None) -> None:
    """A reply with its program in colour and the rest dim."""
    start, end = _span(span, len(text))
    where = f"characters {start} to {end} of {len(text)}" if span else "no program found"
    display.out.print(Text(f"extractor {extractor}: {where}", style="dim"))
    if text[:start].strip():
        display.out.print(Text(display.printable(text[:start].rstrip("\n")), style="dim"))
    if text[start:end].strip():
        # from the start of its line, so that the first line keeps its margin
        margin = text[text.rfind("\n", 0, start) + 1 : start]
        shown = display.printable((margin if margin.isspace() else "") + text[start:end])
        display.out.print(Syntax(shown, "python", theme="ansi_dark", background_color="default"))
    if text[end:].strip():
        display.out.print(Text(display.printable(text[end:].lstrip("\n")), style="dim"))
