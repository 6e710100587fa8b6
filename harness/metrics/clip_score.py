"""CLIP score of pictures and prompts, from embeddings of length 1: the cosine of each pair, and how the prompt ranks.

Mean with a 95 % bootstrap over prompts (pictures of one prompt, made from several seeds, are drawn together), 2,000
resamples. R@1: the share of pictures for which no other prompt of the library has a higher cosine; it has no scale,
but depends on the
library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics._metric import Direction, Metric, Unit, mean_of, share

METRICS = (
    Metric(
        name="clip", direction=Direction.HIGHER, unit=Unit.NUMBER, value=mean_of("clip"), largest=2.0, headline=True
    ),
    share("r_at_1"),
)


RESAMPLES = 2000
SCALES = {"cosine": 1.0, "100": 100.0, "2.5": 2.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSummary:
    """Of all pictures; low and high: the interval of the mean, r_at_1_low and r_at_1_high that of R@1."""

    n_pictures: int
    n_prompts: int
    mean: float
    low: float
    high: float
    min: float
    max: float
    std: float
    p05: float
    p95: float
    r_at_1: float
    r_at_1_low: float
    r_at_1_high: float


def ranks(pictures: NDArray[np.float32], texts: NDArray[np.float32], own: Sequence[int]) -> NDArray[np.int64]:
    """(N,): 1 + how many of the library's prompts have a higher cosine than the picture's own. `own`: its row in
    texts."""
    found = np.empty(len(pictures), np.int64)
    for start in range(0, len(pictures), 1024):
        rows = slice(start, start + 1024)
        cosine = pictures[rows] @ texts.T
        mine = cosine[np.arange(len(cosine)), np.asarray(own)[rows]]
        found[rows] = 1 + (cosine > mine[:, None] + 1e-6).sum(axis=1)
    return found


def summarize(cosines: Sequence[float], rank: Sequence[int], prompts: Sequence[str], seed: int = 0) -> ClipSummary:
    """The summary of pictures; `prompts` says which pictures belong together. Raises ValueError for no picture."""
    if not len(cosines):
        raise ValueError("a CLIP score needs one picture at least")
    values = np.asarray(cosines, np.float64)
    hits = (np.asarray(rank) == 1).astype(np.float64)
    names, group = np.unique(np.asarray(prompts), return_inverse=True)
    sums = np.stack([np.bincount(group, weights=w) for w in (values, hits, np.ones(len(values)))], axis=1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES) @ sums
    ends = np.quantile(drawn[:, :2] / drawn[:, 2:], [0.025, 0.975], axis=0)
    low, high = np.quantile(values, [0.05, 0.95])
    return ClipSummary(
        n_pictures=len(values), n_prompts=len(names), mean=float(values.mean()), low=float(ends[0, 0]),
        high=float(ends[1, 0]), min=float(values.min()), max=float(values.max()), std=float(values.std()),
        p05=float(low), p95=float(high), r_at_1=float(hits.mean()), r_at_1_low=float(ends[0, 1]),
        r_at_1_high=float(ends[1, 1]),
    )  # fmt: skip


def scaled(cosine: float, scale: str) -> float:
    """A cosine on another scale: `100` (torchmetrics), `2.5` (Hessel et al., where negative cosines count as 0)."""
    return SCALES[scale] * (max(cosine, 0.0) if scale == "2.5" else cosine)
