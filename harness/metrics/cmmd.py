"""CMMD: squared MMD of CLIP embeddings with a Gaussian kernel of sigma 10, times 1,000.

Jayasumana et al. 2024 (arXiv 2401.09603), section 4; the biased estimate (a picture is paired with itself too), as
the authors' code.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from harness.metrics._features import Matrix, as_pair, distance_blocks
from harness.metrics._metric import Direction, Metric, Unit

METRICS = (Metric(name="cmmd", direction=Direction.LOWER, unit=Unit.NUMBER, value=None),)
SIGMA = 10.0
SCALE = 1000.0


def cmmd(real: ArrayLike, gen: ArrayLike) -> float:
    """CMMD of (N, D) and (M, D) embeddings, as they are given (CLIP's are of length 1)."""
    first, second = as_pair(real, gen)
    return SCALE * (_mean_kernel(first, first) + _mean_kernel(second, second) - 2 * _mean_kernel(first, second))


def _mean_kernel(x: Matrix, y: Matrix) -> float:
    total = sum(float(np.exp(block * (-0.5 / SIGMA**2)).sum()) for _, block in distance_blocks(x, y))
    return total / (len(x) * len(y))


def gaussian_cmmd(shift: ArrayLike) -> float:
    """The exact value for N(0, I) against N(shift, I)."""
    m = np.asarray(shift, dtype=np.float64)
    scale = (SIGMA**2 / (SIGMA**2 + 2)) ** (len(m) / 2)
    return float(SCALE * 2 * scale * (1 - np.exp(-(m @ m) / (2 * (SIGMA**2 + 2)))))
