"""EvalPlus (Liu et al. 2023, evalplus/evalplus at 26d6d00): sample files, sample directories, `eval_results.json`.

A sample: {"task_id", "solution": a whole program} (or "completion", which continues the prompt; the solution takes
precedence). A directory: <task id with _ for />/<n>.py, with eval_results.json in it once it is evaluated. Results:
    {"date", "hash", "eval": {task id: [{"task_id", "solution", "base_status", "plus_status", "base_fail_tests",
     "plus_fail_tests"}]}, "pass_at_k": {"base": {"pass@1": 0.5}, "plus": {...}}}
A status is pass, fail or timeout; plus_status is null where only the base tests ran. A sample passes the plus tests if
both statuses are pass. Which of the two is read is the problem set's matter: humaneval or humaneval+.

Results before 0.3 have no programs: {"date", "hash", "eval": {task id: {"nfiles": n, "base": [[status, details], ...n],
"plus": [...]}}} with the statuses success, failed and timeout. How many of the n passed is read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import SamplesError
from harness.exchange import (
    ImportedProblem,
    ImportedSample,
    ImportedSet,
    InputFile,
    ReportedMetric,
    number,
    problem_id,
    text,
)
from harness.exchange.saved_run import ProgramRun, Sample
from harness.files.atomic import replacing
from harness.files.opened import read_whole
from harness.metrics.pass_at_k import BASE
from harness.runs.statuses import evalplus_status, evalplus_statuses
from harness.text.printable import clipped
from harness.types import Form, ProblemSet
from sandbox.types import Verdict

RESULTS = "eval_results.json"
STATUSES = {
    "pass": Verdict.ACCEPTED, "fail": Verdict.WRONG_ANSWER, "timeout": Verdict.TIME_LIMIT,
    "success": Verdict.ACCEPTED, "failed": Verdict.WRONG_ANSWER,
}  # fmt: skip
PASSED = ("pass", "success")
ROUND_TRIP = "verdicts"


def recognizes(source: InputFile) -> bool:
    """Whether it is a sample file with solutions, a directory of programs, or evaluation results."""
    if source.path.is_dir():
        return bool(_programs(source))
    row = source.row
    if row is not None and "task_id" in row and "solution" in row and not row.keys() & {"passed", "completion"}:
        return True
    return _is_results(source.document)


def _is_results(document: Any) -> bool:
    samples = document.get("eval") if isinstance(document, dict) else None
    if not isinstance(samples, dict) or not {"date", "hash", "pass_at_k"} & document.keys():
        return False
    first: object = next(iter(samples.values()), [])
    if isinstance(first, dict):
        return "nfiles" in first and isinstance(first.get("base"), list)
    return isinstance(first, list) and all(isinstance(each, dict) and "base_status" in each for each in first[:1])


def _programs(source: InputFile) -> list[Path]:
    return [
        path for path in source.files("*/*.py") if re.fullmatch(r".+_\d+", path.parent.name) and path.stem.isdigit()
    ]


def read(source: InputFile) -> list[ImportedSet]:
    """The samples, with their verdicts from evaluation results."""
    if source.path.is_dir() and (source.path / RESULTS).is_file():
        return [_results(source.part(RESULTS), source.path / RESULTS)]
    if source.path.is_dir():
        first = _task(_programs(source)[0])
        return [ImportedSet(dataset=_plus(first), answers=lambda problems: _directory(source, problems))]
    if _is_results(source.document):
        return [_results(source.document, source.path)]
    first = str((source.row or {}).get("task_id", ""))
    return [ImportedSet(dataset=_plus(first), answers=lambda problems: _samples(source, problems))]


def _plus(task_id: str) -> str:
    """Samples are made for both, and EvalPlus judges by the plus tests: `HumanEval/0` is of HumanEval+."""
    name = task_id.rpartition("/")[0]
    return f"{name}+" if name.lower() in ("humaneval", "mbpp") else name


def _results(document: dict[str, Any], path: Path) -> ImportedSet:
    samples: dict[str, list[dict[str, Any]]] = document["eval"]
    first = next(iter(samples), "")
    found = samples.get(first, [])
    if isinstance(found, dict):  # before 0.3
        has_plus = bool(found.get("plus"))
    else:
        has_plus = any(each.get("plus_status") is not None for each in found if isinstance(each, dict))
    name = _plus(first)
    if not has_plus and not name.lower().startswith("mbpp"):
        name = name.removesuffix("+")
    reported = document.get("pass_at_k") or {}
    named = list((reported.get("plus" if has_plus else "base") or {}).items())
    if has_plus:
        named += [(f"{BASE}{metric}", each) for metric, each in (reported.get("base") or {}).items()]
    claimed = [
        ReportedMetric(metric=metric, value=value) for metric, each in named if (value := number(each)) is not None
    ]
    return ImportedSet(
        dataset=name,
        answers=lambda problems: _evaluated(samples, path, problems),
        claimed=tuple(claimed),
        metadata={key: document[key] for key in ("date", "hash", "pass_at_k") if key in document},
    )


def _evaluated(samples: dict[str, Any], path: Path, problems: ProblemSet | None) -> Iterator[ImportedProblem]:
    plus = problems is None or problems.name.endswith("plus")
    for task, rows in samples.items():
        where = f"{path}, eval[{task!r}]"
        if isinstance(rows, dict):
            yield _counted(rows, plus, problem_id(problems, task, where), where)
            continue
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise SamplesError(f"{where}: a list of objects is expected")
        found = tuple(_judged(row, plus, f"{where}[{index}]") for index, row in enumerate(rows))
        yield ImportedProblem(problem_id=problem_id(problems, task, where), answers=found)


def _counted(task: dict[str, Any], plus: bool, name: str, where: str) -> ImportedProblem:
    """How many of a task's programs passed, of results before 0.3."""
    n, base, more = task["nfiles"], task["base"], task.get("plus") or []
    statuses = [[each[0] for each in part] for part in (base, more)]
    for status in (each for part in statuses for each in part):
        _check_status(status, where)
    if type(n) is not int or len(base) != n or len(more) not in (0, n):
        raise SamplesError(f"{where}: nfiles says {n}, and there are {len(base)} and {len(more)} results")
    deciding = [statuses[0], statuses[1]] if plus and more else [statuses[0]]
    passed = sum(all(status in PASSED for status in each) for each in zip(*deciding, strict=True))
    return ImportedProblem(problem_id=name, answers=(), passed=passed, n=n)


def _check_status(status: object, where: str) -> None:
    if status is not None and status not in tuple(STATUSES):
        raise SamplesError(f"{where}: the status {clipped(repr(status), 80)} is none of {', '.join(STATUSES)}")


def _judged(row: dict[str, Any], plus: bool, where: str) -> ImportedSample:
    base, more = row.get("base_status"), row.get("plus_status")
    for status in (base, more):
        _check_status(status, where)
    deciding = base
    if plus and more is not None:
        deciding = more if base in (*PASSED, None) else base
    if deciding is None:
        raise SamplesError(
            f"{where}: it has no status for these tests; choose the base set with --problems, or the plus"
        )
    failing = row.get("plus_fail_tests" if deciding is more and deciding is not base else "base_fail_tests") or []
    detail = f"failing inputs: {json.dumps(failing)[:200]}" if failing else ""
    return ImportedSample(
        text=text(row, "solution", where),
        verdict=STATUSES[deciding],
        detail=detail,
        base_passed=base in PASSED if plus and base is not None and more is not None else None,
    )


def _samples(source: InputFile, problems: ProblemSet | None) -> Iterator[ImportedProblem]:
    for task, rows in source.by_task(lambda row: row.get("task_id")):
        found = []
        for line, row in rows:
            form = Form.SOLUTION if "solution" in row else Form.COMPLETION
            found.append(ImportedSample(text=text(row, form.value, f"{source.path}, line {line}"), form=form))
        where = f"{source.path}, line {rows[0][0]}"
        yield ImportedProblem(problem_id=problem_id(problems, task, where), answers=tuple(found))


def _task(program: Path) -> str:
    name, _, number_ = program.parent.name.rpartition("_")
    return f"{name}/{number_}"


def _directory(source: InputFile, problems: ProblemSet | None) -> Iterator[ImportedProblem]:
    folders: dict[str, list[Path]] = {}
    for path in _programs(source):
        folders.setdefault(_task(path), []).append(path)
    for task, paths in folders.items():
        found = []
        for path in sorted(paths, key=lambda path: int(path.stem)):
            found.append(ImportedSample(text=read_whole(path, error=SamplesError).decode("utf-8", "replace")))
        yield ImportedProblem(problem_id=problem_id(problems, task, str(paths[0].parent)), answers=tuple(found))


def write(run: ProgramRun, out: Path) -> list[Path]:
    """`out` with a solution a line and, where they were executed, `<out less .jsonl>.eval_results.json`.

    Of a plus set a sample has both statuses. plus_status is that of all tests, since those after the base tests are not
    reached where these fail. base_status is null where a run does not know it, as those of earlier versions.
    """
    with replacing(out) as samples:
        for solved in run.solved():
            for sample in solved.samples:
                samples.write(json.dumps({"task_id": solved.problem.id, "solution": sample.program}) + "\n")
    if not run.judged:
        return [out]
    plus = run.problems.name.endswith("plus")
    results_path = out.with_name(f"{out.name.removesuffix('.gz').removesuffix('.jsonl')}.{RESULTS}")
    with replacing(results_path) as results:
        head = {"date": run.created.strftime("%Y-%m-%d %H:%M"), "hash": _md5(run.problems.path)}
        results.write(json.dumps(head)[:-1] + ', "eval": {')
        for position, solved in enumerate(run.solved()):
            rows = [_row(solved.problem.id, each, plus) for each in solved.samples if each.execution]
            results.write(f"{', ' if position else ''}{json.dumps(solved.problem.id)}: {json.dumps(rows)}")
        results.write('}, "pass_at_k": ' + json.dumps(_pass_at_k(run.estimates(), plus)) + "}\n")
    return [out, results_path]


def _pass_at_k(estimates: Mapping[str, float], plus: bool) -> dict[str, dict[str, float]]:
    """As EvalPlus has it: of the base tests, and of all of a plus set's."""
    every = {name: value for name, value in estimates.items() if name.startswith("pass@")}
    if not plus:
        return {"base": every}
    base = {name.removeprefix(BASE): value for name, value in estimates.items() if name.startswith(BASE)}
    return ({"base": base} if base else {}) | {"plus": every}


def _row(task_id: str, sample: Sample, plus: bool) -> dict[str, Any]:
    assert sample.verdict is not None
    whole = evalplus_status(sample.verdict)
    known = evalplus_statuses(sample.verdict, sample.values).get("base_status", whole if whole == "pass" else None)
    return {
        "task_id": task_id,
        "solution": sample.program,
        "base_status": known if plus else whole,
        "plus_status": whole if plus else None,
        "base_fail_tests": [],
        "plus_fail_tests": [],
    }


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
