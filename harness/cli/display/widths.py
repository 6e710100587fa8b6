"""A table that is wider than the terminal, made to fit, so that no number and no name is cut.

In this order, until it fits: without a frame and with texts folded at blanks; without the columns that can be done
without; a table of a few rows turned, a line for each column; words of more than some length folded too. Only where all
of that is not enough are short words folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.table import Column, Table
from rich.text import Text

MOST_TURNED = 4  # rows that stand beside each other as columns
LONGEST = 24  # columns of a word that is not folded
SHORTER = (16, 12)  # the same, where that is too wide
GAP = 2  # blanks between two columns
LOOKED_AT = 200  # cells of a column, the longest


class _Height(NamedTuple):
    """Lines of a column's highest cell, and of its header."""

    cell: int
    header: int


class Fitted(NamedTuple):
    """A table that fits as far as it can, and the names of the columns that it was given and does not show."""

    table: Table
    left_out: tuple[str, ...]


def fit(table: Table, width: int, optional: Sequence[str] = ()) -> Fitted:
    """The table for this many columns; one that has room, or holds more than texts, as it is.

    optional: names of columns, the first to go first. A column without a text goes before them, and is not named.
    """
    if table.expand or not _is_text(table) or _natural(table) <= width:
        return Fitted(table, ())
    shown = [column for column in table.columns if not table.row_count or _lines(column.cells)]
    left_out: list[str] = []
    made = _without_frame(table, shown)
    for name in (None, *optional):
        kept = [column for column in shown if _text(column.header).plain != name]
        if len(kept) < len(shown):
            left_out.append(str(name))
        shown, made = kept, _without_frame(table, kept)
        if _set_widths(made, width, LONGEST):
            return Fitted(made, tuple(left_out))
    if 0 < table.row_count <= MOST_TURNED:
        other = turned(table)
        if _natural(other) > width:
            other = _without_frame(other, other.columns)
        if _natural(other) <= width or _set_widths(other, width, LONGEST):
            return Fitted(other, ())
    any(_set_widths(made, width, longest) for longest in SHORTER)
    return Fitted(made, tuple(left_out))


def turned(table: Table) -> Table:
    """A line for each column, a column for each row."""
    made = Table(title=table.title, title_style=table.title_style, title_justify=table.title_justify, show_header=False)
    made.add_column("", style="bold")
    for _ in range(table.row_count):
        made.add_column("", overflow="fold")
    for column in table.columns:
        made.add_row(_text(column.header) if table.show_header else "", *column.cells)
    return made


def _text(cell: Any) -> Text:
    return cell if isinstance(cell, Text) else Text(str(cell))


def _is_text(table: Table) -> bool:
    return all(isinstance(cell, str | Text) for column in table.columns for cell in (column.header, *column.cells))


def _lines(cells: Iterable[Any]) -> list[str]:
    return [line for cell in cells for line in _text(cell).plain.splitlines()]


def _header(table: Table, column: Column) -> list[str]:
    return _lines([column.header]) if table.show_header else []


def _all_lines(table: Table) -> list[list[str]]:
    """Of each column, with its header."""
    return [[*_header(table, column), *_lines(column.cells)] for column in table.columns]


def _natural(table: Table) -> int:
    """Columns that the table takes where nothing is folded."""
    widest = [max(map(cell_len, lines), default=0) for lines in _all_lines(table)]
    return sum(widest) + (GAP * len(widest) if table.box is box.SIMPLE_HEAD else 3 * len(widest) + 1)


def _without_frame(table: Table, columns: Sequence[Column]) -> Table:
    """These columns of a table, with blanks between them."""
    made = Table(
        title=table.title, title_style=table.title_style, title_justify=table.title_justify,
        header_style=table.header_style, show_header=table.show_header, box=box.SIMPLE_HEAD, show_edge=False,
        pad_edge=False, padding=(0, GAP - 1, 0, 0),
    )  # fmt: skip
    for each in columns:
        made.add_column(
            each.header, header_style=each.header_style, style=each.style, justify=each.justify, overflow="fold"
        )
    for cells in zip(*(each.cells for each in columns), strict=True):
        made.add_row(*cells)
    return made


def _set_widths(table: Table, width: int, longest: int) -> bool:
    """Set the columns' widths; whether words of `longest` columns have room. What is left lowers the highest cells."""
    every = _all_lines(table)
    widths = [
        min(max((cell_len(word) for line in lines for word in line.split()), default=0), longest) for lines in every
    ]
    left = width - GAP * len(widths) - sum(widths)
    if left < 0:
        return False
    needed = [
        _heights(table, column, range(least, least + left + 1))
        for column, least in zip(table.columns, widths, strict=True)
    ]
    while found := _next(widths, needed, left):
        place, more = found
        widths[place], left = widths[place] + more, left - more
    for column, each in zip(table.columns, widths, strict=True):
        column.width = each
    return True


def _heights(table: Table, column: Column, widths: Iterable[int]) -> dict[int, _Height]:
    """Width -> lines that the column then takes."""
    header, cells = _header(table, column), sorted(set(_lines(column.cells)), key=len)[-LOOKED_AT:]
    return {
        width: _Height(
            max((_folded(line, width) for line in cells), default=1), sum(_folded(line, width) for line in header)
        )
        for width in widths
    }


def _next(widths: Sequence[int], needed: Sequence[Mapping[int, _Height]], left: int) -> tuple[int, int] | None:
    """Which column to widen by how much: the highest that `left` makes lower."""
    order = sorted(range(len(widths)), key=lambda place: needed[place][widths[place]], reverse=True)
    for place in order:
        heights, have = needed[place], widths[place]
        for more in range(1, left + 1):
            if heights[have + more] < heights[have]:
                return place, more
    return None


def _folded(line: str, width: int) -> int:
    """Lines of a text that is folded at blanks, and within words that are longer."""
    count, used = 1, 0
    for word in line.split():
        length = cell_len(word)
        if used and used + 1 + length > width:
            count, used = count + 1, 0
        elif used:
            used += 1
        used += length
        count, used = count + max(used - 1, 0) // max(width, 1), (used - 1) % max(width, 1) + 1 if used else 0
    return count
