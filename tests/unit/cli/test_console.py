"""Tables in the formats of reports, papers and other programs."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from harness.cli.display.console import PrintableConsole, TableFormat, written


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


@pytest.mark.slow  # needs Debian's texlive-latex-recommended
def test_latex_compiles(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed (Debian: texlive-latex-recommended)")
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        f"{written(table(), TableFormat.LATEX)}\\end{{document}}\n"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0 and (tmp_path / "t.pdf").stat().st_size > 1000, done.stdout.decode(errors="replace")


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
