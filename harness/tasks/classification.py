"""Task `classification`: choose one label for a text. The measures are accuracy and F1; an answer not read is wrong.

The label is read from the answer (`by=answer`, rules in `harness.metrics.labels`), or it is the one that is most
probable after the prompt (`by=logprob`, for base models: the prompt is that of a completion whatever the form).
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from harness import stats
from harness.metrics import agreement
from harness.metrics.labels import LabelReader
from harness.tasks import TaskOptions, by_problem
from harness.types import Completion, Estimate, Form, Problem, Request, SamplingParams, Score, TextScoring
from sandbox.types import Execution

VERSION = "classification.v1"  # raised by every change that can move a number
INSTRUCTION = "Classify the following text."
ONE_OF = "{instruction} Answer with one of these labels, and nothing else: {labels}.\n\nText: {text}"
METHOD = f"scikit-learn; 95 % percentile bootstrap over items, {stats.RESAMPLES} resamples"
TIE, TOO_LONG, LOGPROB = "tie", "prompt too long", "log-probability"


class Options(TaskOptions):
    """by: read the answer, or compare the labels' log-probabilities. normalize: divide these by the label's tokens.

    labels: those to choose from, in place of all that the data has.
    """

    by: Literal["answer", "logprob"] = "answer"
    normalize: Literal["none", "tokens"] = "none"
    labels: tuple[str, ...] = ()

    @field_validator("labels", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class Classification:
    """The task with its options."""

    version = VERSION

    def __init__(self, options: Options) -> None:
        self.options = options
        self.scoring = TextScoring() if options.by == "logprob" else None

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request:
        """The instruction, the labels and the text; with `Label:` after it where the model goes on from there."""
        whole = problem.metadata.get("whole", False)
        labels = problem.metadata["labels"]
        asked = (
            f"{problem.metadata.get('instruction') or INSTRUCTION} Answer with one of these labels, and nothing else: "
        )
        asked = f"{asked}{', '.join(labels)}.\n\nText: {problem.prompt.strip()}"
        if form is Form.CHAT and self.scoring is None:
            message = {"role": "user", "content": problem.prompt if whole else asked}
            return Request(problem_id=problem.id, sampling=dataclasses.replace(sampling, stop=()), messages=(message,))
        prompt = problem.prompt if whole else f"{asked}\nLabel:"
        if self.scoring is None:
            sampling = dataclasses.replace(sampling, stop=problem.stop or ("\n",))
            return Request(problem_id=problem.id, sampling=sampling, prompt=prompt)
        space = "" if prompt[-1:].isspace() else " "
        return Request(
            problem_id=problem.id,
            sampling=dataclasses.replace(sampling, n=1),
            prompt=prompt,
            continuations=tuple(space + label for label in labels),
        )

    def program(self, problem: Problem, completion: Completion) -> None:  # noqa: ARG002
        """Nothing is executed."""
        return

    def score(self, problem: Problem, completion: Completion, execution: Execution | None = None) -> Score:  # noqa: ARG002
        """accuracy and unread, 0 or 1 each; the notes say the true label, the predicted one and how it was read."""
        predicted, rule = self._choose(problem, completion)
        truth = problem.references[0]
        return Score(
            problem_id=problem.id,
            index=completion.index,
            values={"accuracy": float(predicted == truth), "unread": float(predicted == agreement.UNREAD)},
            notes={"label": truth, "predicted": predicted, "rule": rule},
        )

    def summarize(self, scores: Sequence[Score], signature: str, seed: int) -> list[Estimate]:
        """accuracy, F1s, MCC, kappa and, beside them, the share of answers that could not be read."""
        if not scores:
            return []
        items, labels = _answers(scores)
        values = agreement.measures(items, labels)
        ends = agreement.intervals(items, labels, np.random.default_rng(seed))
        unread = [sum(each.values["unread"] for each in group) / len(group) for group in by_problem(scores).values()]
        share = stats.mean_interval(unread, np.random.default_rng(seed))
        rows = {name: (value, *ends[name]) for name, value in values.items()}
        rows["unread"] = (share.value, share.low, share.high)
        return [
            Estimate(
                metric=metric,
                value=value,
                low=low,
                high=high,
                n_problems=len(items),
                n_completions=len(scores),
                method=METHOD,
                signature=f"{metric}|{signature}",
            )
            for metric, (value, low, high) in rows.items()
        ]

    def values(self, scores: Sequence[Score]) -> dict[str, dict[str, float]]:
        """Problem id -> n, accuracy and unread, means over its samples."""
        return {
            problem_id: {
                "n": len(group),
                **{name: sum(each.values[name] for each in group) / len(group) for name in ("accuracy", "unread")},
            }
            for problem_id, group in by_problem(scores).items()
        }

    def details(self, scores: Sequence[Score]) -> dict[str, Any]:
        """The report per class, the confusion matrix, how answers were read, the majority baseline, the imbalance."""
        if not scores:
            return {}
        items, labels = _answers(scores)
        label, share = agreement.majority(items)
        support = collections.Counter(item.truth for item in items)
        return {
            "labels": labels,
            "classes": agreement.report(items, labels),
            "confusion": agreement.confusion(items, labels),
            "rules": dict(collections.Counter(each.notes["rule"] for each in scores).most_common()),
            "majority": {"label": label, "accuracy": share},
            "imbalance": max(support.values()) / min(support.values()),
        }

    def label(self) -> str:
        """The options as they stand in a signature."""
        if self.options.by == "answer":
            return "by:answer"
        return f"by:logprob|normalize:{self.options.normalize}"

    def close(self) -> None:
        """Nothing is held."""

    def _choose(self, problem: Problem, completion: Completion) -> tuple[str, str]:
        """The predicted label, UNREAD for none, and by which rule."""
        labels = problem.metadata["labels"]
        if self.scoring is None:
            reading = _reader(labels).read(completion.text)
            return reading.label or agreement.UNREAD, reading.rule.value
        if completion.logprobs is None:
            return agreement.UNREAD, TOO_LONG
        worth = [sum(each) / (len(each) if self.options.normalize == "tokens" else 1) for each in completion.logprobs]
        best = [label for label, each in zip(labels, worth, strict=True) if each == max(worth)]
        return (best[0], LOGPROB) if len(best) == 1 else (agreement.UNREAD, TIE)


@functools.lru_cache(maxsize=64)
def _reader(labels: tuple[str, ...]) -> LabelReader:
    return LabelReader(labels)


def _answers(scores: Sequence[Score]) -> tuple[list[agreement.Answers], list[str]]:
    """The items, and every label that is true or predicted somewhere."""
    items = [
        agreement.Answers(truth=group[0].notes["label"], predicted=tuple(each.notes["predicted"] for each in group))
        for group in by_problem(scores).values()
    ]
    labels = {item.truth for item in items} | {each for item in items for each in item.predicted}
    return items, sorted(labels - {agreement.UNREAD})


def open_task(options: Mapping[str, Any]) -> Classification:
    """Raises InputError for an option that the task has not, or a value that is none."""
    return Classification(Options.parse(options))
