"""Precision, recall, density and coverage of generated features against real ones, by nearest neighbours.

Precision and recall: Kynkaanniemi et al. 2019 (arXiv 1904.06991), equations 1 and 2. Density and coverage: Naeem et
al. 2020 (arXiv 2002.09797), equations 3 and 4. A ball is open (`<`), as in the authors' package `prdc`, so a picture
that the
reference repeats more than k times has an empty ball: `zero_radius_real` counts them. Distances are made a block of
rows at a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.metrics._features import as_pair, distance_blocks, kth_squared_distance
from harness.metrics._metric import Direction, Metric, Unit

_NAME = re.compile(r"(precision|recall|density|coverage)@k\d+(/.+)?")
METRICS: tuple[Metric, ...] = ()


def find(name: str) -> Metric | None:
    """`precision@k5`, `recall@k5/clip` by a further extractor: a share of pictures; density can exceed 1."""
    if not _NAME.fullmatch(name):
        return None
    unit = Unit.NUMBER if name.startswith("density") else Unit.SHARE
    return Metric(name=name, direction=Direction.HIGHER, unit=unit, value=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecall:
    """The four shares (density can exceed 1), and which real pictures are covered or reached."""

    precision: float
    recall: float
    density: float
    coverage: float
    k: int
    zero_radius_real: int
    covered: NDArray[np.bool_] = field(repr=False, compare=False)  # (N,): a generated picture is near this real one
    recalled: NDArray[np.bool_] = field(repr=False, compare=False)  # (N,): it lies in the ball of a generated one
    precise: NDArray[np.bool_] = field(repr=False, compare=False)  # (M,): it lies in the ball of a real one


def precision_recall(real: ArrayLike, gen: ArrayLike, k: int = 5) -> PrecisionRecall:
    """The four numbers of (N, D) real and (M, D) generated features.

    Raises ValueError for a set of k pictures or fewer.
    """
    first, second = as_pair(real, gen)
    for name, features in (("real", first), ("gen", second)):
        if len(features) <= k:
            raise ValueError(
                f"precision and recall with k = {k} need {k + 1} pictures on each side; {name} has {len(features)}"
            )
    real_radius, gen_radius = kth_squared_distance(first, k), kth_squared_distance(second, k)
    inside = np.zeros(len(second))
    covered, recalled = np.zeros(len(first), bool), np.zeros(len(first), bool)
    for rows, block in distance_blocks(first, second):
        radius = real_radius[rows]
        within = block < radius[:, None]
        inside += within.sum(axis=0)
        covered[rows] = within.any(axis=1)
        recalled[rows] = (block < gen_radius).any(axis=1)
    return PrecisionRecall(
        precision=float((inside > 0).mean()),
        recall=float(recalled.mean()),
        density=float(inside.mean()) / k,
        coverage=float(covered.mean()),
        k=k,
        zero_radius_real=int((real_radius == 0).sum()),
        covered=covered,
        recalled=recalled,
        precise=inside > 0,
    )


def expected_coverage(n_real: int, n_gen: int, k: int) -> float:
    """What coverage is on average for two samples of one distribution: 1 - prod_{j=0..k-1} (N - 1 - j) / (N + M - 1
    - j).

    The nearest generated picture is farther than the k-th real one if the k nearest of all others are real.
    """
    j = np.arange(k)
    return float(1 - np.prod((n_real - 1 - j) / (n_real + n_gen - 1 - j)))
