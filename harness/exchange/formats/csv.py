"""A spreadsheet's table: a row for each problem, with n, c and how many completions ended how. Written, never read."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from pathlib import Path

from harness.exchange.saved_run import ProgramRun
from harness.files.atomic import replacing
from harness.runs import reader
from harness.text.printable import spreadsheet_cell
from sandbox.types import Verdict

NEEDS_PROBLEMS = False


def write(run: ProgramRun, out: Path) -> list[Path]:
    """`out`: run, model, problems, problem, n, c, then a column for each verdict that occurs."""
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for record in reader.read_executions(run.path):
        verdicts[record["problem_id"]][record["verdict"]] += 1
    columns = [verdict.value for verdict in Verdict if any(counts[verdict.value] for counts in verdicts.values())]
    imported = [run.summary.get("imported") or ""]
    with replacing(out) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["run", "model", "problems", "imported", "problem", "n", "c", "values", *columns])
        for problem_id, counts in run.summary["problems"].items():
            rest = {key: value for key, value in counts.items() if key not in ("n", "c")}
            cells = (
                [run.path.name, run.model, run.dataset, *imported, problem_id, counts.get("n"), counts.get("c")]
                + [json.dumps(rest) if rest else ""]
                + [verdicts[problem_id][column] for column in columns]
            )
            table.writerow(map(spreadsheet_cell, cells))
    return [out]
