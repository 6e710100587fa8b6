"""Tables on a terminal that is narrower than they are."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.display import widths


def board(rows: int = 6) -> Table:
    made = Table(title="codegen on a set")
    for name in ("rank", "model", "pass@1 (95 %)", "pass@10 (95 %)", "problems", "empty", "date"):
        made.add_column(name, justify="right" if name[0] == "p" else "left")
    for at in range(rows):
        made.add_row(f"{at}", Text(f"nano-base-{at} n:5 T:0.2"), "57.7% (46.7-68.4)", "65.2% (53.6-76.8)", "69", "", "2026-11-29")  # fmt: skip
    return made


def printed(table: Table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


def test_a_table_that_has_room_is_left_as_it_is() -> None:
    table = board()
    assert widths.fit(table, 160, ("date",)).table is table


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("rows", [2, 6])
def test_no_number_and_no_name_is_cut_and_no_line_is_too_long(rows: int, width: int) -> None:
    fitted = widths.fit(board(rows), width, ("date", "problems"))
    text = printed(fitted.table, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width and "\N{HORIZONTAL ELLIPSIS}" not in text
    words = set(re.split(r"\s+", text))
    names = {f"nano-base-{at}" for at in range(rows)}
    assert words >= {"57.7%", "(46.7-68.4)", "65.2%", "(53.6-76.8)", "T:0.2", *names}


def test_columns_that_can_be_done_without_go_first_and_are_named() -> None:
    fitted = widths.fit(board(), 60, ("date", "problems"))
    assert fitted.left_out == ("date",)  # a column without a text goes unnamed
    assert [str(column.header) for column in fitted.table.columns] == [
        "rank", "model", "pass@1 (95 %)", "pass@10 (95 %)", "problems"
    ]  # fmt: skip


def test_a_table_of_few_rows_is_turned_before_its_words_are_folded() -> None:
    text = printed(widths.fit(board(2), 52).table, 52)
    assert re.search(r"date +2026-11-29 +2026-11-29", text) and re.search(r"model +nano-base-0 n:5 T:0.2", text)


def test_a_long_path_is_folded_and_whole() -> None:
    path = "results/humaneval/some-model/20261130T031514Z-2a3a22ea"
    table = Table("model", "score", "run")
    for at in range(6):
        table.add_row(f"model-{at}", "57.7% (46.7-68.4)", Text(path))
    text = printed(widths.fit(table, 60).table, 60)
    column = "".join(line[text.splitlines()[0].index("run") :].strip() for line in text.splitlines()[2:])
    assert column == path * 6


def test_a_table_that_holds_more_than_texts_is_left_to_fold_itself() -> None:
    table = Table("one", "two", expand=True)
    table.add_row("a", "b")
    assert widths.fit(table, 10).table is table
