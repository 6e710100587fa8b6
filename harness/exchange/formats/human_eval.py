"""human-eval (Chen et al. 2021, openai/human-eval at 6d43fb9): sample files and results files, .jsonl or .jsonl.gz.

A sample: {"task_id": "HumanEval/0", "completion": what continues the prompt}. A results file has the same rows with
"result" ("passed", "timed out" or "failed: <message>") and "passed". Its results do not tell a wrong answer from an
error: what failed is WRONG_ANSWER here, unless the row has our own `verdict` too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import SamplesError
from harness.exchange import ImportedProblem, ImportedSample, ImportedSet, InputFile, problem_id, text
from harness.exchange.saved_run import ProgramRun, Sample, continues_prompt
from harness.files.atomic import replacing
from harness.types import Form, ProblemSet
from sandbox.types import Verdict

ROUND_TRIP = "verdicts"


def recognizes(source: InputFile) -> bool:
    """Whether the first row has a task id and a completion."""
    row = source.row
    if row is None or "task_id" not in row:
        return False
    return _results(row) or ("completion" in row and "solution" not in row)


def _results(row: dict[str, Any]) -> bool:
    return {"passed", "result"} <= row.keys()


def read(source: InputFile) -> list[ImportedSet]:
    """The samples of a file, with their verdicts where it has them."""
    first = str((source.row or {}).get("task_id", ""))
    return [ImportedSet(dataset=first.rpartition("/")[0], answers=lambda problems: _answers(source, problems))]


def _answers(source: InputFile, problems: ProblemSet | None) -> Iterator[ImportedProblem]:
    for task, rows in source.by_task(lambda row: row.get("task_id")):
        where = f"{source.path}, line {rows[0][0]}"
        found = tuple(_answer(row, f"{source.path}, line {number}") for number, row in rows)
        yield ImportedProblem(problem_id=problem_id(problems, task, where), answers=found)


def _answer(row: dict[str, Any], where: str) -> ImportedSample:
    form = Form.SOLUTION if "solution" in row else Form.COMPLETION
    verdict, detail = _verdict(row, where)
    return ImportedSample(text=text(row, form.value, where), form=form, verdict=verdict, detail=detail)


def _verdict(row: dict[str, Any], where: str) -> tuple[Verdict | None, str]:
    if "passed" not in row:
        return None, ""
    passed, result = row["passed"], str(row.get("result", ""))
    if not isinstance(passed, bool) or passed != (result == "passed"):
        raise SamplesError(f"{where}: passed {passed!r} and result {result[:40]!r} do not agree")
    own = row.get("verdict")
    if own in tuple(Verdict) and (own == Verdict.ACCEPTED) == passed:
        return Verdict(own), result.removeprefix("failed: ").removeprefix("passed")
    if passed:
        return Verdict.ACCEPTED, ""
    return (
        (Verdict.TIME_LIMIT, "") if result == "timed out" else (Verdict.WRONG_ANSWER, result.removeprefix("failed: "))
    )


def write(run: ProgramRun, out: Path) -> list[Path]:
    """`out` with the samples and, where they were executed, `out_results.jsonl`. A whole program has `solution` too."""
    with replacing(out) as samples:
        for solved in run.solved():
            for sample in solved.samples:
                samples.write(json.dumps(_row(solved.problem.id, sample)) + "\n")
    if not run.judged:
        return [out]
    results_path = out.with_name(out.name + "_results.jsonl")
    with replacing(results_path) as results:
        for solved in run.solved():
            for sample in solved.samples:
                if sample.execution:
                    row = {**_row(solved.problem.id, sample), **_outcome(sample)}
                    results.write(json.dumps(row) + "\n")
    return [out, results_path]


def _row(task_id: str, sample: Sample) -> dict[str, Any]:
    row = {"task_id": task_id, "completion": continues_prompt(sample)}
    return row if sample.completion.form is Form.COMPLETION else {**row, "solution": sample.program}


def _outcome(sample: Sample) -> dict[str, Any]:
    assert sample.execution is not None
    verdict = sample.verdict
    if verdict is Verdict.ACCEPTED:
        return {"result": "passed", "passed": True, "verdict": verdict}
    detail = sample.execution["detail"] or str(verdict)
    result = "timed out" if verdict is Verdict.TIME_LIMIT else f"failed: {detail}"
    return {"result": result, "passed": False, "verdict": verdict}
