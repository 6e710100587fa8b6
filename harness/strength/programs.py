"""The distinct accepted completions of runs, by problem: what `--run` holds against the references."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from harness.extractors import DEFAULT
from harness.runs import reader
from harness.tasks import codegen
from harness.types import Completion, Form, Problem
from sandbox import Verdict


def accepted_completions(runs: Iterable[Path], problems: Iterable[Problem]) -> dict[str, list[Completion]]:
    """Problem id -> completions that the runs' tests accepted, equal texts once. Raises InputError for no run.

    Of a reply what the run's own extractor took out of it.
    """
    known = {problem.id: problem for problem in problems}
    found: dict[str, dict[str, Completion]] = {}
    for run in runs:
        extractor = str(reader.read_manifest(run).identity.get("extractor", DEFAULT))
        verdicts = {(each["problem_id"], each["index"]): each["verdict"] for each in reader.read_executions(run)}
        for completion in reader.read_completions(run):
            problem = known.get(completion.problem_id)
            if problem and verdicts.get((problem.id, completion.index)) == Verdict.ACCEPTED:
                taken = _program(problem, completion, extractor)
                found.setdefault(problem.id, {}).setdefault(taken.text, taken)
    return {name: list(texts.values()) for name, texts in found.items()}


def _program(problem: Problem, completion: Completion, extractor: str) -> Completion:
    if completion.form is not Form.CHAT:
        return completion
    taken = codegen.extraction(problem, completion, extractor)
    source = codegen.program(problem, completion, taken).source
    return dataclasses.replace(completion, text=source, form=Form.SOLUTION)
