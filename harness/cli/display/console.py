"""The two consoles of a command: `out` for results and `err` for progress; and tables in the formats of papers."""

from __future__ import annotations

import contextlib
import csv
import enum
import io
import os
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from harness.text.printable import printable, spreadsheet_cell

WIDEST = 10_000  # columns of a line that is not folded


class TableFormat(enum.StrEnum):
    """How tables are printed; JSON is each command's own."""

    TABLE = "table"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"


class PrintableConsole(Console):
    """A console on which no text can act: whatever is shown, its escapes and controls are written out.

    Styles and cursor movements are segments of their own and pass. `printable` before a table is filled keeps its
    columns straight; this makes it safe where somebody forgot. In a pipe or a file nothing is folded, unless COLUMNS
    says how wide it is. format: of tables; in another than `table`, what is no table goes to stderr.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False)
        self._width = self._height = None  # rich would keep COLUMNS and LINES as they were at the import
        self.format = TableFormat.TABLE

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The segments of what is shown, made printable."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich prints; tables in the format that is asked for."""
        tables = [each for each in objects if isinstance(each, Table)]
        if self.format is not TableFormat.TABLE:
            for each in tables:
                self.file.write(written(each, self.format))
            others = [each for each in objects if not isinstance(each, Table)]
            if others and self is not err:
                err.print(*others, **options)
            return
        if not self.is_terminal and "COLUMNS" not in os.environ and not any(isinstance(each, Rule) for each in objects):
            options.setdefault("soft_wrap", not tables)
            self._width = max((self._wide(each) for each in tables), default=None)
        try:
            super().print(*objects, **options)
        finally:
            self._width = None

    def _wide(self, table: Table) -> int:
        """The columns that a table takes where it need not be folded."""
        if table.expand:
            return max(self.width, 160)
        return max(self.width, Measurement.get(self, self.options.update(max_width=WIDEST), table).maximum)


def written(table: Table, form: TableFormat) -> str:
    """A table as text of a format: Markdown, LaTeX with booktabs, or CSV with a header."""
    header = [_plain(column.header) for column in table.columns]
    rows = [
        list(row) for row in zip(*([_plain(cell) for cell in column.cells] for column in table.columns), strict=True)
    ]
    title = _plain(table.title) if table.title else ""
    right = [column.justify == "right" for column in table.columns]
    if not table.show_header:
        header = ["" for _ in header]
    if form is TableFormat.CSV:
        return _csv([header, *rows] if any(header) else rows)
    if form is TableFormat.LATEX:
        return _latex(header, rows, right, title)
    return _markdown(header, rows, right, title)


def _plain(cell: Any) -> str:
    """A cell's text, without its style."""
    if isinstance(cell, Text):
        return printable(cell.plain)
    return printable(str(cell))


def _csv(rows: Iterable[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([_csv_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _csv_cell(cell: str) -> object:
    """A number as it stands, a negative one too; other text so that no spreadsheet runs it."""
    try:
        float(cell)
    except ValueError:
        return spreadsheet_cell(cell)
    return cell


def _markdown(header: list[str], rows: list[list[str]], right: list[bool], title: str) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), '<br>') for cell in cells)} |"

    rule = f"|{'|'.join('---:' if each else '---' for each in right)}|"
    lines = [*([f"**{title}**", ""] if title else []), line(header), rule, *map(line, rows), ""]
    return "\n".join(lines) + "\n"


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "\N{MINUS SIGN}": "$-$", "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$", "\N{RIGHTWARDS ARROW}": r"$\to$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\le$", "\N{GREATER-THAN OR EQUAL TO}": r"$\ge$", "\N{EN DASH}": "--",
    "\n": " ",
}  # fmt: skip


def _escaped(cell: str) -> str:
    """Text that LaTeX sets as it stands; a character that its first fonts lack becomes a question mark."""
    found = (_LATEX.get(each, each) for each in cell)
    return "".join(each if each in _LATEX.values() or ord(each[0]) < 0x180 else "?" for each in found)


def _latex(header: list[str], rows: list[list[str]], right: list[bool], title: str) -> str:
    """A `tabular` in the style of booktabs, which needs \\usepackage{booktabs}."""

    def line(cells: Iterable[str]) -> str:
        return f"{' & '.join(map(_escaped, cells))} " + r"\\"

    lines = [
        *([f"% {title}"] if title else []),
        r"\begin{tabular}{" + "".join("r" if each else "l" for each in right) + "}",
        r"\toprule", line(header), r"\midrule", *map(line, rows), r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


out = PrintableConsole()
err = PrintableConsole(stderr=True)


@contextlib.contextmanager
def busy(words: str, *, quiet: bool = False) -> Iterator[None]:
    """A spinner with words while the block runs, where a person is at a terminal."""
    if quiet or not err.is_terminal:
        yield
        return
    with err.status(Text(printable(words), style="dim")):
        yield
