"""Task `summarization`: say a text in short. The measures are ROUGE-1, -2, -L, -Lsum against reference summaries.

Beside them stand the length ratio, the share copied from the source, and the share of empty summaries: ROUGE alone
rewards length and copying.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from harness.datasets._text_fields import RowPlace, text_with_references
from harness.metrics import Metric, rouge
from harness.stats import bootstrap
from harness.tasks import ScoredRun, TaskSummary
from harness.tasks._aggregate import mean_summary
from harness.tasks._options import TaskOptions
from harness.text.reasoning import without_reasoning
from harness.types import Completion, Form, Problem, Request, SamplingParams, Score
from sandbox.types import Execution

DEFAULTS: Mapping[str, Any] = {"problems": "briefs", "n": 1, "temperature": 0.0, "max_tokens": 128}
VERSION = "summarization.v2"  # raised by every change that can move a number
INSTRUCTION = "Summarize the following text in one or two sentences."
METHOD = f"mean over items; 95 % percentile bootstrap over items, {bootstrap.RESAMPLES:,} resamples"


class SummarizationOptions(TaskOptions):
    """stemmer: compare words by their stems (Porter). copied_n: the n of the n-grams that count as copied.

    tokenizer: `unicode` for words of every script, `rouge` for rouge-score's own, which knows ASCII only.
    """

    stemmer: bool = True
    tokenizer: Literal["unicode", "rouge"] = "unicode"
    copied_n: Annotated[int, Field(ge=1, le=20)] = 4


class Summarization:
    """The task with its options, and the processes that compute ROUGE where there is much of it."""

    name = "summarization"
    version = VERSION
    executes = False
    truncation_is_harmless = False

    def __init__(self, options: SummarizationOptions) -> None:
        self.options = options
        workers = os.cpu_count() or 1
        self._pool = rouge.RougePool(
            stemmer=options.stemmer, copied_n=options.copied_n, tokenizer=options.tokenizer, workers=workers
        )

    def label(self) -> str:
        """The options; of several references the best counts."""
        stemmer = "yes" if self.options.stemmer else "no"
        return f"stemmer:{stemmer}|tokenizer:{self.options.tokenizer}|copied_n:{self.options.copied_n}|refs:best"

    def metrics(self) -> Sequence[Metric]:
        """ROUGE and what stands beside it."""
        return rouge.METRICS

    def read_row(self, row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
        """A text and the summaries that it should have: one, or a list."""
        return text_with_references(row, dataset, where)

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

    def score(self, problem: Problem, completion: Completion, execution: Execution | None) -> Score:  # noqa: ARG002
        """ROUGE and what stands beside it; the summary of a model that never run its thinking is empty."""
        summary = without_reasoning(completion.text) or ""
        values = self._pool.score(
            rouge.SummaryPair(summary=summary, references=problem.references, source=problem.prompt)
        )
        return Score(problem_id=problem.id, index=completion.index, values=values)

    def summarize(self, run: ScoredRun) -> TaskSummary:
        """The mean of each measure over items, within each item over its samples."""
        self._pool.close()
        return mean_summary([metric.name for metric in self.metrics()], METHOD, run)


def open_task(options: Mapping[str, Any]) -> Summarization:
    """Raises InputError for an option that the task has not, or a value that is none."""
    return Summarization(SummarizationOptions.parse(options))
