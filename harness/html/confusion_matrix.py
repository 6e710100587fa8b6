"""A confusion matrix as an SVG: sixty lines here, where a plotting library would be 30 MB to install."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

CELL, GAP, FONT = 56, 8, 13  # pixels
CHAR = 0.62 * FONT  # about the width of a character


def picture(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """Rows are true labels, columns predicted ones and, last, what was not read; darker is more of the row.

    matrix: shape (labels, labels + 1), counts.
    """
    shown = [label if len(label) <= 24 else label[:23] + "…" for label in labels]
    columns = [*shown, "(unread)"]
    left = round(max(map(len, shown)) * CHAR) + 3 * FONT + GAP
    top = round(max(map(len, columns)) * CHAR * 0.75) + 4 * FONT
    width, height = left + CELL * len(columns) + 2 * CELL, top + CELL * len(shown) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="{FONT}" role="img" aria-label="confusion matrix">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="{FONT + GAP}" font-weight="bold">predicted</text>',
        f'<text x="{FONT}" y="{top + CELL * len(shown) / 2:g}" font-weight="bold" text-anchor="middle" '
        f'transform="rotate(-90 {FONT} {top + CELL * len(shown) / 2:g})">true</text>',
    ]
    for place, label in enumerate(columns):
        x, y = left + CELL * (place + 0.5), top - GAP
        parts.append(f'<text x="{x:g}" y="{y}" transform="rotate(-45 {x:g} {y})">{escape(label)}</text>')
    for row, (label, counts) in enumerate(zip(shown, matrix, strict=True)):
        y = top + CELL * row
        parts.append(f'<text x="{left - GAP}" y="{y + CELL / 2 + FONT / 3:g}" text-anchor="end">{escape(label)}</text>')
        parts += [_cell(left + CELL * place, y, count, sum(counts)) for place, count in enumerate(counts)]
    return "\n".join([*parts, "</svg>\n"])


def _cell(x: int, y: int, count: int, of: int) -> str:
    share = count / of if of else 0.0
    red, green, blue = (round(255 - share * (255 - dark)) for dark in (31, 78, 121))
    ink = "white" if share > 0.5 else "black"
    return (
        f'<rect x="{x}" y="{y}" width="{CELL - 1}" height="{CELL - 1}" fill="rgb({red},{green},{blue})" '
        f'stroke="#ccc"><title>{count} of {of}</title></rect>'
        f'<text x="{x + CELL / 2:g}" y="{y + CELL / 2 + FONT / 3:g}" text-anchor="middle" fill="{ink}">{count}</text>'
    )
