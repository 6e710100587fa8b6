"""Rank ranges: the ranks that a run can have, as far as paired tests on the same problems can separate it from others.

With N runs, a run that w others are significantly better than, and that is significantly better than b others, has rank
1 + w to N - b. Each pair is tested by flipping the signs of its differences per problem, as in
`harness.stats.paired`, and
the p-values are adjusted for all pairs at once by Holm's method: the probability of even one wrong separation in a
table is at most ALPHA. All pairs share the drawn signs, so that 190 pairs cost one matrix product and not 190 tests:
0.2 s in place of 8 s for 20 runs of 200 problems. Holm's correction holds for tests that depend on each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.stats.bootstrap import ALPHA, RESAMPLES
from harness.stats.paired import EXACT_FLIPS, holm, sign_flip_p

Values = npt.NDArray[np.float64]
LARGEST_RESAMPLES = 100_000
_PRODUCTS = 250_000  # per matrix product: above it OpenBLAS takes several threads, which on a busy machine cost tenfold


@dataclass(frozen=True, slots=True, kw_only=True)
class RankRange:
    """The best and the worst rank that the evidence leaves open, from 1."""

    best: int
    worst: int

    def __str__(self) -> str:
        return f"{self.best}" if self.best == self.worst else f"{self.best}-{self.worst}"


def rank_ranges(
    values: Sequence[Mapping[str, float]],
    rng: np.random.Generator,
    *,
    weights: Mapping[str, float] | None = None,
    lower_is_better: bool = False,
) -> list[RankRange]:
    """The rank range of each run. values: of each run, problem -> value; all of the same problems.

    weights: what a problem counts, all the same where absent. Raises ValueError for runs of different problems.
    """
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
    better, worse = [0] * len(values), [0] * len(values)
    for (a, b), gap, p_value in zip(pairs, gaps, holm(_p_values(gaps, rng)), strict=True):
        if p_value <= ALPHA:
            ahead, behind = (a, b) if (gap.sum() > 0) != lower_is_better else (b, a)
            better[ahead] += 1
            worse[behind] += 1
    return [RankRange(best=1 + worse[run], worst=len(values) - better[run]) for run in range(len(values))]


def _p_values(gaps: Values, rng: np.random.Generator) -> list[float]:
    """The p-value of each row of gaps, shape (pairs, problems); exact where that is no dearer than drawing."""
    p_values = [0.0] * len(gaps)
    drawn = [row for row in range(len(gaps)) if not _is_exact(gaps[row])]
    for row in set(range(len(gaps))) - set(drawn):
        p_values[row] = sign_flip_p(gaps[row], rng)[0]
    # the smallest p-value, 1 / resamples, must be able to pass Holm's first step
    resamples = min(LARGEST_RESAMPLES, max(RESAMPLES, round(2 * len(gaps) / ALPHA)))
    for row, p_value in zip(drawn, _drawn_p_values(gaps[drawn], rng, resamples), strict=True):
        p_values[row] = float(p_value)
    return p_values


def _is_exact(gap: Values) -> bool:
    sizes = np.abs(gap[gap != 0])
    return len(sizes) <= EXACT_FLIPS or bool(sizes.max() - sizes.min() <= 1e-12 * sizes.max())


def _drawn_p_values(gaps: Values, rng: np.random.Generator, resamples: int) -> Values:
    """(count + 1) / (resamples + 1) for each row of gaps, shape (pairs, problems): Phipson & Smyth 2010."""
    observed = np.abs(gaps.sum(axis=1)) * (1 - 1e-12) - 1e-12 * np.abs(gaps).sum(axis=1)  # as paired: no rounding ties
    reached = np.zeros(len(gaps))
    block = min(2500, max(4, _PRODUCTS // max(1, gaps.size)))
    for start in range(0, resamples, block):
        signs = rng.integers(0, 2, size=(min(block, resamples - start), gaps.shape[1]), dtype=np.int8) * 2.0 - 1.0
        reached += (np.abs(gaps @ signs.T) >= observed[:, None]).sum(axis=1)
    p_values: Values = (reached + 1) / (resamples + 1)
    return p_values
