"""Charts of the reports, as SVG text: lines over steps, a plane of two shares, a histogram. Colors come from the
page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 68, 16, 14, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line. low, high: the ends of the intervals, where there are any. titles: what pointing at a dot says."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    titles: Sequence[str] | None = None
    style: str = "a"  # a, b, c: the page's classes; "d" is dashed


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value is drawn."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self) -> list[float]:
        """Round numbers, about five."""
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        step = 10.0 ** math.floor(math.log10(span / 4))
        step *= min((m for m in (1, 2, 5, 10) if span / (m * step) <= 5), default=10)
        first = math.ceil(self.low / step - 1e-9)
        return [round((first + i) * step, 10) for i in range(int((self.high - first * step) / step + 1e-9) + 1)]


def lines(
    series: Sequence[Series], x_name: str, y_name: str, *, label: str, bands: Sequence[tuple[float, float, str]] = ()
) -> str:
    """Lines with interval bands over a common x."""
    xs = [value for one in series for value in one.x]
    ys = [value for one in series for part in (one.y, one.low or (), one.high or ()) for value in part]
    low, high = min(ys), max(ys)
    pad = 0.06 * (high - low) or 0.1
    x = _Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    y = _Scale(low - pad, high + pad, HEIGHT - BOTTOM, TOP)
    parts = [_band(x, y, *band) for band in bands]
    parts += _axes(x, y, x_name, y_name)
    for one in series:
        parts += _line(one, x, y)
    return _svg(parts, label)


def _band(x: _Scale, y: _Scale, low: float, high: float, name: str) -> str:
    top, bottom = y.at(min(high, y.high)), y.at(max(low, y.low))
    if bottom <= top:
        return ""
    return f'<rect class="band" x="{LEFT}" y="{top}" width="{x.end - LEFT}" height="{bottom - top}"><title>{escape(name)}</title></rect>'


def _line(one: Series, x: _Scale, y: _Scale) -> list[str]:
    parts = []
    if one.low is not None and one.high is not None:
        ends = [*zip(one.x, one.high, strict=True), *reversed(list(zip(one.x, one.low, strict=True)))]
        area = " ".join(f"{x.at(px)},{y.at(py)}" for px, py in ends)
        parts.append(f'<polygon class="area {one.style}" points="{area}"/>')
        parts += [
            f'<line class="line {one.style}" x1="{x.at(px)}" x2="{x.at(px)}" y1="{y.at(low)}" y2="{y.at(high)}"/>'
            for px, low, high in zip(one.x, one.low, one.high, strict=True)
            if len(one.x) == 1
        ]
    points = " ".join(f"{x.at(px)},{y.at(py)}" for px, py in zip(one.x, one.y, strict=True))
    parts.append(f'<polyline class="line {one.style}" points="{points}"/>')
    titles = one.titles or [f"{one.name}: {py:.4g} at {px:g}" for px, py in zip(one.x, one.y, strict=True)]
    for px, py, title in zip(one.x, one.y, titles, strict=True):
        parts.append(
            f'<circle class="dot {one.style}" cx="{x.at(px)}" cy="{y.at(py)}" r="3"><title>{escape(title)}</title></circle>'
        )
    return parts


def plane(points: Sequence[tuple[float, float, str]], x_name: str, y_name: str, *, label: str) -> str:
    """Points of two shares, 0 to 1, joined in their order; each is (x, y, name)."""
    x, y = _Scale(0, 1, LEFT, HEIGHT + LEFT - TOP - BOTTOM + 40), _Scale(0, 1.0, HEIGHT - BOTTOM, TOP)
    parts = _axes(x, y, x_name, y_name)
    path = " ".join(f"{x.at(px)},{y.at(py)}" for px, py, _ in points)
    if len(points) > 1:
        parts.append(f'<polyline class="line a" points="{path}"/>')
    for place, (px, py, name) in enumerate(points):
        above = y.at(py) - 8 if place % 2 else y.at(py) + 18  # neighbours' names do not meet
        title = f"{name}: {x_name} {px:.3f}, {y_name} {py:.3f}"
        parts.append(
            f'<circle class="dot a" cx="{x.at(px)}" cy="{y.at(py)}" r="4"><title>{escape(title)}</title></circle>'
        )
        parts.append(f'<text class="name" x="{x.at(px)}" y="{above}" text-anchor="middle">{escape(name[:24])}</text>')
    return _svg(parts, label, width=420)


def histogram(
    first: Sequence[float], second: Sequence[float], names: tuple[str, str], *, mark: float, label: str
) -> str:
    """Two sets of distances in common bins, as shares; `mark` is drawn as a line."""
    high = max(float(np.max(first)), float(np.max(second)), mark) * 1.02 or 1.0
    edges = np.linspace(0, high, 41)
    shares = [np.histogram(part, edges)[0] / len(part) for part in (first, second)]
    x = _Scale(0, high, LEFT, WIDTH - RIGHT)
    y = _Scale(0, float(max(part.max() for part in shares)) * 1.06, HEIGHT - BOTTOM, TOP)
    parts = _axes(x, y, "distance to the nearest training picture", "share of pictures")
    for part, style, name in zip(shares, "ab", names, strict=True):
        for i, value in enumerate(part.tolist()):
            if value:
                box = f'x="{x.at(edges[i])}" y="{y.at(value)}" width="{round(x.at(edges[i + 1]) - x.at(edges[i]), 2)}" height="{round(y.start - y.at(value), 2)}"'
                parts.append(
                    f'<rect class="bar {style}" {box}><title>{escape(name)}: {value:.1%} from {edges[i]:.3g}</title></rect>'
                )
    parts.append(
        f'<line class="mark" x1="{x.at(mark)}" x2="{x.at(mark)}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"><title>threshold {mark:.4g}</title></line>'
    )
    return _svg(parts, label) + legend([(names[0], "a"), (names[1], "b"), ("threshold of a copy", "mark")])


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """What the colors mean."""
    rows = "".join(f'<span><i class="key {style}"></i>{escape(name)}</span>' for name, style in entries)
    return f'<p class="legend">{rows}</p>'


def _axes(x: _Scale, y: _Scale, x_name: str, y_name: str) -> list[str]:
    bottom = HEIGHT - BOTTOM
    parts = [
        f'<line class="grid" x1="{LEFT}" x2="{x.end}" y1="{y.at(value)}" y2="{y.at(value)}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{y.at(value) + 4}" text-anchor="end">{value:g}</text>'
        for value in y.ticks()
    ]
    parts += [
        f'<text class="tick" x="{x.at(value)}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>'
        for value in x.ticks()
    ]
    middle = round((LEFT + x.end) / 2, 1)
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{x.end}" y1="{bottom}" y2="{bottom}"/>')
    parts.append(f'<text class="tick" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_name)}</text>')
    parts.append(
        f'<text class="tick" transform="rotate(-90)" x="{-(TOP + bottom) / 2}" y="12" text-anchor="middle">{escape(y_name)}</text>'
    )
    return parts


def _svg(parts: Sequence[str], label: str, width: int = WIDTH) -> str:
    return f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{escape(label)}" style="max-width:{width}px">{"".join(parts)}</svg>'
