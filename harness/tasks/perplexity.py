"""Task `perplexity`: how well a model predicts given texts. Nothing is sampled; see `harness.metrics.perplexity`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from harness import stats
from harness.errors import InputError
from harness.metrics import perplexity
from harness.tasks import TaskOptions, by_problem
from harness.types import Completion, Estimate, Form, Problem, Request, SamplingParams, Score, TextScoring
from sandbox.types import Execution

VERSION = "perplexity.v1"  # raised by every change that can move a number
METHOD = f"over all predicted tokens; 95 % percentile bootstrap over texts, {stats.RESAMPLES} resamples"
ALONE = "over all predicted tokens; a single text has no interval"


class Options(TaskOptions):
    """window, stride: tokens, None for the model's context and half of it. bos: whether a BOS token precedes a text."""

    window: int | None = None
    stride: int | None = None
    bos: Literal["auto", "yes", "no"] = "auto"


class Perplexity:
    """The task with its options."""

    version = VERSION

    def __init__(self, options: Options) -> None:
        self.options = options
        self.scoring = TextScoring(window=options.window, stride=options.stride, bos=options.bos)

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request:  # noqa: ARG002
        """The text after nothing: each of its tokens is predicted from those before it."""
        sampling = dataclasses.replace(sampling, n=1)
        return Request(problem_id=problem.id, sampling=sampling, prompt="", continuations=(problem.prompt,))

    def program(self, problem: Problem, completion: Completion) -> None:  # noqa: ARG002
        """Nothing is executed."""
        return

    def score(self, problem: Problem, completion: Completion, execution: Execution | None = None) -> Score:  # noqa: ARG002
        """loss (nats, of all predicted tokens), tokens, bytes, words. Raises InputError where no token is predicted."""
        logprobs = completion.logprobs[0] if completion.logprobs else ()
        if not logprobs:
            raise InputError(
                f"{problem.metadata.get('where', problem.id)}: the text has one token, and so none to predict; "
                "leave it out, or put a BOS token before each text with --set bos=yes"
            )
        found = perplexity.measure(problem.prompt, logprobs)
        return Score(problem_id=problem.id, index=completion.index, values=dataclasses.asdict(found))

    def summarize(self, scores: Sequence[Score], signature: str, seed: int) -> list[Estimate]:
        """Perplexity per token, and the measures that do not depend on the tokenizer."""
        losses = [_loss(score) for score in scores]
        found = perplexity.corpus(losses, np.random.default_rng(seed)) if losses else {}
        return [
            Estimate(
                metric=metric,
                value=interval.value,
                low=interval.low,
                high=interval.high,
                n_problems=len(losses),
                n_completions=len(losses),
                method=METHOD if len(losses) > 1 else ALONE,
                signature=f"{metric}|{signature}",
            )
            for metric, interval in found.items()
        ]

    def values(self, scores: Sequence[Score]) -> dict[str, dict[str, float]]:
        """Problem id -> n, loss (nats per predicted token), tokens (predicted), bytes, words."""
        return {
            problem_id: {"n": 1, **group[0].values, "loss": group[0].values["loss"] / group[0].values["tokens"]}
            for problem_id, group in by_problem(scores).items()
        }

    def details(self, scores: Sequence[Score]) -> Mapping[str, Any]:
        """Totals over all texts. loss: nats per predicted token."""
        losses = [_loss(score) for score in scores]
        tokens = sum(each.tokens for each in losses)
        return {
            "texts": len(losses),
            "tokens": tokens,
            "bytes": sum(each.bytes for each in losses),
            "words": sum(each.words for each in losses),
            "loss": sum(each.loss for each in losses) / max(tokens, 1),
        }

    def label(self) -> str:
        """The options as they stand in a signature."""
        return f"window:{self.options.window or 'auto'}|stride:{self.options.stride or 'half'}|bos:{self.options.bos}"

    def close(self) -> None:
        """Nothing is held."""


def _loss(score: Score) -> perplexity.TextLoss:
    values = score.values
    return perplexity.TextLoss(
        loss=values["loss"], tokens=int(values["tokens"]), bytes=int(values["bytes"]), words=int(values["words"])
    )


def open_task(options: Mapping[str, Any]) -> Perplexity:
    """Raises InputError for an option that the task has not, or a value that is none."""
    return Perplexity(Options.parse(options))
