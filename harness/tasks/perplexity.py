"""Task `perplexity`: how well a model predicts given texts. Nothing is sampled; see `harness.metrics.perplexity`.

Without option `loss` a row is one text. `loss=completion` reads rows as they are trained on and counts what training
optimises (`harness.files.training_text`); `loss=whole` counts all of the same texts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from harness.datasets._text_fields import ID, INSTRUCTION, RowPlace, is_filled, text_problem
from harness.engines._logprobs import WINDOW, LogprobOptions, LogprobRequest
from harness.errors import InputError
from harness.files.rows import Row
from harness.files.training_text import parts_of, scored_text
from harness.metrics import Metric, perplexity
from harness.stats import bootstrap
from harness.tasks import ScoredRun, TaskSummary
from harness.tasks._aggregate import by_problem, estimates
from harness.tasks._options import TaskOptions
from harness.types import Completion, Form, Problem, SamplingParams, Score
from sandbox.types import Execution

DEFAULTS: Mapping[str, Any] = {"problems": "passages", "n": 1, "temperature": 0.0}
VERSION = "perplexity.v1"  # raised by every change that can move a number
METHOD = f"over all predicted tokens; 95 % percentile bootstrap over texts, {bootstrap.RESAMPLES:,} resamples"
ALONE = "over all predicted tokens; a single text has no interval"


class PerplexityOptions(TaskOptions):
    """window, stride: tokens, None for the model's context and half of it. bos: whether a BOS token precedes a text.

    loss: what is counted of a training row; None where a row is one text.
    """

    window: int | None = None
    stride: int | None = None
    bos: Literal["auto", "yes", "no"] = "auto"
    loss: Literal["completion", "whole"] | None = None


class Perplexity:
    """The task with its options."""

    name = "perplexity"
    version = VERSION
    executes = False
    truncation_is_harmless = False

    def __init__(self, options: PerplexityOptions) -> None:
        self.options = options
        self._logprobs = LogprobOptions(window=options.window, stride=options.stride, bos=options.bos)

    def label(self) -> str:
        """The options."""
        window, stride = self.options.window or f"auto{WINDOW}", self.options.stride or "half"
        loss = "" if self.options.loss is None else f"|loss:{self.options.loss}"
        return f"window:{window}|stride:{stride}|bos:{self.options.bos}{loss}"

    def metrics(self) -> Sequence[Metric]:
        """Perplexity per token, and the measures that do not depend on the tokenizer."""
        return perplexity.METRICS

    def read_row(self, row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
        """A text; an instruction beside it is left alone. With option `loss` a training row of any shape."""
        if self.options.loss is not None:
            return self._training_row(row, dataset, where)
        return text_problem({key: row[key] for key in row if key not in INSTRUCTION}, dataset, where)

    def _training_row(self, row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
        parts = parts_of(Row(index=where.number - 1, where=str(where), fields=dict(row), raw=b""))
        if self.options.loss == "whole":
            parts = tuple(dataclasses.replace(part, scored=True) for part in parts)
        place = next((row[name] for name in ID if is_filled(row, name)), f"{dataset}/{where.number}")
        return Problem(
            id=str(place), dataset=dataset, prompt=scored_text(parts), metadata={"where": str(where), "parts": parts}
        )

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> LogprobRequest:
        """The log-probabilities of the problem's text."""
        if sampling.n != 1:
            raise InputError("perplexity samples nothing: leave --n out")
        where = str(problem.metadata.get("where", problem.id))
        return LogprobRequest(
            problem_id=problem.id, text=problem.prompt, parts=problem.metadata.get("parts", ()), form=form,
            options=self._logprobs, where=where,
        )  # fmt: skip

    def score(self, problem: Problem, completion: Completion, execution: Execution | None) -> Score:  # noqa: ARG002
        """loss (nats, of all predicted tokens), tokens (predicted), bytes, words."""
        assert completion.logprobs is not None
        found = perplexity.measure(problem.prompt, completion.logprobs[0])
        return Score(problem_id=problem.id, index=completion.index, values=dataclasses.asdict(found))

    def summarize(self, run: ScoredRun) -> TaskSummary:
        """Perplexity per token, beside it the measures that do not depend on the tokenizer, and the totals."""
        groups = by_problem(run.scores())
        losses = {problem_id: perplexity.TextLoss.of(group[0].values) for problem_id, group in groups.items()}
        if not losses:
            return TaskSummary(estimates=[], problems={}, omitted=tuple(perplexity.UNITS))
        intervals = perplexity.corpus(list(losses.values()), np.random.default_rng(run.seed))
        problems = {
            problem_id: {"n": 1, **dataclasses.asdict(each), "loss": each.loss / each.tokens}
            for problem_id, each in losses.items()
        }
        totals = {name: sum(getattr(each, name) for each in losses.values()) for name in ("tokens", "bytes", "words")}
        return TaskSummary(
            estimates=estimates(intervals, groups, METHOD if len(losses) > 1 else ALONE, run),
            problems=problems,
            omitted=[metric for metric in perplexity.UNITS if metric not in intervals],
            sections={"texts": {"texts": len(losses), **totals}},
        )


def open_task(options: Mapping[str, Any]) -> Perplexity:
    """Raises InputError for an option that the task has not, or a value that is none."""
    return Perplexity(PerplexityOptions.parse(options))
