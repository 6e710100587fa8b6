"""`--format` and `--output`: every table that a command prints, as papers, reports and other programs take it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.fixtures.classroom import write_class
from tests.fixtures.commands import Harness
from tests.fixtures.latex import compile_latex
from tests.fixtures.places import EXAMPLE
from tests.fixtures.problems import write_rows

OTHER = EXAMPLE.parent / "nano-base-T0.8"
LABELS = EXAMPLE.parent / "nano-classification"
# Commands, and how many tables they print.
COMMANDS = {
    "leaderboard": (["leaderboard", EXAMPLE.parent], 4),
    "compare": (["compare", EXAMPLE, OTHER, "--flips", "0"], 2),
    "show": (["show", EXAMPLE], 2),
    "show of classes": (["show", LABELS], 3),
    "runs": (["runs", "list", EXAMPLE.parent], 1),
    "plan": (["plan", "--effect", "3"], 1),
    "plan of votes": (["plan", "--share", "65"], 1),
    "split": (["split", "rows.jsonl", "-o", "parts"], 2),
    "leaks": (["leaks", "rows.jsonl", "rows.jsonl"], 1),
    "class": (["score", "handed_in", "--problems", "week1.jsonl", "--cpu-s", "1"], 2),
}

# Formats that a command writes in a way of its own, with what stands around its tables: their tests are elsewhere.
OWN = {"leaderboard": ("csv", "markdown"), "compare": ("markdown",)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    write_class(folder)
    write_rows(folder / "rows.jsonl", *({"text": f"row {n} of a file, which is number {n * n}"} for n in range(30)))
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_every_table_compiles_reads_back_and_stands_alone(
    harness: Harness, place: Path, tmp_path: Path, name: str
) -> None:
    arguments, count = COMMANDS[name]
    printed = {}
    for form in ("latex", "csv", "markdown"):
        answer = harness(*arguments, "--format", form, "--output", f"{form}.txt", cwd=place)
        assert answer.returncode in (0, 1) and answer.stdout == "", answer.stderr
        printed[form] = (place / f"{form}.txt").read_text()
    assert printed["latex"].count(r"\begin{tabular}") == count
    compile_latex(printed["latex"], tmp_path)
    if "csv" not in OWN.get(name, ()):
        tables = [list(csv.reader(io.StringIO(text))) for text in printed["csv"].split("\n\n")]
        assert len(tables) == count and all(len({len(row) for row in rows}) == 1 < len(rows) for rows in tables)
    if "markdown" not in OWN.get(name, ()):
        lines = [line for line in printed["markdown"].splitlines() if line]
        assert sum(bool(re.fullmatch(r"\|(-+:?\|)+", line)) for line in lines) == count
        assert all(line.startswith(("|", "**")) for line in lines)


def test_the_class_as_json_is_what_its_own_option_prints(harness: Harness, place: Path) -> None:
    arguments, _ = COMMANDS["class"]
    shown = [harness(*arguments, *option, cwd=place).stdout for option in (["--json"], ["--format", "json"])]
    assert shown[0] == shown[1] and json.loads(shown[0])["students"]["alice"]["points"] == 6.0


def test_a_command_without_a_table_says_so_before_it_does_anything(harness: Harness) -> None:
    answer = harness("gate", EXAMPLE, "--baseline", OTHER, "--format", "csv")
    assert answer.returncode == 2 and "this command prints no table" in answer.stderr
    assert json.loads(harness("gate", EXAMPLE, "--baseline", OTHER, "--format", "json").stdout)["outcome"] == "passed"
