"""BigCode evaluation harness (bigcode-project/bigcode-evaluation-harness at 8fc5bae).

`generations.json`: [[program, ...n], ...] in the problem set's order, without ids; a program is prompt + completion
after its post-processing. `references.json`: [test, ...]. `evaluation_results.json`: {task: {"pass@1": 0.5},
"config": {its arguments}}. Its results say nothing of single programs: they are imported as numbers, and the programs
without verdicts. A directory with both gives both.

Its task `mbpp` is the data set's test part: entry i is Mbpp/(11+i), 500 in all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
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
    sampling_label,
)
from harness.exchange.saved_run import ProgramRun
from harness.files.atomic import replacing
from harness.types import ProblemSet
from sandbox.types import CallTests

RESULTS, REFERENCES = "evaluation_results.json", "references.json"
MBPP_FIRST, MBPP_COUNT = "Mbpp/11", 500
ROUND_TRIP = "numbers"


def recognizes(source: InputFile) -> bool:
    """Whether it is a list of lists of texts, results with a config, or a directory that has such files."""
    if source.path.is_dir():
        return bool(source.files("generations*.json") or (source.path / RESULTS).is_file())
    return (_is_generations(source.document) and _has_no_numbers(source.document)) or _is_results(source.document)


def _has_no_numbers(document: list[Any]) -> bool:
    return not any(isinstance(text, int | float) for each in document[:100] for text in each or ())


def _is_generations(document: Any) -> bool:
    return isinstance(document, list) and bool(document) and all(isinstance(each, list | None) for each in document)


def _is_results(document: Any) -> bool:
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        return False
    metrics = [each for task, each in document.items() if task != "config"]
    return bool(metrics) and all(isinstance(each, dict) and any("@" in name for name in each) for each in metrics)


def read(source: InputFile) -> list[ImportedSet]:
    """The programs, the numbers, or both."""
    if not source.path.is_dir():
        if _is_results(source.document):
            return _numbers(source.document)
        return [_generations(source.document, source.path, "", 0)]
    results = source.part(RESULTS) if (source.path / RESULTS).is_file() else {}
    found = _numbers(results) if _is_results(results) else []
    files = source.files("generations*.json")
    if not files:
        return found
    if len(files) > 1 or len(found) > 1:
        raise SamplesError(
            f"{source.path} has several tasks; import {', '.join(path.name for path in files)} one by one"
        )
    start = int((results.get("config") or {}).get("limit_start") or 0)
    whole = _generations(source.part(files[0].name), files[0], found[0].dataset if found else "", start)
    if not found:
        return [whole]
    return [
        ImportedSet(
            dataset=found[0].dataset,
            model=found[0].model,
            answers=whole.answers,
            claimed=found[0].claimed,
            sampling=found[0].sampling,
            metadata=found[0].metadata,
        )
    ]


def _numbers(document: dict[str, Any]) -> list[ImportedSet]:
    config = document["config"]
    sampling = sampling_label(config, {"temperature": "T", "top_p": "top_p"})
    found = []
    for task, metrics in document.items():
        if task == "config":
            continue
        claimed = [
            ReportedMetric(metric=metric, value=value, n_problems=config.get("limit") or None)
            for metric, each in metrics.items()
            if (value := number(each)) is not None
        ]
        found.append(
            ImportedSet(
                dataset=task,
                model=config.get("model"),
                claimed=tuple(claimed),
                sampling=sampling,
                metadata={"config": config},
            )
        )
    return found


def _generations(document: list[list[str]], path: Path, dataset: str, start: int) -> ImportedSet:
    def answers(problems: ProblemSet | None) -> Iterator[ImportedProblem]:
        if problems is None:
            raise SamplesError(
                f"{path} has no task ids, only the order of the problem set; name the set with --problems"
            )
        known = [problem.id for problem in problems.problems]
        if problems.name == "mbpp" and len(document) <= MBPP_COUNT and MBPP_FIRST in known:
            first = known.index(MBPP_FIRST)
            known = known[first : first + MBPP_COUNT]
        known = known[start:]
        if len(document) > len(known):
            raise SamplesError(
                f"{path} has {len(document)} problems, {problems.name} only {len(known)}; see --problems"
            )
        for position, (task, programs) in enumerate(zip(known, document, strict=False)):
            where = f"{path}, [{position}]"
            if programs and not all(isinstance(each, str) for each in programs):
                raise SamplesError(f"{where}: a list of texts is expected")
            if programs:
                found = tuple(ImportedSample(text=each.encode("utf-8", "replace").decode()) for each in programs)
                yield ImportedProblem(problem_id=problem_id(problems, task, where), answers=found)

    return ImportedSet(dataset=dataset, answers=answers)


def write(run: ProgramRun, out: Path) -> list[Path]:
    """`out`, `references.json` and, where there are numbers, `evaluation_results.json` beside it.

    A problem without completions has an empty list. References are left out where tests are not Python source.
    """
    written = [out]
    tests = {problem.id: problem.tests for problem in run.problems.problems}
    with replacing(out) as file:
        waiting = list(tests)
        file.write("[")
        for solved in run.solved():
            while waiting[0] != solved.problem.id:
                file.write(("" if len(waiting) == len(tests) else ", ") + "[]")
                waiting.pop(0)
            programs = [sample.program for sample in solved.samples]
            file.write(("" if len(waiting) == len(tests) else ", ") + json.dumps(programs))
            waiting.pop(0)
        file.write(", []" * len(waiting) + "]\n")
    sources = [each.source for each in tests.values() if isinstance(each, CallTests)]
    if len(sources) == len(tests):
        written.append(_write(out.with_name(REFERENCES), sources))
    if run.summary["estimates"]:
        config = {"model": run.model, "tasks": run.dataset, **_arguments(run)}
        written.append(_write(out.with_name(RESULTS), {run.dataset: run.estimates(), "config": config}))
    return written


def _arguments(run: ProgramRun) -> dict[str, Any]:
    """What the run knows of BigCode's own arguments."""
    names = {"n": "n_samples", "temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "seed": "seed"}
    return {theirs: run.sampling[ours] for ours, theirs in names.items() if ours in run.sampling}


def _write(path: Path, value: object) -> Path:
    with replacing(path) as file:
        file.write(json.dumps(value, indent=2) + "\n")
    return path
