"""Do raters agree? Krippendorff's alpha, Fleiss' kappa, Cohen's kappa, exact and within-one agreement.

Alpha compares the disagreement that was observed with that of chance, and takes missing ratings (Krippendorff 2004;
package `krippendorff`). It is low where nearly all ratings are equal, so exact agreement stands beside it. Intervals
are bootstraps over items.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness import extras
from harness.errors import InputError
from harness.metrics._metric import Direction, Metric, Unit
from harness.stats.paired import expanded_tail

METRICS = tuple(
    Metric(name=name, direction=Direction.HIGHER, unit=Unit.NUMBER, value=None)
    for name in ("krippendorff_alpha", "fleiss_kappa")
)
Level = Literal["nominal", "ordinal", "interval", "ratio"]
Counts = npt.NDArray[np.float64]
RELIABLE, TENTATIVE = 0.800, 0.667
NEARLY_ALL = 0.9
RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of the items with two ratings or more. alpha: None where all ratings are the same or no item has two; low, high:
    its 95 % interval. exact, within_one: the share of pairs of ratings of an item. kappa: Fleiss', where each item has
    as many ratings. commonest: the share of the most frequent value."""

    alpha: float | None
    low: float | None
    high: float | None
    exact: float | None
    within_one: float | None
    kappa: float | None
    items: int
    commonest: float

    @property
    def words(self) -> str:
        """What Krippendorff (2004, p. 241) lets one conclude."""
        if self.alpha is None:
            return "not defined"
        if self.alpha >= RELIABLE:
            return "reliable"
        return "tentative" if self.alpha >= TENTATIVE else "not reliable"

    @property
    def one_sided(self) -> bool:
        """Nearly all ratings are equal: alpha then says little."""
        return self.commonest >= NEARLY_ALL


def agreement(ratings: Sequence[Sequence[float | None]], level: Level, rng: np.random.Generator) -> Agreement:
    """ratings: of each item one value per rater, None where there is none. For `nominal` values are codes."""
    counts, domain = value_counts(ratings)
    pairable = counts[counts.sum(axis=1) >= 2]
    total = counts.sum()
    commonest = float(counts.sum(axis=0).max() / total) if total else 0.0
    alpha = alpha_of(pairable, domain, level)
    low, high = _interval(pairable, domain, level, rng) if alpha is not None else (None, None)
    return Agreement(
        alpha=alpha,
        low=low,
        high=high,
        exact=_pairs_within(pairable, domain, 0),
        within_one=_pairs_within(pairable, domain, 1) if level != "nominal" else None,
        kappa=fleiss_kappa(pairable),
        items=len(pairable),
        commonest=commonest,
    )


def value_counts(ratings: Sequence[Sequence[float | None]]) -> tuple[Counts, list[float]]:
    """How often each value was given to each item, shape (items, values), and the values in order."""
    domain = sorted({value for row in ratings for value in row if value is not None})
    place = {value: index for index, value in enumerate(domain)}
    counts = np.zeros((len(ratings), max(1, len(domain))))
    for index, row in enumerate(ratings):
        for value in row:
            if value is not None:
                counts[index, place[value]] += 1
    return counts, domain or [0.0]


def alpha_of(counts: Counts, domain: Sequence[float], level: Level) -> float | None:
    """Krippendorff's alpha; None where it is not defined: a single value in the data, or no item with two ratings."""
    used = counts[counts.sum(axis=1) >= 2]
    present = used.sum(axis=0) > 0
    if not len(used) or present.sum() < 2:
        return None
    try:
        import krippendorff  # measured: 0.05 s
    except ModuleNotFoundError as error:
        raise InputError(f"agreement needs a package: {extras.install('review')}") from error

    values = np.asarray(domain, np.float64)[present]
    return float(krippendorff.alpha(value_counts=used[:, present], value_domain=values, level_of_measurement=level))


def _interval(
    counts: Counts, domain: Sequence[float], level: Level, rng: np.random.Generator
) -> tuple[float | None, float | None]:
    """The expanded percentile bootstrap over items; None for fewer than two, or where most resamples have no alpha."""
    if len(counts) < 2:
        return None, None
    draws = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES)
    found = resampled_alphas(counts, domain, level, draws)
    found = found[np.isfinite(found)]
    if len(found) < RESAMPLES // 2:
        return None, None
    tail = expanded_tail(len(counts))
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)


def resampled_alphas(counts: Counts, domain: Sequence[float], level: Level, draws: npt.NDArray[np.int64]) -> Counts:
    """Alpha of many resamples at once, shape (resamples,); nan where it is not defined.

    counts: shape (items, values), each item with two ratings or more; draws: how often each item is in each resample,
    shape (resamples, items). A coincidence matrix is a sum over items (Krippendorff 2004, section 11.3), so that of a
    resample is a product of matrices; the package would be called once for each.
    """
    items, values = counts.shape
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(values)
    pairs /= counts.sum(axis=1)[:, None, None] - 1
    observed = (draws @ pairs.reshape(items, -1)).reshape(len(draws), values, values)
    totals = observed.sum(axis=2)  # shape (resamples, values)
    whole = totals.sum(axis=1)
    expected = totals[:, :, None] * totals[:, None, :] / np.maximum(whole - 1, 1)[:, None, None]
    apart = _distances(totals, np.asarray(domain, np.float64), level)
    chance = (expected * apart).sum(axis=(1, 2))
    found = np.full(len(draws), np.nan)
    np.divide((observed * apart).sum(axis=(1, 2)), chance, out=found, where=chance > 0)
    return np.asarray(1 - found, np.float64)


def _distances(totals: Counts, values: Counts, level: Level) -> Counts:
    """Squared distances of values, shape (resamples or 1, values, values); of ordinal ones by the totals."""
    if level == "ordinal":
        middles = totals.cumsum(axis=1) - totals / 2
        return np.asarray((middles[:, :, None] - middles[:, None, :]) ** 2, np.float64)
    gaps = values[:, None] - values[None, :]
    if level == "nominal":
        return np.asarray(gaps != 0, np.float64)[None]
    if level == "ratio":
        sums = values[:, None] + values[None, :]
        gaps = np.divide(gaps, sums, out=np.zeros_like(gaps), where=sums != 0)
    return np.asarray(gaps**2, np.float64)[None]


def _pairs_within(counts: Counts, domain: Sequence[float], most: float) -> float | None:
    """The share of pairs of ratings of an item that lie at most so far apart, each item counted the same."""
    if not len(counts):
        return None
    values = np.asarray(domain, np.float64)
    near = np.abs(values[:, None] - values[None, :]) <= most + 1e-9
    totals = counts.sum(axis=1)
    agreeing = np.einsum("iv,vw,iw->i", counts, near, counts) - totals
    return float((agreeing / (totals * (totals - 1))).mean())


def fleiss_kappa(counts: Counts) -> float | None:
    """Fleiss 1971 (Psychological Bulletin 76); None unless every item has the same number of ratings, two or more.

    counts: shape (items, values).
    """
    totals = counts.sum(axis=1)
    if not len(counts) or totals.min() != totals.max() or totals[0] < 2:
        return None
    n = totals[0]
    observed = ((counts**2).sum(axis=1) - n) / (n * (n - 1))
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return None if chance == 1.0 else float((observed.mean() - chance) / (1 - chance))


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cohen 1960: agreement of two raters beyond chance; None where chance alone would make them agree always."""
    if not first:
        return None
    n = len(first)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    values = set(first) | set(second)
    chance = sum(list(first).count(value) * list(second).count(value) for value in values) / n**2
    return None if chance == 1.0 else (observed - chance) / (1 - chance)
