"""Are generated pictures copies of training pictures? Nearest neighbours, picture by picture and for the whole set.

Set-level statistics, authenticity (Alaa et al. 2022, arXiv 2102.08921, section 5) and CT (Meehan et al. 2020, arXiv
2004.05675, section 3, over one cell), do not notice a hundredth of copies; the distance of each picture, calibrated
on a
hold-out, does.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.metrics._features import Matrix, as_features, as_pair, distance_blocks, kth_squared_distance
from harness.metrics._metric import Direction, Metric, Unit

METRICS = (Metric(name="authenticity", direction=Direction.NEITHER, unit=Unit.SHARE, value=None, largest=1.0),)
COPY_SHARE = 0.5  # of the smallest distance of a hold-out picture to training


def nearest(queries: ArrayLike, points: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For every query the index of its nearest point, and the distance: both (N,)."""
    first, second = as_pair(queries, points)
    index, distance = np.empty(len(first), np.int64), np.empty(len(first))
    for rows, block in distance_blocks(first, second):
        index[rows] = block.argmin(axis=1)
        distance[rows] = np.sqrt(block[np.arange(len(block)), index[rows]])
    return index, distance


def nearest_other(points: ArrayLike) -> NDArray[np.float64]:
    """(N,): the distance of every point to its nearest other point."""
    return np.sqrt(kth_squared_distance(as_features(points), 1))


def authenticity(gen: ArrayLike, train: ArrayLike) -> float:
    """Share of generated pictures farther from the nearest training picture than that is from the rest of training."""
    index, distance = nearest(gen, train)
    return float((distance > nearest_other(train)[index]).mean())


def ct_z(gen_distance: Matrix, holdout_distance: Matrix) -> float:
    """Mann-Whitney's z of two samples of distances to training; far below 0: generated pictures are too near.

    Ties count half, with the variance corrected for them.
    """
    n, m = len(gen_distance), len(holdout_distance)
    both = np.concatenate([gen_distance, holdout_distance])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    u = float(ranks[:n].sum()) - n * (n + 1) / 2
    total = n + m
    ties = float((counts.astype(float) ** 3 - counts).sum())
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    return (u - n * m / 2) / math.sqrt(variance) if variance > 0 else 0.0
