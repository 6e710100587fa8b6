"""Tables in the formats of reports, papers and other programs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from harness.cli.display.console import PrintableConsole, TableFormat, written
from tests.fixtures.latex import compile_latex


def table() -> Table:
    shown = Table("model", title="codegen on a_set")
    shown.add_column("pass@1 (95 %)", justify="right")
    shown.add_column("rank", justify="right")
    shown.add_row(Text("a|b_50%\x1b[31m"), "51.0% (41.0-60.9)", "1-2")
    shown.add_row("=cmd()", "-3.5", "<3 ± 1 \N{RIGHTWARDS ARROW} ×")
    return shown


def test_markdown_keeps_its_columns_whatever_a_cell_holds() -> None:
    lines = written(table(), TableFormat.MARKDOWN).splitlines()
    assert lines[:4] == ["**codegen on a_set**", "", "| model | pass@1 (95 %) | rank |", "|---|---:|---:|"]
    assert lines[4] == r"| a\|b_50%\x1b[31m | 51.0% (41.0-60.9) | 1-2 |"


def test_csv_reads_back_and_no_cell_is_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(written(table(), TableFormat.CSV))))
    assert rows[0] == ["model", "pass@1 (95 %)", "rank"] and rows[2][:2] == ["'=cmd()", "-3.5"]


def test_latex_is_a_booktabs_tabular_with_its_special_characters_escaped() -> None:
    text = written(table(), TableFormat.LATEX)
    assert text.startswith("% codegen on a_set\n\\begin{tabular}{lrr}\n\\toprule\n") and "\\bottomrule" in text
    assert r"\textless{}3 $\pm$ 1 $\to$ $\times$" in text and r"a\textbar{}b\_50\%\textbackslash{}x1b[31m" in text


def test_every_character_that_is_let_through_is_one_that_latex_sets(tmp_path: Path) -> None:
    every = Table("all")
    for start in range(0x20, 0x250, 16):
        every.add_row(Text("".join(map(chr, range(start, start + 16)))))
    for start in (
        "[1] a label",
        "*",
        "-",
        "\N{NOT EQUAL TO} \N{INFINITY} \N{EM DASH} \N{HORIZONTAL ELLIPSIS} \N{CHECK MARK}",
    ):
        every.add_row(Text(start))
    compile_latex(written(every, TableFormat.LATEX) + written(table(), TableFormat.LATEX), tmp_path)


def test_tables_of_one_command_stand_apart(capsys: pytest.CaptureFixture[str]) -> None:
    console = PrintableConsole()
    console.use(TableFormat.CSV)
    console.print(table())
    console.print(table())
    first, second = capsys.readouterr().out.split("\n\n")
    assert first.splitlines() == second.splitlines()


def test_a_cell_without_a_value_is_empty_in_csv_and_a_dash_in_latex() -> None:
    one = Table("a", "b")
    one.add_row("-", "-1")
    assert written(one, TableFormat.CSV) == "a,b\n,-1\n"
    assert "-- & -1" in written(one, TableFormat.LATEX)


def test_nothing_is_folded_in_a_pipe_unless_a_width_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = Table(*"ab")
    wide.add_row("x " * 75, "y " * 75)
    for columns, folded in (("", False), ("80", True)):
        monkeypatch.setenv("COLUMNS", columns) if columns else monkeypatch.delenv("COLUMNS", raising=False)
        console = PrintableConsole()
        console.print(wide)
        console.print("z" * 300, soft_wrap=True)
        printed = capsys.readouterr().out.splitlines()
        assert (len(printed) > 6) is folded and printed[-1] == "z" * 300
