"""From the scores of a run to its estimates, in a way that the order of the scores does not change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.stats import bootstrap
from harness.stats.bootstrap import Interval
from harness.tasks import ScoredRun, TaskSummary
from harness.types import Estimate, Score


def by_problem(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """The scores of each problem, problems in the order of their ids, samples in that of their indexes."""
    groups: dict[str, list[Score]] = {}
    for score in sorted(scores, key=lambda each: (each.problem_id, each.index)):
        groups.setdefault(score.problem_id, []).append(score)
    return groups


def means(group: Sequence[Score], metrics: Sequence[str]) -> dict[str, float]:
    """`n` and the mean of each metric over a problem's samples."""
    return {"n": len(group), **{name: sum(each.values[name] for each in group) / len(group) for name in metrics}}


def estimates(
    intervals: Mapping[str, Interval], groups: Mapping[str, Sequence[Score]], method: str, run: ScoredRun
) -> list[Estimate]:
    """One per metric."""
    return [
        Estimate(
            metric=metric,
            value=interval.value,
            low=interval.low,
            high=interval.high,
            n_problems=len(groups),
            n_completions=sum(map(len, groups.values())),
            method=method,
            signature=f"{metric}|{run.signature}",
        )
        for metric, interval in intervals.items()
    ]


def mean_summary(metrics: Sequence[str], method: str, run: ScoredRun) -> TaskSummary:
    """What a run comes to whose every metric is a mean over items, and within each item over its samples."""
    groups = by_problem(run.scores())
    values = {problem_id: means(group, metrics) for problem_id, group in groups.items()}
    if not values:
        return TaskSummary(estimates=[], problems={}, omitted=metrics)
    import numpy as np

    data = np.array([[item[metric] for metric in metrics] for item in values.values()])
    intervals = bootstrap.mean_intervals(data, np.random.default_rng(run.seed))
    found = dict(zip(metrics, intervals, strict=True))
    return TaskSummary(estimates=estimates(found, groups, method, run), problems=values)
