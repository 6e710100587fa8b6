"""Spearman's rank correlation of two scores of the same pictures, with a bootstrap over their prompts.

Equal values get the mean of their ranks (Spearman 1904; Kendall 1945 on ties). Pictures of one prompt are drawn
together, as their scores are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RankCorrelation:
    """-1 to 1, with its 95 % interval; n: pictures. low, high: None where resamples have no correlation."""

    value: float
    low: float | None
    high: float | None
    n: int


def mean_ranks(values: ArrayLike) -> NDArray[np.float64]:
    """(N,): 1 for the smallest; equal values share the mean of their ranks."""
    _, place, counts = np.unique(np.asarray(values, np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[place], np.float64)


def spearman(first: ArrayLike, second: ArrayLike) -> float | None:
    """None where one of the two is the same for all."""
    a, b = (ranks - ranks.mean() for ranks in (mean_ranks(first), mean_ranks(second)))
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 0 else None


def rank_correlation(
    first: Sequence[float], second: Sequence[float], groups: Sequence[str], *, seed: int = 0
) -> RankCorrelation | None:
    """Of two scores of N pictures; `groups`: the prompt of each. None where one score is the same for all."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    value = spearman(a, b)
    if value is None:
        return None
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    rows = [np.flatnonzero(place == i) for i in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(RESAMPLES if len(rows) > 1 else 0):
        picked = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        found = spearman(a[picked], b[picked])
        if found is not None:
            drawn.append(found)
    low, high = np.quantile(drawn, [0.025, 0.975]).tolist() if drawn else (None, None)
    return RankCorrelation(value=value, low=low, high=high, n=len(a))
