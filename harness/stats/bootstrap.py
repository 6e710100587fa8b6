"""Means over problems with their bootstrap intervals. Knows numbers only: one value per problem."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.stats.proportion import least_share_of_all

if TYPE_CHECKING:  # imported where it is used: 80 ms that a first verdict need not wait for
    import numpy as np
    import numpy.typing as npt

RESAMPLES = 10_000
ALPHA = 0.05
FEW_KINDS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float


def mean_interval(values: Sequence[float], rng: np.random.Generator) -> Interval:
    """The mean of one value per problem, with the 95 % percentile bootstrap interval over problems.

    Efron & Tibshirani 1993, chapter 13. Where all problems have the same value a resample cannot differ, and the
    bootstrap would claim certainty: for all 0 or all 1 the interval is the exact binomial one (Clopper & Pearson 1934),
    for a single problem in between it is 0 to 1. Raises ValueError for no values.
    """
    if not values:
        raise ValueError("an interval needs at least one problem")
    import numpy as np

    data: npt.NDArray[np.float64] = np.asarray(values, dtype=np.float64)  # shape (problems,)
    if data.min() == data.max() and (data[0] in (0.0, 1.0) or len(data) == 1):
        return _without_spread(float(data[0]), len(data))
    means = np.concatenate([_resampled_means(data, 500, rng) for _ in range(RESAMPLES // 500)])
    low, high = np.quantile(means, [ALPHA / 2, 1 - ALPHA / 2])
    return Interval(value=float(data.mean()), low=float(low), high=float(high))


def _without_spread(value: float, count: int) -> Interval:
    bound = least_share_of_all(count, ALPHA)
    if value == 1.0:
        return Interval(value=1.0, low=bound, high=1.0)
    if value == 0.0:
        return Interval(value=0.0, low=0.0, high=1.0 - bound)
    return Interval(value=value, low=0.0, high=1.0)


def _resampled_means(data: npt.NDArray[np.float64], size: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    import numpy as np

    # How often each problem is drawn, shape (size, problems): a block at a time keeps the memory small.
    counts = rng.multinomial(len(data), np.full(len(data), 1.0 / len(data)), size=size)
    means: npt.NDArray[np.float64] = counts @ data / len(data)
    return means


def resampled_sums(data: npt.NDArray[np.float64], rng: np.random.Generator) -> Iterator[npt.NDArray[np.float64]]:
    """The column sums of RESAMPLES bootstrap samples of the rows, in blocks of shape (some, columns).

    data: shape (items, columns). Equal rows are drawn together, so that the work is one draw per kind of row, and the
    order of the rows changes nothing.
    """
    import numpy as np

    rows, counts = np.unique(data, axis=0, return_counts=True)
    chances = counts / counts.sum()
    size = max(1, min(RESAMPLES, 4_000_000 // max(rows.shape)))
    for start in range(0, RESAMPLES, size):
        block = min(size, RESAMPLES - start)
        if len(rows) <= FEW_KINDS:
            yield rng.multinomial(len(data), chances, size=block) @ rows
        else:  # a draw per row: a sixth of the time, for a multinomial draws for each kind
            every = np.repeat(np.arange(len(rows)), counts)
            draws = (every[rng.integers(0, len(data), len(data))] for _ in range(block))
            yield np.stack([np.bincount(draw, minlength=len(rows)) @ rows for draw in draws])


def mean_intervals(data: npt.NDArray[np.float64], rng: np.random.Generator) -> list[Interval]:
    """`mean_interval` of each column of `data`, shape (problems, columns), all from the same resamples."""
    import numpy as np

    drawn = np.concatenate(list(resampled_sums(data, rng))) / len(data)
    ends = np.quantile(drawn, [ALPHA / 2, 1 - ALPHA / 2], axis=0)
    found = []
    for column, low, high in zip(data.T, *ends, strict=True):
        if column.min() == column.max() and (column[0] in (0.0, 1.0) or len(column) == 1):
            found.append(_without_spread(float(column[0]), len(column)))
        else:
            found.append(Interval(value=math.fsum(column) / len(column), low=float(low), high=float(high)))
    return found
