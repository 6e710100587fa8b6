"""Rank ranges: the ranks that a run can have, as far as paired tests on the same problems can separate it from others.

With N runs, a run that w others are significantly better than, and that is significantly better than b others, has rank
1 + w to N - b. Each pair is tested by flipping the signs of its differences per problem, as in `harness.stats.paired`,
and the p-values are adjusted for all pairs at once by Holm's method: the probability of even one wrong separation in a
table is at most ALPHA. The tails are computed, not drawn (`harness.stats.sign_flips`): 200 runs are 19,900 pairs, and
random flips cannot show p-values as small as the correction then asks for.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.stats.bootstrap import ALPHA
from harness.stats.paired import holm, mcnemar_p
from harness.stats.sign_flips import tail_p_values

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankRange:
    """The best and the worst rank that the evidence leaves open, from 1."""

    best: int
    worst: int

    def __str__(self) -> str:
        return f"{self.best}" if self.best == self.worst else f"{self.best}-{self.worst}"


def rank_ranges(
    values: Sequence[Mapping[str, float]],
    *,
    weights: Mapping[str, float] | None = None,
    lower_is_better: bool = False,
) -> list[RankRange]:
    """The rank range of each run. values: of each run, problem -> value; all of the same problems.

    weights: what a problem counts, all the same where absent. Raises ValueError for runs of different problems.
    """
    better, worse = [0] * len(values), [0] * len(values)
    for ahead, behind in separated_pairs(values, weights=weights, lower_is_better=lower_is_better):
        better[ahead] += 1
        worse[behind] += 1
    return [RankRange(best=1 + worse[run], worst=len(values) - better[run]) for run in range(len(values))]


def separated_pairs(
    values: Sequence[Mapping[str, float]],
    *,
    weights: Mapping[str, float] | None = None,
    lower_is_better: bool = False,
) -> list[tuple[int, int]]:
    """(ahead, behind) of each pair of runs that the tests separate, by their places in `values`; as `rank_ranges`."""
    if not values:
        return []
    ids = sorted(values[0])
    if any(sorted(each) != ids for each in values):
        raise ValueError("rank ranges need runs of the same problems")
    table = np.array([[each[name] for name in ids] for each in values])  # shape (runs, problems)
    if weights is not None:
        counts = np.array([weights[name] for name in ids])
        table = table * (counts / counts.mean())
    pairs = list(itertools.combinations(range(len(values)), 2))
    gaps = np.array([table[a] - table[b] for a, b in pairs]).reshape(len(pairs), len(ids))
    return [
        (a, b) if (gap.sum() > 0) != lower_is_better else (b, a)
        for (a, b), gap, p_value in zip(pairs, gaps, holm(_p_values(gaps)), strict=True)
        if p_value <= ALPHA
    ]


def _p_values(gaps: Values) -> list[float]:
    """The p-value of each row of gaps, shape (pairs, problems)."""
    p_values = tail_p_values(gaps)
    for row in np.flatnonzero([_is_mcnemar(gap) for gap in gaps]):
        p_values[row] = mcnemar_p(gaps[row])
    return [float(each) for each in p_values]


def _is_mcnemar(gap: Values) -> bool:
    """All differences are of one size, as for one sample per problem."""
    sizes = np.abs(gap[gap != 0])
    return not len(sizes) or bool(sizes.max() - sizes.min() <= 1e-12 * sizes.max())
