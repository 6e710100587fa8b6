"""Show a run's numbers, or one problem's completions."""

from __future__ import annotations

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
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
from harness.cli.display.console import busy
from harness.datasets import ProblemSets
from harness.errors import InputError, did_you_mean
from harness.leaderboard.prompts import find_problems
from harness.metrics import named_value
from harness.runs import layout, reader
from harness.runs.manifest import Manifest
from harness.text import numbers
from harness.types import Problem, Score
from sandbox import CallTests, Verdict

GROUP = "inspect"
EXAMPLES = (
    "harness show results/example/nano-T0.8 --failed --sort passed",
    "harness show results/example/nano-T0.8 starter/odd_cubes --diff",
)
LONGEST_TESTS = 4000  # characters that are shown of a problem's tests
SHOWN_CASES = 8  # of those that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """What is shown. verdicts: None for all of them; sort: of the problems; diff: programs beside the reference."""

    verdicts: frozenset[str] | None
    sort: str
    diff: bool

    def has(self, verdict: str | None) -> bool:
        """Whether a completion with this verdict is shown."""
        return self.verdicts is None or verdict in self.verdicts


def show(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    problem: Annotated[str | None, typer.Argument(help="A problem's id.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only completions that did not pass.")] = False,
    verdict: Annotated[
        list[str] | None, typer.Option(help="Only this verdict, such as TIME_LIMIT; may be given several times.")
    ] = None,
    sort: Annotated[
        str, typer.Option(help="Problems by: set (their order there), name, or passed (fewest first).")
    ] = "set",
    diff: Annotated[
        bool, typer.Option("--diff", help="Show each program as its difference from the reference.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show a run: its numbers and its problems, or the completions of one problem with their verdicts.

    For a problem, its prompt and tests come first, where the problem set is on this machine; equal completions are
    shown once.
    """
    manifest = reader.read_manifest(run)
    chosen = _Chosen(verdicts=_verdicts(failed, verdict), sort=_checked_sort(sort), diff=diff)
    if problem is None:
        _show_run(run, manifest, chosen, as_json)
    else:
        _show_problem(run, manifest, problem, chosen, as_json)


def _verdicts(failed: bool, given: list[str] | None) -> frozenset[str] | None:
    known = [each.value for each in Verdict]
    for each in given or []:
        if each.upper() not in known:
            raise InputError(f"--verdict takes {', '.join(known)}, not {each!r}{did_you_mean(each.upper(), known)}")
    if given:
        return frozenset(each.upper() for each in given)
    return frozenset(known) - {Verdict.ACCEPTED.value} if failed else None


def _checked_sort(sort: str) -> str:
    if sort not in (known := ("set", "name", "passed")):
        raise InputError(f"--sort takes set, name or passed, not {sort!r}{did_you_mean(sort, known)}")
    return sort


def _sorted(verdicts: Mapping[str, Counter[str]], chosen: _Chosen) -> list[tuple[str, Counter[str]]]:
    """The problems that have what is shown, in the order that is asked for."""
    found = [(name, counts) for name, counts in verdicts.items() if any(map(chosen.has, counts))]
    if chosen.sort == "name":
        found.sort(key=lambda pair: pair[0])
    elif chosen.sort == "passed":
        found.sort(key=lambda pair: pair[1]["ACCEPTED"] / pair[1].total())
    return found


def _show_run(run: Path, manifest: Manifest, chosen: _Chosen, as_json: bool) -> None:
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    beside = set()
    with busy("reading the run", quiet=as_json):
        for record in reader.read_executions(run):
            verdicts[record["problem_id"]][record["verdict"]] += 1
            if record.get("integrity") == "in-sandbox":
                beside.add(record["problem_id"])
    summary = reader.read_summary(run)
    if as_json:
        problems = {name: dict(counts) for name, counts in _sorted(verdicts, chosen)}
        kept = {"signature": manifest.signature, "host": manifest.host, "engine": manifest.engine}
        print(json.dumps({"run": str(run), **kept, "summary": summary, "problems": problems}))
        return
    table = Table("problem", "c of n", "verdicts", header_style="bold")
    for name, counts in _sorted(verdicts, chosen):
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
        display.out.print(Text(f"begun on: {begun}"))
    else:
        display.out.print("the run has not come to its end; the same command goes on with it")


def _show_problem(run: Path, manifest: Manifest, problem: str, chosen: _Chosen, as_json: bool) -> None:
    wanted, known = [], set()
    with busy("reading the run", quiet=as_json):
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
        if chosen.has((executions.get(each["index"]) or {}).get("verdict"))
    ]
    if as_json:
        print(json.dumps({"run": str(run), "problem": problem, "completions": rows}))
        return
    asked = _asked(manifest, problem)
    if asked is not None:
        _show_asked(asked)
    if not rows:
        display.out.print("none of its completions fits")
    for equal in _equal(rows):
        _show_completion(equal[0], [each["index"] for each in equal], asked if chosen.diff else None)


def _asked(manifest: Manifest, problem: str) -> Problem | None:
    """The problem as its set has it; None where the very set of the run is not on this machine."""
    problems = find_problems(ProblemSets(options.cache_folder()), manifest)
    return problems.find(problem) if problems else None


def _show_asked(problem: Problem) -> None:
    """The prompt, and the tests of code."""
    display.out.print(Rule("prompt", align="left"))
    display.out.print(Text(display.printable(problem.prompt.rstrip())), soft_wrap=True)
    if isinstance(problem.tests, CallTests):
        display.out.print(Rule("tests", align="left"))
        source = display.printable(display.clipped(problem.tests.source.strip(), LONGEST_TESTS))
        display.out.print(Syntax(source, "python", theme="ansi_dark", background_color="default"))


def _equal(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The completions, equal ones with the same verdict together, in the order of their first."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        worth = f"{(row['execution'] or {}).get('verdict')} {json.dumps(row['score'], sort_keys=True)}"
        groups.setdefault((row["text"], str(worth)), []).append(row)
    return list(groups.values())


def _show_pictures(run: Path, problem: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    """The pictures of a prompt with their scores: where they are, not what they show."""
    if as_json:
        print(json.dumps({"run": str(run), "problem": problem, "pictures": rows}))
        return
    display.out.print(Text(display.printable(f"{problem}: {rows[0]['prompt']}")))
    table = Table("picture", "seed", "CLIP cosine", "rank", header_style="bold")
    for row in rows:
        seed = "" if row["seed"] is None else str(row["seed"])
        table.add_row(Text(display.printable(row["image"])), seed, numbers.amount(row["clip_cosine"]), str(row["rank"]))
    display.out.print(table)


def _worth(score: Score | None) -> dict[str, Any] | None:
    return None if score is None else {"values": dict(score.values), "notes": dict(score.notes)}


def _show_completion(row: dict[str, Any], indexes: list[int], beside: Problem | None) -> None:
    """A completion once, with the indexes of all that are equal to it. beside: whose reference it is held against."""
    execution = row["execution"]
    display.out.print(Rule(_title(row, indexes), align="left"))
    if row["score"] and not row["execution"]:
        _show_score(row["score"])
    if beside is not None and beside.references:
        _show_diff(beside.references[0], row["text"])
    elif execution and "extractor" in execution:
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
    if execution:
        _show_cases(execution)


def _show_cases(execution: dict[str, Any]) -> None:
    """How each case ended, and what the first that failed was about."""
    ends = [str(each) for each in execution.get("cases") or ()]
    if len(ends) > 1:
        others = [f"{at} {end}" for at, end in enumerate(ends, 1) if end != Verdict.ACCEPTED.value]
        more = f" and {len(others) - SHOWN_CASES} more" if len(others) > SHOWN_CASES else ""
        named = f"; {', '.join(others[:SHOWN_CASES])}{more}" if others else ""
        passed = f"cases: {len(ends) - len(others)} of {len(ends)} passed"
        display.out.print(Text(passed + display.printable(named)))
    failed = execution.get("failed_case")
    known = failed if isinstance(failed, dict) else {}
    for name in ("input", "expected", "got"):
        if known.get(name) is not None:
            display.out.print(Text(f"  {name}: {display.printable(str(known[name]).rstrip())}"), soft_wrap=True)


def _title(row: dict[str, Any], indexes: list[int]) -> Text:
    """Which samples of which problem, and what came of them."""
    execution = row["execution"]
    title = Text(f"{display.printable(row['problem_id'])} [{', '.join(map(str, indexes))}]  ")
    if len(indexes) > 1:
        title.append(f"{len(indexes)} times  ")
    if execution:
        title.append(display.verdict_text(execution["verdict"]))
    elif not row["score"]:
        title.append("not scored", style="dim")
    if _base_alone(row):
        title.append("  passed the base tests", style="yellow")
    if execution and execution.get("integrity") == "in-sandbox":
        title.append("  integrity: in-sandbox", style="yellow")
    if row.get("finish_reason") == "length":
        title.append("  cut at max_tokens", style="yellow")
    title.rstrip()
    return title


def _show_score(score: Mapping[str, Any]) -> None:
    """What an answer is worth, on lines of its own: a rule would cut it."""
    notes = [f"{name} {note}" for name, note in score["notes"].items()]
    values = [named_value(name, value) for name, value in score["values"].items()]
    display.out.print(Text(display.printable(", ".join([*notes, *values]))))


def _base_alone(row: dict[str, Any]) -> bool:
    """Whether it passed the base tests of its set, and not the others."""
    values = (row["score"] or {}).get("values", {})
    return bool(values.get("base_passed")) and not values.get("passed")


def _show_diff(reference: str, text: str) -> None:
    """What a completion has in place of the reference's lines."""
    lines = difflib.unified_diff(
        reference.rstrip().splitlines(),
        text.rstrip().splitlines(),
        "reference",
        "completion",
        lineterm="",
        n=LONGEST_TESTS,
    )
    for line in lines:
        style = {"+": "green", "-": "red", "@": "dim"}.get(line[:1], "")
        if not line.startswith("@@"):
            display.out.print(Text(display.printable(line), style=style), soft_wrap=True)


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
