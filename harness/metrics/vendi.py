"""Vendi score: the effective number of different pictures in a set.

Friedman & Dieng 2023 (arXiv 2210.02410), definition 3.1: exp of the entropy of the eigenvalues of K / n, with the
cosine kernel. Equal pictures count as 1, n orthogonal ones as n. K has the eigenvalues of the D x D Gram matrix,
which is used where it
is smaller.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from harness.metrics._features import as_features
from harness.metrics._metric import Direction, Metric, Unit

METRICS = (Metric(name="vendi", direction=Direction.HIGHER, unit=Unit.NUMBER, value=None),)


def vendi(features: ArrayLike) -> float:
    """Vendi score of (N, D) features. Raises ValueError for a row of zeros, whose direction is not defined."""
    found = as_features(features)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    if not length.all():
        raise ValueError(f"features: row {int(np.argmin(length))} is zero; it has no direction")
    unit = found / length
    gram = unit.T @ unit if unit.shape[1] < len(unit) else unit @ unit.T
    values = np.linalg.eigvalsh(gram / len(unit))
    values = values[values > 0]
    return float(np.exp(-(values * np.log(values)).sum()))
