"""The distinct accepted completions of runs, by problem: what `--run` holds against the references."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.runs import reader
from harness.types import Completion
from sandbox import Verdict


def accepted_completions(runs: Iterable[Path]) -> dict[str, list[Completion]]:
    """Problem id -> completions that the runs' tests accepted, equal texts once. Raises InputError for no run."""
    found: dict[str, dict[str, Completion]] = {}
    for run in runs:
        verdicts = {(each["problem_id"], each["index"]): each["verdict"] for each in reader.read_executions(run)}
        for completion in reader.read_completions(run):
            if verdicts.get((completion.problem_id, completion.index)) == Verdict.ACCEPTED:
                found.setdefault(completion.problem_id, {}).setdefault(completion.text, completion)
    return {name: list(texts.values()) for name, texts in found.items()}
