"""What a metric says about itself."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.text import numbers

Item = Mapping[str, float]  # what a summary holds of one problem: `n` and the problem's numbers


class Direction(enum.StrEnum):
    """Which of two values is better. NEITHER: no value is, so a comparison has no winner and a table no rank."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Unit(enum.StrEnum):
    """How a value and a difference are written.

    SHARE: of 1, in percent; a difference in points. NATS: the estimate is exp of a weighted mean, a number; a
    problem's value and a difference are nats per `Metric.per`, and a difference is also a relative change. BITS: the
    estimate, a problem's value and a difference are bits per `Metric.per`. NUMBER: as it is.
    """

    SHARE = "share"
    NATS = "nats"
    BITS = "bits"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A measure under the name that summaries have it.

    value: of one problem; raises KeyError where the problem lacks it; None for a metric of the whole set, which is no
    mean over problems (FID, macro F1). weight: what a problem counts in the mean, None for all the same. per: of what
    nats or bits are counted. largest: how far two values can lie apart, None where nothing limits them. headline:
    whether a verdict on a model is about it.
    """

    name: str
    direction: Direction
    unit: Unit
    value: Callable[[Item], float] | None
    weight: Callable[[Item], float] | None = None
    per: str = ""
    largest: float | None = None
    headline: bool = False

    @property
    def lower_is_better(self) -> bool:
        """Whether the smaller of two values is the better one; False also where neither is."""
        return self.direction is Direction.LOWER

    @property
    def is_share(self) -> bool:
        """Whether values are shares of 1, written in percent."""
        return self.unit is Unit.SHARE

    @property
    def difference_unit(self) -> str:
        """`points` of a share, `nats per token`; empty for a plain number."""
        if self.unit in (Unit.NATS, Unit.BITS):
            return f"{self.unit.value} per {self.per}"
        return "points" if self.is_share else ""

    @property
    def problem_unit(self) -> str:
        """What a problem's value is of: `nats per token` where the estimate is a perplexity, else the metric's name."""
        return self.difference_unit if self.unit is Unit.NATS else self.name

    def text(self, value: float) -> str:
        """A value of the metric, or of one problem, as people read it."""
        return numbers.amount(value, share=self.is_share)

    def interval(self, low: float, high: float) -> str:
        """Its interval, in a place of its own."""
        return numbers.interval(low, high, share=self.is_share)

    def with_interval(self, value: float, low: float, high: float) -> str:
        """Both in one cell."""
        return numbers.with_interval(value, low, high, share=self.is_share)

    def difference_text(self, difference: float) -> str:
        """A difference with its sign, in points of a share and else in `difference_unit`."""
        return numbers.difference(difference, share=self.is_share)

    def is_better(self, difference: float) -> bool | None:
        """Whether the first of two systems is better by this difference (first less second); None where neither is."""
        if self.direction is Direction.NEITHER:
            return None
        return (difference > 0) != self.lower_is_better

    def of(self, item: Item) -> float:
        """The value of one problem. Raises KeyError where it lacks it, ValueError for a metric of the whole set."""
        if self.value is None:
            raise ValueError(f"{self.name} is of a whole set, and no problem has a value")
        return self.value(item)

    def values(self, items: Mapping[str, Item]) -> dict[str, float] | None:
        """Problem id -> value; None where the metric is of the whole set, or some problem lacks it."""
        return _of_each(self.value, items)

    def weights(self, items: Mapping[str, Item]) -> dict[str, float] | None:
        """Problem id -> weight; None where all count the same, or some problem lacks it."""
        return _of_each(self.weight, items)


def _of_each(part: Callable[[Item], float] | None, items: Mapping[str, Item]) -> dict[str, float] | None:
    if part is None:
        return None
    try:
        return {name: part(item) for name, item in items.items()}
    except (KeyError, ValueError):  # ValueError: pass@k of fewer than k samples
        return None


def mean_of(name: str) -> Callable[[Item], float]:
    """The value of a metric that is a mean over problems: what each problem has under this name."""
    return lambda item: float(item[name])


def share(name: str, direction: Direction = Direction.HIGHER, *, headline: bool = False) -> Metric:
    """A metric that is a mean over problems of shares of 1."""
    return Metric(name=name, direction=direction, unit=Unit.SHARE, value=mean_of(name), largest=1.0, headline=headline)
