"""Task `continuation`: go on from the beginning of a text. Told is how much of the text's own rest comes word for word.

The prompt is sent as it stands, to a chat model too: the question is what a model has seen, not how it answers. A rest
that is easy to guess comes from a model that never saw it, so a value says something only beside that of texts which
were not trained on, or of another model. Copies of other texts are not looked for here; `harness overfit` does that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from harness.datasets._text_fields import RowPlace, text_with_references
from harness.metrics import Metric, recalled
from harness.stats import bootstrap
from harness.tasks import ScoredRun, TaskSummary
from harness.tasks._aggregate import mean_summary
from harness.tasks._options import TaskOptions
from harness.text import verbatim
from harness.text.words import tokens
from harness.types import Completion, Form, Problem, Request, SamplingParams, Score
from sandbox.types import Execution

DEFAULTS: Mapping[str, Any] = {"n": 1, "temperature": 0.8, "max_tokens": 256}
VERSION = "continuation.v1"  # raised by every change that can move a number
METHOD = f"mean over items; 95 % percentile bootstrap over items, {bootstrap.RESAMPLES:,} resamples"


class ContinuationOptions(TaskOptions):
    """None."""


class Continuation:
    """The task."""

    name = "continuation"
    version = VERSION
    executes = False
    truncation_is_harmless = False

    def label(self) -> str:
        """Nothing."""
        return ""

    def metrics(self) -> Sequence[Metric]:
        """recalled."""
        return recalled.METRICS

    def read_row(self, row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
        """A beginning, and the rest that is its reference."""
        return text_with_references(row, dataset, where)

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request:  # noqa: ARG002
        """The beginning as it stands."""
        return Request(
            problem_id=problem.id, sampling=dataclasses.replace(sampling, stop=problem.stop), prompt=problem.prompt
        )

    def score(self, problem: Problem, completion: Completion, execution: Execution | None) -> Score:  # noqa: ARG002
        """recalled: share of the tokens of the rest in its longest copy (none below verbatim.SEED tokens).

        Where a text has several rests, the most that is recalled of one.
        """
        shares = [
            verbatim.longest_copies([completion.text], [rest])[0].length / max(len(tokens(rest)), 1)
            for rest in problem.references
        ]
        return Score(problem_id=problem.id, index=completion.index, values={"recalled": max(shares)})

    def summarize(self, run: ScoredRun) -> TaskSummary:
        """The mean over items, within each item over its samples."""
        return mean_summary([metric.name for metric in self.metrics()], METHOD, run)


def open_task(options: Mapping[str, Any]) -> Continuation:
    """Raises InputError: it has no options."""
    ContinuationOptions.parse(options)
    return Continuation()
