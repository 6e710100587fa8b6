"""The geometry of the leaderboard's drawings; `templates/charts.svg.j2` draws them.

Hand-made SVG and no chart library: the drawings are six, static and printable, need no script (so the pages' policy
can forbid all but one), stay sharp and small (a heat map of 4,000 cells is 60 KB, a chart library's script alone
800 KB), and names in them go through the templates' escaping like all other text. Nothing is told by colour alone:
lines and points carry the number of their row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from harness.html.svg import AxisScale, Scale, Tick, round_up
from harness.leaderboard.tables import Table, TableRow, metric_of, problem_values
from harness.metrics.pass_at_k import pass_at_k
from harness.runs.summary import CODEGEN

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 40, 12, 44
LABEL_GAP = 14.0  # px between the numbers of lines and points, one below the other
LABEL_WIDTH = 24.0  # px that the number beside a point takes
LEVELS = 10
HEAT_LABEL, HEAT_ROW = 30, 18
DIGIT_CELL = 13.0  # px: a smaller cell has no room for two digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point of a row; low and high: the ends of its interval, in px; label_y: where its number stands beside it."""

    row: TableRow
    x: float
    y: float
    low: float
    high: float
    label_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A curve of a row; label_y: where its number stands, in px, apart from the others'."""

    row: TableRow
    path: str
    points: tuple[tuple[float, float], ...]
    label_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A drawing with two axes."""

    x_title: str
    y_title: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Series, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One problem of a heat map, at x px; value: its mean over the runs that have it."""

    problem_id: str
    x: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Runs by problems, the easiest first. levels: for each shade, from 0 to LEVELS, one path of all its cells.

    digits: (shade, places in px) of the numbers in the cells; empty where cells are too small for them.
    """

    width: float
    height: float
    cell: float
    columns: tuple[Column, ...]
    rows: tuple[tuple[TableRow, float], ...]
    levels: tuple[str, ...]
    digits: tuple[tuple[int, tuple[tuple[float, float], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bar of a histogram: from, to (shares), how many problems, and its box in px."""

    low: float
    high: float
    count: int
    x: float
    y: float
    width: float
    height: float


def interval_scale(table: Table, metric: str) -> Scale:
    """0 to 1 for shares, else what the intervals of a column span."""
    cells = [row.cells[metric].estimate for row in table.rows if metric in row.cells]
    if metric_of(table, metric).is_share:
        return Scale(low=0.0, high=1.0)
    return Scale(low=min(each.low for each in cells), high=max(each.high for each in cells))


def pass_curves(table: Table) -> Plot | None:
    """pass@k over k of each row, from its n and c; None where no row has more than one sample per problem."""
    series = {row: _curve(row) for row in table.rows} if table.task == CODEGEN else {}
    series = {row: points for row, points in series.items() if len(points) > 1}
    if not series:
        return None
    largest = max(points[-1][0] for points in series.values())
    top = _ceiling(max(value for points in series.values() for _, value in points))
    ks = [k for k in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000) if k < largest * 0.8] + [largest]
    placed = {row: [(_log_x(k, largest), _y(value, 0.0, top)) for k, value in points] for row, points in series.items()}
    labels = _apart([points[-1][1] for points in placed.values()])
    return Plot(
        x_title="k (samples, log scale)",
        y_title="pass@k",
        x_ticks=tuple(Tick(at=_log_x(k, largest), text=str(k)) for k in ks),
        y_ticks=_share_ticks(0.0, top),
        lines=tuple(
            Series(row=row, path=_path(points), points=tuple(points), label_y=label)
            for (row, points), label in zip(placed.items(), labels, strict=True)
        ),
    )


def score_against(table: Table, amounts: Mapping[str, float], title: str) -> Plot | None:
    """The first metric over an amount (run's name -> tokens, or a price); None without a row that has both."""
    metric = table.metrics[0]
    rows = [row for row in table.rows if metric in row.cells and row.run.name in amounts]
    if not rows:
        return None
    estimates = {row: row.cells[metric].estimate for row in rows}
    share = metric_of(table, metric).is_share
    low = 0.0 if share else min(each.low for each in estimates.values())
    high = _ceiling(max(each.high for each in estimates.values())) if share else max(e.high for e in estimates.values())
    most = round_up(max(amounts[row.run.name] for row in rows))
    places = [(_x(amounts[row.run.name], most), _y(each.value, low, high)) for row, each in estimates.items()]
    return Plot(
        x_title=title,
        y_title=metric,
        x_ticks=tuple(Tick(at=_x(value, most), text=f"{value:,g}") for value in AxisScale(0.0, most, 0.0, 1.0).ticks()),
        y_ticks=_share_ticks(low, high) if share else _number_ticks(low, high),
        marks=tuple(
            Mark(
                row=row,
                x=x,
                y=y,
                low=_y(each.low, low, high),
                high=_y(each.high, low, high),
                label_y=label_y,
            )
            for (row, each), (x, y), label_y in zip(estimates.items(), places, _labels(places), strict=True)
        ),
    )


def problem_shares(table: Table) -> dict[TableRow, dict[str, float]]:
    """Row -> problem -> how well it was done, from 0 to 1: c of n, or the first metric's value over its range."""
    metric = table.metrics[0]
    if table.task == CODEGEN:
        counts = {row: row.run.problems.items() for row in table.rows}
        return {row: {name: v["c"] / v["n"] for name, v in items if v["n"]} for row, items in counts.items()}
    found = {row: problem_values(row.run, metric) or {} for row in table.rows}
    every = [value for values in found.values() for value in values.values()]
    if not every or (min(every) >= 0 and max(every) <= 1 and not metric_of(table, metric).lower_is_better):
        return found
    low, span = min(every), (max(every) - min(every)) or 1.0
    flipped = metric_of(table, metric).lower_is_better
    return {
        row: {name: abs(flipped - (value - low) / span) for name, value in values.items()}
        for row, values in found.items()
    }


def mean_name(table: Table) -> str:
    """What `problem_shares` are the mean of, over runs, in words."""
    metric = metric_of(table, table.metrics[0])
    if table.task == CODEGEN:
        return "mean share of completions that pass"
    return f"mean {metric.name}" if metric.is_share else "mean place between the worst value (0) and the best (100)"


def difficulty(shares: Mapping[TableRow, Mapping[str, float]]) -> dict[str, float]:
    """Problem -> its mean share over the runs that have it, the easiest first."""
    every: dict[str, list[float]] = {}
    for values in shares.values():
        for name, value in values.items():
            every.setdefault(name, []).append(value)
    means = {name: math.fsum(values) / len(values) for name, values in every.items()}
    return dict(sorted(means.items(), key=lambda pair: (-pair[1], pair[0])))


def heat_map(shares: Mapping[TableRow, Mapping[str, float]], means: Mapping[str, float]) -> HeatMap:
    """Every run and problem."""
    cell = min(18.0, max(3.0, round(1220 / max(1, len(means)), 1)))
    columns = tuple(
        Column(problem_id=name, x=round(HEAT_LABEL + index * cell, 1), value=value)
        for index, (name, value) in enumerate(means.items())
    )
    parts: list[list[str]] = [[] for _ in range(LEVELS + 1)]
    digits: list[list[tuple[float, float]]] = [[] for _ in range(LEVELS + 1)]
    gap = 0.5 if cell < 6 else 1.0
    for index, values in enumerate(shares.values()):
        y = index * HEAT_ROW
        for column in columns:
            if column.problem_id in values:
                level = round(values[column.problem_id] * LEVELS)
                parts[level].append(f"M{column.x:g} {y}h{cell - gap:g}v{HEAT_ROW - 2}h-{cell - gap:g}z")
                if cell >= DIGIT_CELL:
                    digits[level].append((round(column.x + (cell - gap) / 2, 1), y + 11.5))
    return HeatMap(
        width=HEAT_LABEL + len(columns) * cell,
        height=len(shares) * HEAT_ROW,
        cell=cell,
        columns=columns,
        rows=tuple((row, index * HEAT_ROW) for index, row in enumerate(shares)),
        levels=tuple("".join(paths) for paths in parts),
        digits=tuple((level, tuple(places)) for level, places in enumerate(digits) if places),
    )


def histogram(values: Iterable[float], width: float = 560, height: float = 150) -> tuple[Bin, ...]:
    """How many problems have which share: exactly none, ten equal parts of what lies between, exactly all."""
    counts = [0] * 12
    for value in values:
        counts[0 if value == 0 else 11 if value == 1 else 1 + min(9, int(value * 10))] += 1
    step, most = width / 12, max([*counts, 1])
    return tuple(
        Bin(
            low=0.0 if slot == 0 else 1.0 if slot == 11 else (slot - 1) / 10,
            high=0.0 if slot == 0 else 1.0 if slot == 11 else slot / 10,
            count=count,
            x=round(slot * step + 2, 1),
            y=round(height * (1 - count / most), 1),
            width=round(step - 4, 1),
            height=round(height * count / most, 1),
        )
        for slot, count in enumerate(counts)
    )


def segments(counts: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """(name, start, width) of each part of a bar of 100."""
    total, start = sum(counts.values()) or 1, 0.0
    found = []
    for name, count in counts.items():
        found.append((name, round(start, 3), round(100 * count / total, 3)))
        start += 100 * count / total
    return found


def _curve(row: TableRow) -> list[tuple[int, float]]:
    pairs = [(int(v["n"]), int(v["c"])) for v in row.run.problems.values() if v["n"]]
    if not pairs:
        return []
    n = min(n for n, _ in pairs)
    ks = sorted({*range(1, min(n, 10) + 1), *(round(1.25**step) for step in range(60) if 10 < 1.25**step < n), n})
    return [(k, math.fsum(_pass_at_k(n, c, k) for n, c in pairs) / len(pairs)) for k in ks]


@cache
def _pass_at_k(n: int, c: int, k: int) -> float:
    return pass_at_k(n, c, k)


def _apart(places: Sequence[float]) -> list[float]:
    """The same places, moved as little as needed to be LABEL_GAP apart and inside the drawing."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved, lowest = list(places), float(TOP)
    for index in order:
        moved[index] = lowest = max(places[index], lowest)
        lowest += LABEL_GAP
    highest = float(HEIGHT - BOTTOM)
    for index in reversed(order):
        moved[index] = highest = min(moved[index], highest)
        highest -= LABEL_GAP
    return [round(place, 1) for place in moved]


def _labels(places: Sequence[tuple[float, float]]) -> list[float]:
    """Where the numbers beside these points stand: each moved up as little as needed to cover no other."""
    taken: list[tuple[float, float]] = []
    found: dict[tuple[float, float], list[float]] = {}
    for x, y in sorted(places, key=lambda place: -place[1]):
        label_y = y
        for _, other in sorted((each for each in taken if abs(each[0] - x) < LABEL_WIDTH), key=lambda each: -each[1]):
            if abs(other - label_y) < LABEL_GAP:
                label_y = other - LABEL_GAP
        taken.append((x, label_y))
        found.setdefault((x, y), []).append(round(label_y, 1))
    return [found[place].pop(0) for place in places]


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def _x(value: float, most: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * value / (most or 1.0), 1)


def _log_x(k: int, largest: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * math.log(k) / math.log(max(largest, 2)), 1)


def _y(value: float, low: float, high: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / ((high - low) or 1.0)), 1)


def _ceiling(value: float) -> float:
    """The next of 0.1, 0.2, ... 1 above a share."""
    return min(1.0, max(0.1, math.ceil(value * 10 - 1e-9) / 10))


def _share_ticks(low: float, high: float) -> tuple[Tick, ...]:
    step = 0.02 if high <= 0.1 else 0.1 if high <= 0.5 else 0.2
    count = int(high / step + 1e-9)
    return tuple(Tick(at=_y(index * step, low, high), text=f"{index * step:.0%}") for index in range(count + 1))


def _number_ticks(low: float, high: float) -> tuple[Tick, ...]:
    values = AxisScale(low, high, 0.0, 1.0).ticks()
    return tuple(Tick(at=_y(value, low, high), text=f"{value:,g}") for value in values)
