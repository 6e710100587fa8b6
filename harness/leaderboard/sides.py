"""Two runs of a table beside each other: what changed from problem to problem, and a program of each.

One page per table holds every run, and its script shows the two that are chosen: 20 runs have 190 pairs. Whether one
of the two is better is what the table's paired tests say, never the counts of problems alone.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from harness.leaderboard import charts
from harness.leaderboard.answers import REPEAT, highlighted, shown_source
from harness.leaderboard.records import Example, parsed_line
from harness.leaderboard.results import LeaderboardRun
from harness.leaderboard.tables import Table, TableRow, metric_of, problem_values
from harness.runs.layout import COMPLETIONS, EXECUTIONS
from harness.runs.summary import CODEGEN
from harness.types import Problem
from sandbox.types import Verdict

CASE = ("input", "expected", "got")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two rows in words. name: `1-3`, of their numbers."""

    name: str
    counts: str
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SideCell:
    """What a run made of a problem. share: from 0 to 1, the more the better; text: as people read it."""

    number: int
    share: float
    text: str
    verdicts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownExample:
    """One completion of a run for the side-by-side of a problem.

    detail: what went wrong. failed_case: (name, text) of the input, what was expected and what came, as far as they are
    known of the first case that failed.
    """

    index: int
    verdict: str | None
    detail: str
    failed_case: tuple[tuple[str, str], ...]
    code: Markup | str


def make_pairs(table: Table) -> list[Pair]:
    """Every pair of rows: on how many problems each is better, and what the paired test says."""
    shares = charts.problem_shares(table)
    return [_pair(table, a, b, shares[a], shares[b]) for a, b in itertools.combinations(table.rows, 2)]


def _pair(table: Table, a: TableRow, b: TableRow, ours: Mapping[str, float], theirs: Mapping[str, float]) -> Pair:
    common = [name for name in ours if name in theirs]
    more = sum(ours[name] > theirs[name] for name in common)
    less = sum(ours[name] < theirs[name] for name in common)
    first, second = (f"run {row.number} ({row.label})" for row in (a, b))
    same = len(common) - more - less
    return Pair(
        name=f"{a.number}-{b.number}",
        counts=f"Of {len(common)} problems, {first} is better on {more}, {second} on {less}; {same} are the same.",
        finding=_finding(table, a, b, first, second),
    )


def _finding(table: Table, a: TableRow, b: TableRow, first: str, second: str) -> str:
    metric = table.metrics[0]
    ours, theirs = a.cells.get(metric), b.cells.get(metric)
    if not ours or not theirs or not ours.rank or not theirs.rank:
        return f"Their {metric} is not compared: a run of a part of the problems, or a metric that is no mean of them."
    text = metric_of(table, metric).text
    values = f"{metric} {text(ours.estimate.value)} and {text(theirs.estimate.value)}"
    if b.run.name in ours.ahead_of:
        return f"{values}: {first} is significantly better (paired test, Holm over the table, 5 %)."
    if a.run.name in theirs.ahead_of:
        return f"{values}: {second} is significantly better (paired test, Holm over the table, 5 %)."
    return f"{values}: the two cannot be told apart (paired test, Holm over the table, 5 %)."


def problem_rows(table: Table) -> list[tuple[str, list[SideCell | None]]]:
    """(problem, a cell for each row of the table), in the order of the set; None where the run has no score of it."""
    shares = charts.problem_shares(table)
    names = list(dict.fromkeys(name for row in table.rows for name in row.run.problems))
    values = {row: problem_values(row.run, table.metrics[0]) or {} for row in table.rows}
    return [(name, [_cell(table, row, name, shares[row], values[row]) for row in table.rows]) for name in names]


def _cell(
    table: Table, row: TableRow, name: str, shares: Mapping[str, float], values: Mapping[str, float]
) -> SideCell | None:
    if name not in shares:
        return None
    counts = row.run.problems[name]
    measure = metric_of(table, table.metrics[0])
    text = f"{counts['c']:g} of {counts['n']:g}" if table.task == CODEGEN else measure.text(values[name])
    marks = Counter(mark for mark in row.run.verdicts_of.get(name, {}).values() if mark)
    return SideCell(number=row.number, share=round(shares[name], 9), text=text, verdicts=marks)


def shown_examples(run: LeaderboardRun, problem_id: str, problem: Problem | None) -> list[ShownExample]:
    """The run's first completion of a problem that was accepted, and its first that was not; none of empty texts."""
    found = run.examples.get(problem_id, ())
    rows = [_record(run, COMPLETIONS, each.completion_at) for each in found]
    return [_shown(run, each, row, problem) for each, row in zip(found, rows, strict=True) if row.get("text")]


def _shown(run: LeaderboardRun, example: Example, row: Mapping[str, Any], problem: Problem | None) -> ShownExample:
    verdict = run.verdicts_of[row["problem_id"]].get(example.index)
    ran: Mapping[str, Any] = {}
    if example.execution_at is not None and verdict != Verdict.ACCEPTED:
        ran = _record(run, EXECUTIONS, example.execution_at)
    detail, case = str(ran.get("detail") or ""), ran.get("failed_case")
    known = case if isinstance(case, dict) else {}
    source = shown_source(run, str(row["text"]), row.get("form"), problem)
    return ShownExample(
        index=example.index,
        verdict=verdict,
        detail="" if detail.startswith(REPEAT) else detail,
        failed_case=tuple((each, str(known[each])) for each in CASE if known.get(each) is not None),
        code=highlighted(source) if run.task == CODEGEN else source,
    )


def _record(run: LeaderboardRun, file: str, place: int) -> dict[str, Any]:
    with open(run.path / file, "rb") as lines:
        lines.seek(place)
        return parsed_line(lines.readline(), f"{run.path / file}, byte {place}")
