"""Inception score: exp of the mean KL divergence of p(class | picture) from p(class).

Salimans et al. 2016 (arXiv 1606.03498), section 4; splits, shuffle and population deviation as torch-fidelity 0.4.0.
It lies between 1 and the number of classes, and falls with the number of pictures in a split.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harness.metrics._features import as_features
from harness.metrics._metric import Direction, Metric, Unit

METRICS = (Metric(name="is", direction=Direction.HIGHER, unit=Unit.NUMBER, value=None),)


@dataclass(frozen=True, slots=True, kw_only=True)
class InceptionScore:
    """The mean over splits, and their deviation (population), which is not a standard error."""

    value: float
    split_std: float
    splits: int


def inception_score(logits: ArrayLike, *, splits: int = 10, seed: int | None = 2020) -> InceptionScore:
    """Score of (N, classes) logits; `seed` shuffles them before the split, None keeps their order.

    Raises ValueError for fewer pictures than splits.
    """
    found = as_features(logits, "logits")
    if not 1 <= splits <= len(found):
        raise ValueError(f"the Inception score with {splits} splits needs {splits} pictures; there are {len(found)}")
    if seed is not None:
        found = found[np.random.RandomState(seed).permutation(len(found))]
    log_p = found - found.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    scores = []
    for i in range(splits):
        part = log_p[i * len(found) // splits : (i + 1) * len(found) // splits]
        p = np.exp(part)
        mean = p.mean(axis=0, keepdims=True)
        gap = part - np.log(np.maximum(mean, np.finfo(np.float64).tiny))
        scores.append(np.exp((p * gap).sum(axis=1).mean()))
    return InceptionScore(value=float(np.mean(scores)), split_std=float(np.std(scores)), splits=splits)
