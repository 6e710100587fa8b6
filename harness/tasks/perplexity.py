"""Task `perplexity`: how well a model predicts given texts. Nothing is sampled; see `harness.metrics.perplexity`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from harness.engines import Engine
from harness.engines._logprobs import WINDOW, LogprobOptions, LogprobScorers
from harness.errors import InputError
from harness.metrics import perplexity
from harness.stats import bootstrap
from harness.tasks import Candidate, ScoredRun, TaskSummary
from harness.tasks._aggregate import by_problem, estimates
from harness.tasks._options import TaskOptions
from harness.types import Completion, Form, Problem, SamplingParams, Score
from sandbox.types import Execution

DEFAULTS: Mapping[str, Any] = {"problems": "passages", "n": 1, "temperature": 0.0}
VERSION = "perplexity.v1"  # raised by every change that can move a number
METHOD = f"over all predicted tokens; 95 % percentile bootstrap over texts, {bootstrap.RESAMPLES} resamples"
ALONE = "over all predicted tokens; a single text has no interval"


class PerplexityOptions(TaskOptions):
    """window, stride: tokens, None for the model's context and half of it. bos: whether a BOS token precedes a text."""

    window: int | None = None
    stride: int | None = None
    bos: Literal["auto", "yes", "no"] = "auto"


class Perplexity:
    """The task with its options."""

    name = "perplexity"
    version = VERSION
    executes = False
    truncation_is_harmless = False

    def __init__(self, options: PerplexityOptions) -> None:
        self.options = options
        self._scorings = LogprobScorers(LogprobOptions(window=options.window, stride=options.stride, bos=options.bos))

    def label(self) -> str:
        """The options."""
        window, stride = self.options.window or f"auto{WINDOW}", self.options.stride or "half"
        return f"window:{window}|stride:{stride}|bos:{self.options.bos}"

    def answer(
        self, engine: Engine, problem: Problem, sampling: SamplingParams, form: Form, first: int
    ) -> list[Completion]:
        """No text but the log-probabilities of the problem's. Raises InputError where no token is predicted."""
        if sampling.n != 1:
            raise InputError("perplexity samples nothing: leave --n out")
        start = time.monotonic()
        logprobs = self._scorings.of(engine).text(problem.prompt)
        if not logprobs:
            raise InputError(
                f"{problem.metadata.get('where', problem.id)}: the text has one token, and so none to predict; "
                "leave it out, or put a BOS token before each text with --set bos=yes"
            )
        return [
            Completion(
                problem_id=problem.id,
                index=first,
                text="",
                form=form,
                prompt_tokens=len(logprobs),
                latency_s=round(time.monotonic() - start, 4),
                logprobs=(logprobs,),
            )
        ]

    def candidate(self, problem: Problem, completion: Completion) -> Candidate:
        """Never asked: nothing is executed."""
        raise NotImplementedError

    def score(self, problem: Problem, completion: Completion, execution: Execution | None) -> Score:  # noqa: ARG002
        """loss (nats, of all predicted tokens), tokens (predicted), bytes, words."""
        assert completion.logprobs is not None
        found = perplexity.measure(problem.prompt, completion.logprobs[0])
        return Score(problem_id=problem.id, index=completion.index, values=dataclasses.asdict(found))

    def summarize(self, ended: ScoredRun) -> TaskSummary:
        """Perplexity per token, beside it the measures that do not depend on the tokenizer, and the totals."""
        groups = by_problem(ended.scores())
        losses = {problem_id: perplexity.TextLoss.of(group[0].values) for problem_id, group in groups.items()}
        if not losses:
            return TaskSummary(estimates=[], problems={}, omitted=tuple(perplexity.UNITS))
        intervals = perplexity.corpus(list(losses.values()), np.random.default_rng(ended.seed))
        problems = {
            problem_id: {"n": 1, **dataclasses.asdict(each), "loss": each.loss / each.tokens}
            for problem_id, each in losses.items()
        }
        totals = {name: sum(getattr(each, name) for each in losses.values()) for name in ("tokens", "bytes", "words")}
        return TaskSummary(
            estimates=estimates(intervals, groups, METHOD if len(losses) > 1 else ALONE, ended),
            problems=problems,
            omitted=[metric for metric in perplexity.UNITS if metric not in intervals],
            sections={"texts": {"texts": len(losses), **totals}},
        )


def open_task(options: Mapping[str, Any]) -> Perplexity:
    """Raises InputError for an option that the task has not, or a value that is none."""
    return Perplexity(PerplexityOptions.parse(options))
