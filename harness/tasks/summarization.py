"""Task `summarization`: say a text in short. The measures are ROUGE-1, -2, -L, -Lsum against reference summaries.

Beside them stand the length ratio, the share copied from the source, and the share of empty summaries: ROUGE alone
rewards length and copying.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from harness import stats
from harness.metrics import rouge
from harness.metrics.answers import spoken
from harness.tasks import TaskOptions, by_problem
from harness.types import Completion, Estimate, Form, Problem, Request, SamplingParams, Score
from sandbox.types import Execution

VERSION = "summarization.v1"  # raised by every change that can move a number
INSTRUCTION = "Summarize the following text in one or two sentences."
METRICS = (*rouge.TYPES, *(f"{name}_{part}" for part in rouge.PARTS for name in rouge.TYPES),
           "length_ratio", "copied", "empty")  # fmt: skip
METHOD = f"mean over items; 95 % percentile bootstrap over items, {stats.RESAMPLES} resamples"


class Options(TaskOptions):
    """stemmer: compare words by their stems (Porter). copied_n: the n of the n-grams that count as copied."""

    stemmer: bool = True
    copied_n: Annotated[int, Field(ge=1, le=20)] = 4


class Summarization:
    """The task with its options."""

    version = VERSION
    scoring = None

    def __init__(self, options: Options) -> None:
        self.options = options
        self._pool = rouge.RougePool(stemmer=options.stemmer, copied_n=options.copied_n, workers=os.cpu_count() or 1)

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request:
        """The instruction and the text: as one message for a chat model, else with `Summary:` after it."""
        whole = problem.metadata.get("whole", False)
        instruction = problem.metadata.get("instruction") or INSTRUCTION
        if form is Form.CHAT:
            content = problem.prompt if whole else f"{instruction}\n\n{problem.prompt}"
            message = {"role": "user", "content": content}
            return Request(problem_id=problem.id, sampling=dataclasses.replace(sampling, stop=()), messages=(message,))
        prompt = problem.prompt if whole else f"{instruction}\n\n{problem.prompt.strip()}\n\nSummary:"
        sampling = dataclasses.replace(sampling, stop=problem.stop or ("\n\n",))
        return Request(problem_id=problem.id, sampling=sampling, prompt=prompt)

    def program(self, problem: Problem, completion: Completion) -> None:  # noqa: ARG002
        """Nothing is executed."""
        return

    def score(self, problem: Problem, completion: Completion, execution: Execution | None = None) -> Score:  # noqa: ARG002
        """ROUGE and what stands beside it; a summary of a model that never ended its thinking is empty."""
        pair = rouge.Pair(summary=spoken(completion.text) or "", references=problem.references, source=problem.prompt)
        return Score(problem_id=problem.id, index=completion.index, values=self._pool.score(pair))

    def summarize(self, scores: Sequence[Score], signature: str, seed: int) -> list[Estimate]:
        """The mean of each measure over items, a mean over its samples within each."""
        items = by_problem(scores)
        data = np.array([[_mean(group, metric) for metric in METRICS] for group in items.values()])
        intervals = stats.mean_intervals(data, np.random.default_rng(seed)) if items else []
        return [
            Estimate(
                metric=metric,
                value=interval.value,
                low=interval.low,
                high=interval.high,
                n_problems=len(items),
                n_completions=len(scores),
                method=METHOD,
                signature=f"{metric}|{signature}",
            )
            for metric, interval in zip(METRICS, intervals, strict=False)
        ]

    def values(self, scores: Sequence[Score]) -> dict[str, dict[str, float]]:
        """Problem id -> n and the mean of each measure."""
        return {
            problem_id: {"n": len(group), **{metric: _mean(group, metric) for metric in METRICS}}
            for problem_id, group in by_problem(scores).items()
        }

    def details(self, scores: Sequence[Score]) -> Mapping[str, Any]:  # noqa: ARG002
        """Nothing that the estimates do not say."""
        return {}

    def label(self) -> str:
        """The options as they stand in a signature."""
        return f"stemmer:{'yes' if self.options.stemmer else 'no'}|copied_n:{self.options.copied_n}|refs:best"

    def close(self) -> None:
        """End the processes that score."""
        self._pool.close()


def _mean(group: Sequence[Score], metric: str) -> float:
    return sum(score.values[metric] for score in group) / len(group)


def open_task(options: Mapping[str, Any]) -> Summarization:
    """Raises InputError for an option that the task has not, or a value that is none."""
    return Summarization(Options.parse(options))
