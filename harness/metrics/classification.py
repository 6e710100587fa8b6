"""How well predicted labels agree with true ones: scikit-learn's numbers, and their bootstrap intervals over items.

scikit-learn is imported here alone and when first used (measured: 1.5 s, scipy). A prediction that could not be read is
UNREAD: wrong, and for F1 no label of its own; MCC and Cohen's kappa see it as one more class of predictions.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.metrics._metric import Direction, Metric, Unit, share
from harness.stats import bootstrap

UNREAD = ""


def _of_all(name: str, unit: Unit) -> Metric:
    """A number of all answers together, which no single item has."""
    return Metric(name=name, direction=Direction.HIGHER, unit=unit, value=None)


METRICS = (
    share("accuracy", headline=True),
    *(_of_all(f"{average}_f1", Unit.SHARE) for average in ("macro", "micro", "weighted")),
    _of_all("mcc", Unit.NUMBER),
    _of_all("cohen_kappa", Unit.NUMBER),
    share("unread", Direction.LOWER),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabeledItem:
    """One item: its true label and what was predicted, once per sample. UNREAD for what could not be read."""

    truth: str
    predicted: tuple[str, ...]


def measures(items: Sequence[LabeledItem], labels: Sequence[str]) -> dict[str, float]:
    """accuracy, F1 (macro, micro, weighted), MCC, Cohen's kappa, each over all samples of all items."""
    metrics = _sklearn()
    truth, predicted = _flat(items)
    found = {"accuracy": metrics.accuracy_score(truth, predicted)}
    for average in ("macro", "micro", "weighted"):
        found[f"{average}_f1"] = metrics.f1_score(
            truth, predicted, labels=list(labels), average=average, zero_division=0
        )
    with warnings.catch_warnings():  # of a single class in both: kappa is then 0/0, and given as nan
        warnings.simplefilter("ignore")
        found["mcc"] = metrics.matthews_corrcoef(truth, predicted)
        found["cohen_kappa"] = metrics.cohen_kappa_score(truth, predicted)
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def report(items: Sequence[LabeledItem], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Label -> precision, recall, f1, support (samples whose true label it is)."""
    truth, predicted = _flat(items)
    columns = _sklearn().precision_recall_fscore_support(truth, predicted, labels=list(labels), zero_division=0)
    names = ("precision", "recall", "f1", "support")
    return {
        label: dict(zip(names, map(float, row), strict=True))
        for label, row in zip(labels, zip(*columns, strict=True), strict=True)
    }


def confusion(items: Sequence[LabeledItem], labels: Sequence[str]) -> list[list[int]]:
    """Counts of samples: a row per true label, a column per predicted one, the last column the unread."""
    truth, predicted = _flat(items)
    matrix = _sklearn().confusion_matrix(truth, predicted, labels=[*labels, UNREAD])
    rows: list[list[int]] = matrix[:-1].tolist()
    return rows


def majority(items: Sequence[LabeledItem]) -> tuple[str, float]:
    """The most frequent true label, and the accuracy of answering it always."""
    counts = Counter(item.truth for item in items)
    label = min(counts, key=lambda each: (-counts[each], each))
    return label, counts[label] / len(items)


def intervals(
    items: Sequence[LabeledItem], labels: Sequence[str], rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """The 95 % percentile bootstrap over items of each measure: low, high.

    Where every sample is right, or every one wrong, resamples cannot differ, and a measure that is then 0 or 1 has the
    exact binomial interval of the accuracy. Resamples where a measure is 0/0 (kappa of a single class) are left out,
    and so is a measure that is 0/0 in all.
    """
    drawn: dict[str, list[npt.NDArray[np.float64]]] = {}
    for block in bootstrap.resampled_sums(_contributions(items, labels), rng):
        for name, values in _from_confusion(block.reshape(len(block), len(labels), len(labels) + 1)).items():
            drawn.setdefault(name, []).append(values)
    right = [sum(each == item.truth for each in item.predicted) / len(item.predicted) for item in items]
    binomial = bootstrap.mean_interval(right, rng)
    found = {}
    for name, blocks in drawn.items():
        defined = [value[~np.isnan(value)] for value in blocks]
        if not sum(map(len, defined)):
            continue
        low, high = np.quantile(np.concatenate(defined), [bootstrap.ALPHA / 2, 1 - bootstrap.ALPHA / 2])
        certain = min(right) == max(right) and low == high and low in (0.0, 1.0)
        found[name] = (binomial.low, binomial.high) if certain else (float(low), float(high))
    return found


def _contributions(items: Sequence[LabeledItem], labels: Sequence[str]) -> npt.NDArray[np.float64]:
    """What each item adds to the confusion matrix: shape (items, labels * (labels + 1)), float64."""
    place = {label: index for index, label in enumerate([*labels, UNREAD])}
    table = np.zeros((len(items), len(labels), len(labels) + 1))
    for row, item in zip(table, items, strict=True):
        for each in item.predicted:
            row[place[item.truth], place[each]] += 1
    return table.reshape(len(items), -1)


def _from_confusion(matrices: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """The measures of each matrix, shape (resamples, labels, labels + 1); nan where one is 0/0.

    F1 of a class is 2 TP / (true + predicted). MCC: Gorodkin 2004, equation 8, from the margins; kappa: Cohen 1960.
    """
    hits = np.einsum("rii->ri", matrices[:, :, :-1])
    truth, predicted = matrices.sum(axis=2), matrices.sum(axis=1)
    sums = truth + predicted[:, :-1]
    f1 = np.divide(2 * hits, sums, out=np.zeros_like(sums), where=sums > 0)
    every, right = truth.sum(axis=1), hits.sum(axis=1)
    chance = (truth * predicted[:, :-1]).sum(axis=1)
    spread = (every**2 - (predicted**2).sum(axis=1)) * (every**2 - (truth**2).sum(axis=1))
    nan, zero = np.full_like(every, np.nan), np.zeros_like(every)
    return {
        "accuracy": right / every,
        "macro_f1": f1.mean(axis=1),
        "micro_f1": 2 * right / sums.sum(axis=1),
        "weighted_f1": (f1 * truth).sum(axis=1) / every,
        "mcc": np.divide(right * every - chance, np.sqrt(spread), out=zero, where=spread > 0),
        "cohen_kappa": np.divide(right * every - chance, every**2 - chance, out=nan, where=every**2 > chance),
    }


def _flat(items: Sequence[LabeledItem]) -> tuple[list[str], list[str]]:
    pairs = [(item.truth, each) for item in items for each in item.predicted]
    return [truth for truth, _ in pairs], [each for _, each in pairs]


def _sklearn() -> Any:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise InputError(f"classification needs scikit-learn ({error}); pip install scikit-learn") from error
    return metrics
