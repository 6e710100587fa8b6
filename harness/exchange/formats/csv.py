"""A spreadsheet's table: a row for each problem, with n, c and how many completions ended how.

Read are tables of programs: how many of each problem passed, which no table says more of. A table in which the numbers
of a row do not add up was cut off, or changed.
"""

from __future__ import annotations

import csv
import functools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from harness.errors import SamplesError
from harness.exchange import LARGEST, ImportedProblem, ImportedSet, InputFile, problem_id
from harness.exchange.saved_run import ProgramRun
from harness.files.atomic import replacing
from harness.files.opened import bounded_lines, open_input
from harness.runs import reader
from harness.text.printable import spreadsheet_cell
from harness.types import ProblemSet
from sandbox.types import Verdict

NEEDS_PROBLEMS = False
ROUND_TRIP = "counts"
PROGRAMS = False
COLUMNS = ["run", "model", "problems", "imported", "problem", "n", "c", "values"]


def write(run: ProgramRun, out: Path) -> list[Path]:
    """`out`: run, model, problems, problem, n, c, then a column for each verdict that occurs."""
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for record in reader.read_executions(run.path):
        verdicts[record["problem_id"]][record["verdict"]] += 1
    columns = [verdict.value for verdict in Verdict if any(counts[verdict.value] for counts in verdicts.values())]
    imported = [run.summary.get("imported") or ""]
    with replacing(out) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*COLUMNS, *columns])
        for problem_id, counts in run.summary["problems"].items():
            rest = {key: value for key, value in counts.items() if key not in ("n", "c")}
            cells = (
                [run.path.name, run.model, run.dataset, *imported, problem_id, counts.get("n"), counts.get("c")]
                + [json.dumps(rest) if rest else ""]
                + [verdicts[problem_id][column] for column in columns]
            )
            table.writerow(map(spreadsheet_cell, cells))
    return [out]


def recognizes(source: InputFile) -> bool:
    """Whether the first line has our columns."""
    try:
        return next(_rows(source), [])[: len(COLUMNS)] == COLUMNS
    except SamplesError:
        return False


def read(source: InputFile) -> list[ImportedSet]:
    """A set for each model and problem set of the table, which may be several exports one below another."""
    rows = _rows(source)
    header = next(rows, [])
    if header[: len(COLUMNS)] != COLUMNS:
        raise SamplesError(f"{source.path}: the first line is not {','.join(COLUMNS)}")
    found: dict[tuple[str, str], list[tuple[str, int, int]]] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{source.path}, row {number}"
        if row[: len(COLUMNS)] == COLUMNS:
            header = row
            continue
        cells = dict(zip(header, row, strict=False))
        if len(row) != len(header) or not cells["problem"]:
            raise SamplesError(f"{where}: {len(row)} cells, and the first row has {len(header)}")
        n, c = _counts(cells, header[len(COLUMNS) :], where)
        found.setdefault((cells["model"], cells["problems"]), []).append((cells["problem"], n, c))
    return [
        ImportedSet(dataset=dataset, model=model, answers=functools.partial(_answers, counts, str(source.path)))
        for (model, dataset), counts in found.items()
    ]


def _counts(cells: dict[str, str], verdicts: list[str], where: str) -> tuple[int, int]:
    """n and c of a row, which its verdicts must add up to."""
    if not cells["n"]:
        raise SamplesError(f"{where}: no n and c; only tables of programs are read")
    try:
        n, c = int(cells["n"]), int(cells["c"])
        counts = {name: int(cells[name]) for name in verdicts}
    except ValueError as error:
        raise SamplesError(f"{where}: {error}") from error
    total = sum(counts.values())
    if not 0 <= c <= n < LARGEST or (total and (total != n or counts.get(Verdict.ACCEPTED.value, 0) != c)):
        raise SamplesError(f"{where}: n and c are not what its verdicts add up to")
    return n, c


def _answers(counts: list[tuple[str, int, int]], name: str, problems: ProblemSet | None) -> Iterator[ImportedProblem]:
    for task, n, c in counts:
        yield ImportedProblem(problem_id=problem_id(problems, task, name), answers=(), passed=c, n=n)


def _as_written(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and spreadsheet_cell(cell[1:]) == cell else cell


def _rows(source: InputFile) -> Iterator[list[str]]:
    """The cells of each row, without the apostrophes that keep a spreadsheet from running them."""
    if source.path.is_dir() or source.is_zip:
        raise SamplesError(f"{source.path} is no CSV file")
    with open_input(source.path, SamplesError) as file:
        lines = (line.decode("utf-8", "replace") for line in bounded_lines(file, str(source.path), SamplesError))
        try:
            for row in csv.reader(lines, strict=True):
                yield [
                    cell[1:] if cell.startswith("'") and spreadsheet_cell(cell[1:]) == cell else cell for cell in row
                ]
        except csv.Error as error:
            raise SamplesError(f"{source.path} is no CSV file: {error}") from error
