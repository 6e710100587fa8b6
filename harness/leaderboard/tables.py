"""Leaderboard tables: one per task, data set and conditions, with a rank range in every cell that can have one.

Two runs share a table if their signatures agree in the task, the problem set with its digest and the part of it that
was asked, integrity and limits. What else differs between the rows (sampling, form, engine, sandbox image, version) is
shown with each row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.leaderboard.results import LeaderboardRun, created_label, slug
from harness.metrics import Direction, Metric, metric_or_guess
from harness.runs.summary import CODEGEN
from harness.stats.ranking import RankRange, separated_pairs
from harness.text.printable import clipped
from harness.types import Estimate

CONDITIONS = ("subset", "integrity", "cpu", "wall", "mem")
HEADLINE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One number of a run. rank: None for a run of a part of the problems, and for a metric that is no mean of them.

    ahead_of: the names of the runs that it is significantly better than.
    """

    estimate: Estimate
    rank: RankRange | None
    ahead_of: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableRow:
    """A run in its table. number: its place in it, from 1. varying: the signature's fields that tell it from others."""

    number: int
    run: LeaderboardRun
    varying: Mapping[str, str]
    cells: Mapping[str, Cell]

    @property
    def label(self) -> str:
        """The run's name in charts and legends."""
        return " ".join([self.run.model, *(f"{key}:{value}" for key, value in self.varying.items())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table. metrics: in the order of its columns, the first is the one it is sorted by."""

    task: str
    task_version: str
    dataset: str
    slug: str
    metrics: tuple[str, ...]
    conditions: Mapping[str, str]
    rows: tuple[TableRow, ...]

    @property
    def headline(self) -> tuple[str, ...]:
        """The metrics that fit a table; the pages of runs, CSV and JSON have all."""
        return self.metrics[:HEADLINE]

    @property
    def title(self) -> str:
        """`codegen on starter`."""
        return f"{self.task} on {self.dataset.partition('@')[0]}"


def make_tables(runs: Sequence[LeaderboardRun]) -> list[Table]:
    """The tables of these runs, codegen first, then by name; rows best first, runs of a part of the problems last."""
    groups: dict[tuple[str, ...], list[LeaderboardRun]] = {}
    for run in runs:
        groups.setdefault(_key(run), []).append(run)
    return [_table(key, groups[key]) for key in sorted(groups, key=lambda key: (key[0] != CODEGEN, key))]


def metric_of(table: Table, name: str) -> Metric:
    """What a column's metric says of itself; `name` is one of `table.metrics`."""
    return metric_or_guess(name, [row.cells[name].estimate.value for row in table.rows if name in row.cells])


def problem_values(run: LeaderboardRun, name: str) -> dict[str, float] | None:
    """Problem -> its value in the metric, for problems with a score; None where the metric is no mean of such.

    Of perplexities and their kin it is the nats per token, byte or word: the logarithm is a mean, weighted by
    `problem_weights`.
    """
    return _metric(run, name).values(_scored(run))


def problem_weights(run: LeaderboardRun, name: str) -> dict[str, float] | None:
    """What each problem counts in the metric's value; None where all count the same."""
    return _metric(run, name).weights(_scored(run))


def _metric(run: LeaderboardRun, name: str) -> Metric:
    return metric_or_guess(name, [each.value for each in run.estimates if each.metric == name])


def _scored(run: LeaderboardRun) -> dict[str, Mapping[str, float]]:
    return {name: values for name, values in run.problems.items() if values.get("n", 0) > 0}


def _key(run: LeaderboardRun) -> tuple[str, ...]:
    dataset = f"{run.dataset}@{run.dataset_sha256[:8]}"
    return (run.task, run.task_version, dataset, *(run.fields.get(name, "") for name in CONDITIONS))


def _table(key: tuple[str, ...], runs: list[LeaderboardRun]) -> Table:
    metrics = tuple(dict.fromkeys(each.metric for run in runs for each in run.estimates))
    first = metrics[0]
    varying = _varying(runs)
    ahead = {metric: _ahead(runs, metric) for metric in metrics}
    rows = sorted(runs, key=lambda run: (not run.whole, *_order(run, first), run.name))
    return Table(
        task=key[0],
        task_version=key[1],
        dataset=key[2],
        slug=slug(" ".join(key)),
        metrics=metrics,
        conditions={name: value for name, value in zip(CONDITIONS, key[3:], strict=True) if value},
        rows=tuple(
            TableRow(
                number=number,
                run=run,
                varying=varying[run.name],
                cells={each.metric: _cell(run.name, each, ahead[each.metric]) for each in run.estimates},
            )
            for number, run in enumerate(rows, start=1)
        ),
    )


def _order(run: LeaderboardRun, metric: str) -> tuple[bool, float]:
    found = [each.value for each in run.estimates if each.metric == metric]
    if not found:
        return True, 0.0
    return False, found[0] if metric_or_guess(metric, found).lower_is_better else -found[0]


def _cell(name: str, estimate: Estimate, ahead: Mapping[str, frozenset[str]]) -> Cell:
    if name not in ahead:
        return Cell(estimate=estimate, rank=None)
    behind_of = sum(name in others for others in ahead.values())
    rank = RankRange(best=1 + behind_of, worst=len(ahead) - len(ahead[name]))
    return Cell(estimate=estimate, rank=rank, ahead_of=ahead[name])


def _ahead(runs: Sequence[LeaderboardRun], metric: str) -> dict[str, frozenset[str]]:
    """Run -> those that it is significantly better than in this metric, for the runs that have it of every problem."""
    values = {}
    described = metric_or_guess(metric, [each.value for run in runs for each in run.estimates if each.metric == metric])
    if described.direction is Direction.NEITHER:
        return {}
    for run in runs:
        found = problem_values(run, metric) if run.whole else None
        if found and any(each.metric == metric for each in run.estimates):
            values[run.name] = found
    if not values:
        return {}
    # rows of one table are of one problem set; runs that yet name other problems cannot be ranked with the rest
    common, _ = Counter(frozenset(found) for found in values.values()).most_common(1)[0]
    names = sorted(name for name, found in values.items() if set(found) == common)
    weights, *others = [problem_weights(run, metric) for run in runs if run.name in names]
    if any(other != weights for other in others):
        return {}  # tokens of two tokenizers are two units: nothing to compare
    pairs = separated_pairs(
        [values[name] for name in names],
        weights=weights,
        lower_is_better=described.lower_is_better,
    )
    return {name: frozenset(names[b] for a, b in pairs if names[a] == name) for name in names}


def _varying(runs: Sequence[LeaderboardRun]) -> dict[str, dict[str, str]]:
    """Run -> the fields of its signature that differ between rows; its time where those do not tell it apart."""
    fields = list(dict.fromkeys(name for run in runs for name in run.fields if name not in ("task", "data")))
    differ = [name for name in fields if len({run.fields.get(name, "") for run in runs}) > 1]
    shown = {
        run.name: {clipped(name, 40): clipped(run.fields[name], 40) for name in differ if name in run.fields}
        for run in runs
    }
    counts = Counter((run.model, *shown[run.name].items()) for run in runs)
    for run in runs:
        if counts[(run.model, *shown[run.name].items())] > 1:
            shown[run.name]["run"] = f"{created_label(run.created)} {run.manifest.fingerprint[:8]}"
    return shown
