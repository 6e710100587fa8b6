"""A curve of losses as an SVG picture: written by hand, since two lines and two axes need no plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.html.svg import AxisScale, text
from harness.overfit.loss_curve import LossMinimum, Point

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 20, 45
COLOURS = {"training": "#0072b2", "validation": "#d55e00"}  # told apart by the colour-blind too (Okabe & Ito 2008)


def draw(points: Sequence[Point], turn: LossMinimum | None) -> str:
    """The picture. Raises ValueError for points without finite losses."""
    lines = {
        "training": [(p.place(), p.train) for p in points if p.train is not None and math.isfinite(p.train)],
        "validation": [
            (p.place(), p.validation) for p in points if p.validation is not None and math.isfinite(p.validation)
        ],
    }
    places = [place for line in lines.values() for place, _ in line]
    losses = [loss for line in lines.values() for _, loss in line]
    if not places:
        raise ValueError("no losses to draw")
    x, y = AxisScale(min(places), max(places), LEFT, WIDTH - RIGHT), AxisScale(0.0, max(losses), HEIGHT - BOTTOM, TOP)
    parts = [*_axes(x, y, "step" if points[0].step is not None else "epoch")]
    for number, (name, line) in enumerate((name, line) for name, line in lines.items() if line):
        path = " ".join(f"{x.at(place):.1f},{y.at(loss):.1f}" for place, loss in line)
        parts.append(f'<polyline fill="none" stroke="{COLOURS[name]}" stroke-width="2" points="{path}"/>')
        parts.append(text(WIDTH - RIGHT, TOP + 14 + 18 * number, f"{name} loss", anchor="end", fill=COLOURS[name]))
    if turn is not None and turn.confirmed:
        at = x.at(turn.step if turn.step is not None else turn.epoch or 0.0)
        parts.append(
            f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#555" stroke-dasharray="4"/>'
        )
        parts.append(text(at + 4, TOP + 12, "turns up"))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12">\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _axes(x: AxisScale, y: AxisScale, name: str) -> list[str]:
    bottom = HEIGHT - BOTTOM
    parts = [f'<path d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}" fill="none" stroke="#333"/>']
    for tick in x.ticks():
        parts.append(text(x.at(tick), bottom + 16, f"{tick:g}", anchor="middle"))
    for tick in y.ticks():
        height = y.at(tick)
        parts.append(f'<line x1="{LEFT}" y1="{height:.1f}" x2="{WIDTH - RIGHT}" y2="{height:.1f}" stroke="#ddd"/>')
        parts.append(text(LEFT - 6, height + 4, f"{tick:g}", anchor="end"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, name, anchor="middle"))
    parts.append(text(LEFT, TOP - 6, "nats per token"))
    return parts
