"""From the scores of a run to its estimates, in a way that the order of the scores does not change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.stats import Interval
from harness.tasks import Ended
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
    intervals: Mapping[str, Interval], groups: Mapping[str, Sequence[Score]], method: str, ended: Ended
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
            signature=f"{metric}|{ended.signature}",
        )
        for metric, interval in intervals.items()
    ]
