"""MIND: squared sliced Wasserstein distance of two sets of features, times 3 D (Berthet 2026, as in torch-fidelity's
main branch).

The mean over random directions of the squared distance of the sorted projections. Two samples of one distribution do
not have 0: compare with the floor at this N.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from harness.metrics._features import as_pair
from harness.metrics._metric import Direction, Metric, Unit

METRICS = (Metric(name="mind", direction=Direction.LOWER, unit=Unit.NUMBER, value=None),)
DIRECTIONS = 1000
_BLOCK = 50


def mind(real: ArrayLike, gen: ArrayLike, *, directions: int = DIRECTIONS, seed: int = 2020) -> float:
    """MIND of (N, D) and (M, D) features; the larger set is cut at random to the size of the smaller one."""
    first, second = as_pair(real, gen)
    rng = np.random.default_rng(seed)
    if len(first) > len(second):
        first = first[rng.permutation(len(first))[: len(second)]]
    elif len(second) > len(first):
        second = second[rng.permutation(len(second))[: len(first)]]
    d = first.shape[1]
    slices = rng.standard_normal((directions, d))
    slices /= np.linalg.norm(slices, axis=1, keepdims=True)
    total = 0.0
    for start in range(0, directions, _BLOCK):
        block = slices[start : start + _BLOCK].T  # (D, block)
        gap = np.sort(first @ block, axis=0) - np.sort(second @ block, axis=0)
        total += float((gap * gap).mean(axis=0).sum())
    return float(3 * d * total / directions)
