"""Metrics by their names, from the files of this package. Only reads them; each file says what its names mean."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

from harness import registry
from harness.metrics._metric import Direction, Metric, Unit, mean_of
from harness.text import numbers

PACKAGE = "harness.metrics"


@functools.cache
def _modules() -> tuple[tuple[Sequence[Metric], Callable[[str], Metric | None] | None], ...]:
    found = (registry.load(PACKAGE, name, "metric") for name in registry.names(PACKAGE))
    return tuple((getattr(module, "METRICS", ()), getattr(module, "find", None)) for module in found)


@functools.cache
def all_metrics() -> Mapping[str, Metric]:
    """Every metric by its name, without the families."""
    return {metric.name: metric for metrics, _ in _modules() for metric in metrics}


@functools.lru_cache(maxsize=1024)
def find_metric(name: str) -> Metric | None:
    """The metric of a name; None for one that no file of this package describes."""
    if name in all_metrics():
        return all_metrics()[name]
    return next((metric for _, find in _modules() if find and (metric := find(name)) is not None), None)


def named_value(name: str, value: float) -> str:
    """`rouge1 6.8%`: one value of one problem or answer, written as the metric of its name; a count as it is."""
    known = find_metric(name)
    if known is None and float(value).is_integer():
        return f"{name} {value:,g}"
    return f"{name} {known.text(value) if known else numbers.amount(value)}"


def metric_or_guess(name: str, values: Sequence[float]) -> Metric:
    """The metric of a name; one that no file describes has no direction; a share if `values` are in 0 to 1."""
    found = find_metric(name)
    if found is not None:
        return found
    is_share = all(0 <= value <= 1 for value in values)
    return Metric(
        name=name,
        direction=Direction.NEITHER,
        unit=Unit.SHARE if is_share else Unit.NUMBER,
        value=mean_of(name),
        largest=1.0 if is_share else None,
    )
