"""Task `shouting`: say a text in capitals. The measure is the share of the answer's letters that are capitals."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from harness.datasets import RowPlace, text_with_references
from harness.errors import InputError
from harness.metrics import Metric
from harness.tasks import ScoredRun, TaskSummary, mean_summary
from harness.types import Completion, Form, Problem, Request, SamplingParams, Score
from sandbox import Execution
from shouting import metric

DEFAULTS: Mapping[str, Any] = {"n": 1, "temperature": 0.0, "max_tokens": 64}
VERSION = "shouting.v1"  # raised by every change that can move a number


class Shouting:
    """The task as the pipeline takes it."""

    name = "shouting"
    version = VERSION
    executes = False
    truncation_is_harmless = True

    def label(self) -> str:
        """Nothing is chosen."""
        return ""

    def metrics(self) -> Sequence[Metric]:
        """upper_case_share."""
        return metric.METRICS

    def read_row(self, row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
        """A text and how it should be said."""
        return text_with_references(row, dataset, where)

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request:
        """The instruction and the text."""
        asked = f"Repeat in capitals: {problem.prompt}"
        if form is Form.CHAT:
            messages = ({"role": "user", "content": asked},)
            return Request(problem_id=problem.id, sampling=sampling, messages=messages)
        sampling = dataclasses.replace(sampling, stop=("\n",))
        return Request(problem_id=problem.id, sampling=sampling, prompt=f"{asked}\nANSWER:")

    def score(self, problem: Problem, completion: Completion, execution: Execution | None) -> Score:  # noqa: ARG002
        """How loud the answer is."""
        values = {"upper_case_share": metric.upper_case_share(completion.text)}
        return Score(problem_id=problem.id, index=completion.index, values=values)

    def summarize(self, run: ScoredRun) -> TaskSummary:
        """The mean over texts."""
        return mean_summary(["upper_case_share"], "mean over texts; 95 % bootstrap over texts", run)


def open_task(options: Mapping[str, Any]) -> Shouting:
    """Raises InputError: it has no options."""
    if options:
        raise InputError(f"task shouting has no option {', '.join(options)}")
    return Shouting()
