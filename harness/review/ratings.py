"""Results of ratings: means with intervals, distributions, paired differences, severity of raters, disputed items."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.metrics.rater_agreement import Agreement, agreement
from harness.stats.paired import compare, holm

SCALE = (1, 2, 3, 4, 5)
DISPUTED = 2  # points apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One score that counts. unit: the problem."""

    rater: str
    item: int
    unit: str
    model: str
    criterion: str
    score: int


def summarize(ratings: Sequence[Rating], criteria: Sequence[str], models: Sequence[str], seed: int) -> dict[str, Any]:
    """All that a rating study says, by criterion and model."""
    means = [_mean(ratings, criterion, model, seed) for criterion in criteria for model in models]
    return {
        "means": [each for each in means if each["items"]],
        "differences": _differences(ratings, criteria, models, seed),
        "severity": _severity(ratings),
        "disputed": _disputed(ratings),
    }


def _item_means(ratings: Sequence[Rating], criterion: str, model: str) -> dict[str, float]:
    scores: dict[str, list[int]] = defaultdict(list)
    for each in ratings:
        if each.criterion == criterion and each.model == model:
            scores[each.unit].append(each.score)
    return {unit: sum(values) / len(values) for unit, values in scores.items()}


def _mean(ratings: Sequence[Rating], criterion: str, model: str, seed: int) -> dict[str, Any]:
    items = _item_means(ratings, criterion, model)
    scores = Counter(each.score for each in ratings if each.criterion == criterion and each.model == model)
    total = sum(scores.values())
    row: dict[str, Any] = {
        "criterion": criterion, "model": model, "items": len(items), "ratings": total, "mean": None, "low": None,
        "high": None, "distribution": {str(each): scores[each] for each in SCALE},
        "share_4_5": (scores[4] + scores[5]) / total if total else None,
    }  # fmt: skip
    if items:
        values = [items[unit] for unit in sorted(items)]
        found = compare(values, [3.0] * len(values), np.random.default_rng(seed), largest=2.0)
        low, high = max(1.0, found.low + 3), min(5.0, found.high + 3)
        row.update(mean=found.value + 3, low=low, high=high)
    return row


def _differences(
    ratings: Sequence[Rating], criteria: Sequence[str], models: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for criterion in criteria:
        for a, b in itertools.combinations(models, 2):
            first, second = _item_means(ratings, criterion, a), _item_means(ratings, criterion, b)
            common = sorted(first.keys() & second.keys())
            if not common:
                continue
            pair = [first[unit] for unit in common], [second[unit] for unit in common]
            found = compare(*pair, np.random.default_rng(seed), largest=4.0)
            rows.append({
                "criterion": criterion, "a": a, "b": b, "items": len(common), "difference": found.value,
                "low": found.low, "high": found.high, "p_value": found.p_value,
                "smallest_detectable": found.smallest_detectable,
            })  # fmt: skip
    for row, p_value in zip(rows, holm([each["p_value"] for each in rows]), strict=True):
        row["p_adjusted"] = p_value
        ahead = row["a"] if row["difference"] > 0 else row["b"]
        row["verdict"] = f"{ahead} is rated higher" if p_value <= 0.05 else "no evidence"
    return rows


def _severity(ratings: Sequence[Rating]) -> list[dict[str, Any]]:
    """How far each rater lies above or below the others, on what others rated too; below 0 is severe."""
    by_place: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for each in ratings:
        by_place[each.item, each.criterion][each.rater] = each.score
    gaps: dict[str, list[float]] = {rater: [] for rater in sorted({each.rater for each in ratings})}
    for scores in by_place.values():
        for rater, score in scores.items():
            others = [value for name, value in scores.items() if name != rater]
            if others:
                gaps[rater].append(score - sum(others) / len(others))
    return [
        {"rater": rater, "shared": len(each), "severity": sum(each) / len(each) if each else None}
        for rater, each in gaps.items()
    ]


def _disputed(ratings: Sequence[Rating]) -> list[dict[str, Any]]:
    """Where two raters lie DISPUTED points apart or more: what they should talk about."""
    by_place: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for each in ratings:
        by_place[each.item, each.criterion][each.rater] = each.score
    return [
        {"item": item, "criterion": criterion, "scores": dict(sorted(scores.items()))}
        for (item, criterion), scores in sorted(by_place.items())
        if max(scores.values()) - min(scores.values()) >= DISPUTED
    ]


def agreements(ratings: Sequence[Rating], criteria: Sequence[str], seed: int) -> dict[str, Agreement]:
    """Criterion -> how far raters agree (ordinal alpha)."""
    raters = sorted({each.rater for each in ratings})
    found = {}
    for criterion in criteria:
        table: Mapping[int, dict[str, int]] = defaultdict(dict)
        for each in ratings:
            if each.criterion == criterion:
                table[each.item][each.rater] = each.score
        rows = [[scores.get(rater) for rater in raters] for _, scores in sorted(table.items())]
        found[criterion] = agreement(rows, "ordinal", np.random.default_rng(seed))
    return found
