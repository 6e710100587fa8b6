"""Kernel distance of two sets of features (KID): the unbiased squared MMD with the kernel (x'y / D + 1)^3.

Binkowski et al. 2018 (arXiv 1801.01401), section 4: the mean over random subsets. The subsets are those of
torch-fidelity 0.4.0 for the same seed. The deviation over subsets is not a standard error, since subsets share
pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.metrics._features import Matrix, as_pair
from harness.metrics._metric import Direction, Metric, Unit

METRICS = (Metric(name="kid", direction=Direction.LOWER, unit=Unit.NUMBER, value=None),)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelDistance:
    """The mean over subsets, and the deviation (population) of the subsets' values."""

    value: float
    subset_std: float
    subsets: int
    subset_size: int


def kid(
    real: ArrayLike, gen: ArrayLike, *, subsets: int = 100, subset_size: int = 1000, seed: int = 2020
) -> KernelDistance:
    """KID of (N, D) and (M, D) features. Raises ValueError where a set is smaller than a subset."""
    first, second = as_pair(real, gen)
    for name, features in (("real", first), ("gen", second)):
        if subset_size > len(features):
            raise ValueError(
                f"KID draws subsets of {subset_size} and {name} has {len(features)} pictures; "
                f"say --kid-subset {_round_down(len(features))}"
            )
    if subset_size < 2 or subsets < 1:
        raise ValueError("KID needs one subset of 2 pictures at least")
    rng = np.random.RandomState(seed)
    values = np.empty(subsets)
    for i in range(subsets):
        y = second[rng.choice(len(second), subset_size, replace=False)]  # torch-fidelity draws the generated ones first
        x = first[rng.choice(len(first), subset_size, replace=False)]
        values[i] = squared_mmd(x, y)
    return KernelDistance(
        value=float(values.mean()), subset_std=float(values.std()), subsets=subsets, subset_size=subset_size
    )


def squared_mmd(x: Matrix, y: Matrix) -> float:
    """The unbiased estimate for two sets of one size m: pairs of a picture with itself are left out."""
    m = len(x)
    within = 0.0
    for side in (x, y):
        kernel = _kernel(side, side)
        within += float(kernel.sum() - np.trace(kernel)) / (m * (m - 1))
    across = _kernel(x, y)
    return float(within - 2 * float(across.sum()) / (m * m))


def _kernel(x: Matrix, y: Matrix) -> Matrix:
    """(N, M): the cube of x y' / D + 1. Multiplied out, which is faster than a power of 3."""
    base = x @ y.T
    base /= x.shape[1]
    base += 1
    cube = base * base
    cube *= base
    return cube


def _round_down(n: int) -> int:
    return n // 100 * 100 if n >= 200 else max(2, n // 2)
