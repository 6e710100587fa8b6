"""The two consoles of a command: `out` for results and `err` for progress; and tables in the formats of papers."""

from __future__ import annotations

import contextlib
import csv
import enum
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from harness.cli.display import widths
from harness.text.printable import printable, spreadsheet_cell

WIDEST = 10_000  # columns of a line that is not folded
NONE = "-"  # a cell's text where there is no value


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
        self.use(TableFormat.TABLE)

    def use(self, form: TableFormat) -> None:
        """Print tables in this format from now on."""
        self.format = form
        self._written = False

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The segments of what is shown, made printable."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)

    def print(self, *objects: Any, optional: Sequence[str] = (), **options: Any) -> None:
        """As rich prints; tables in the format that is asked for, and on a terminal so that they fit.

        optional: columns of a table that a narrow terminal need not show, the first to go first.
        """
        tables = [each for each in objects if isinstance(each, Table)]
        if self.format is not TableFormat.TABLE:
            for each in tables:
                self._write(written(each, self.format))
            others = [each for each in objects if not isinstance(each, Table)]
            if others and self is not err:
                err.print(*others, **options)
            return
        if not self.is_terminal and "COLUMNS" not in os.environ and not any(isinstance(each, Rule) for each in objects):
            options.setdefault("soft_wrap", not tables)
            self._width = max((self._wide(each) for each in tables), default=None)
        fitted = {id(each): widths.fit(each, self.width, optional) for each in tables}
        try:
            super().print(*(fitted[id(each)].table if id(each) in fitted else each for each in objects), **options)
        finally:
            self._width = None
        for fit in fitted.values():
            if fit.left_out:
                super().print(Text(f"not shown at this width: {', '.join(fit.left_out)}", "dim"))

    def _write(self, table: str) -> None:
        """A table's text, with an empty line between it and the one before."""
        self.file.write(f"\n{table}" if self._written else table)
        self._written = True

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
    """A number as it stands, a negative one too; other text so that no spreadsheet runs it; nothing for no value."""
    if cell == NONE:
        return ""
    try:
        float(cell)
    except ValueError:
        return spreadsheet_cell(cell)
    return cell


def _markdown(header: list[str], rows: list[list[str]], right: list[bool], title: str) -> str:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), '<br>') for cell in cells)} |"

    rule = f"|{'|'.join('---:' if each else '---' for each in right)}|"
    lines = [*([f"**{title}**", ""] if title else []), line(header), rule, *map(line, rows)]
    return "\n".join(lines) + "\n"


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "\N{MINUS SIGN}": "$-$", "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$", "\N{RIGHTWARDS ARROW}": r"$\to$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\le$", "\N{GREATER-THAN OR EQUAL TO}": r"$\ge$",
    "\N{NOT EQUAL TO}": r"$\ne$", "\N{INFINITY}": r"$\infty$", "\N{EN DASH}": "--", "\N{EM DASH}": "---",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}", "\n": " ",
}  # fmt: skip
# Of Latin-1 and Latin Extended-A, what the fonts of a plain document (OT1) lack.
_NO_GLYPH = frozenset(
    "\u00ab\u00bb\u00d0\u00f0\u00de\u00fe\u0104\u0105\u0110\u0111\u0118\u0119\u0126\u0127\u012e\u012f"
    "\u0138\u013f\u0140\u0149\u014a\u014b\u0166\u0167\u0172\u0173\u017f"
)


def _escaped(cell: str) -> str:
    """Text that LaTeX sets as it stands; a character that its first fonts lack becomes a question mark.

    What would be an argument of the command before the cell, a bracket or a star, begins with an empty group.
    """
    text = "".join(_LATEX.get(each) or (each if each < "\u0180" and each not in _NO_GLYPH else "?") for each in cell)
    return f"{{}}{text}" if text.startswith(("[", "*")) else text


def _latex(header: list[str], rows: list[list[str]], right: list[bool], title: str) -> str:
    """A `tabular` in the style of booktabs, which needs \\usepackage{booktabs}."""

    def line(cells: Iterable[str]) -> str:
        return f"{' & '.join('--' if cell == NONE else _escaped(cell) for cell in cells)} " + r"\\"

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
