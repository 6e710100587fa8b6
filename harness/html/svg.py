"""Scales, ticks and texts of hand-made SVG. Knows numbers and places in px; what they mean is the caller's matter."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A place on an axis, in px, with its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From values to 0..100 along a bar."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Where a value stands; inside the bar for those outside the scale."""
        return round(100 * min(1.0, max(0.0, (value - self.low) / ((self.high - self.low) or 1.0))), 2)


class AxisScale:
    """From values to places in a picture, in px. Equal ends are taken apart, so that a single point has a place."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high if high > low else low + 1
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """The place of a value."""
        return self._start + (value - self.low) / (self.high - self.low) * (self._end - self._start)

    def ticks(self) -> list[float]:
        """Four to ten round values in the range."""
        span = self.high - self.low
        unit = 10 ** math.floor(math.log10(span))
        step = next(size for size in (unit / 5, unit / 2, unit, 2 * unit) if span / size <= 10)
        return [number * step for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]


def round_up(value: float) -> float:
    """The next of 1, 2, 4, 5, 8, 10 times a power of ten; 1 for what is not above 0."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return power * next(step for step in (1, 2, 4, 5, 8, 10) if step * power >= value * (1 - 1e-12))


def text(x: float, y: float, words: str, anchor: str = "start", fill: str = "#333") -> str:
    """A text element; `words` are ours, for they are not escaped."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{words}</text>'
