"""Task `classification`: choose one label for a text. The measures are accuracy and F1; an answer not read is wrong.

The label is read from the answer (`by=answer`, rules in `harness.tasks._labels`), or it is the one that is most
probable after the prompt (`by=logprob`, for base models: the prompt is that of a completion whatever the form).
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from harness.engines import Engine
from harness.engines._logprobs import LogprobOptions, LogprobScorers
from harness.errors import InputError
from harness.html.confusion_matrix import picture
from harness.metrics import classification
from harness.stats import bootstrap
from harness.tasks import Candidate, ScoredRun, TaskSummary
from harness.tasks._aggregate import by_problem, estimates, means
from harness.tasks._labels import LabelReader
from harness.tasks._options import TaskOptions
from harness.types import Completion, Form, Problem, Request, SamplingParams, Score
from sandbox.types import Execution

DEFAULTS: Mapping[str, Any] = {"problems": "remarks", "n": 1, "temperature": 0.0, "max_tokens": 64}
VERSION = "classification.v1"  # raised by every change that can move a number
INSTRUCTION = "Classify the following text."
ONE_OF = "{instruction} Answer with one of these labels, and nothing else: {labels}.\n\nText: {text}"
METHOD = f"scikit-learn; 95 % percentile bootstrap over items, {bootstrap.RESAMPLES} resamples"
TIE, LOGPROB = "tie", "log-probability"
PICTURE = "confusion.svg"


class ClassificationOptions(TaskOptions):
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

    name = "classification"
    version = VERSION
    executes = False
    truncation_is_harmless = True  # what counts stands at the beginning of an answer

    def __init__(self, options: ClassificationOptions) -> None:
        self.options = options
        self._scorings = LogprobScorers(LogprobOptions())

    def label(self) -> str:
        """How the label is chosen."""
        if self.options.by == "answer":
            return "by:answer"
        return f"by:logprob|normalize:{self.options.normalize}"

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request:
        """The instruction, the labels and the text; with `Label:` after it where the model goes on from there."""
        whole = problem.metadata.get("whole", False)
        asked = ONE_OF.format(
            instruction=problem.metadata.get("instruction") or INSTRUCTION,
            labels=", ".join(problem.metadata["labels"]),
            text=problem.prompt.strip(),
        )
        if form is Form.CHAT:
            message = {"role": "user", "content": problem.prompt if whole else asked}
            return Request(problem_id=problem.id, sampling=dataclasses.replace(sampling, stop=()), messages=(message,))
        prompt = problem.prompt if whole else f"{asked}\nLabel:"
        sampling = dataclasses.replace(sampling, stop=problem.stop or ("\n",))
        return Request(problem_id=problem.id, sampling=sampling, prompt=prompt)

    def answer(
        self, engine: Engine, problem: Problem, sampling: SamplingParams, form: Form, first: int
    ) -> list[Completion]:
        """One request; by log-probability one completion without text."""
        if self.options.by == "answer":
            return engine.complete(dataclasses.replace(self.request(problem, sampling, form), first=first))
        if sampling.n != 1:
            raise InputError("by=logprob samples nothing: leave --n out")
        start = time.monotonic()
        prompt = self.request(problem, sampling, Form.COMPLETION).prompt or ""
        space = "" if prompt[-1:].isspace() else " "
        logprobs = self._scorings.of(engine).continuations(
            prompt, [space + label for label in problem.metadata["labels"]]
        )
        return [
            Completion(
                problem_id=problem.id,
                index=first,
                text="",
                latency_s=round(time.monotonic() - start, 4),
                logprobs=logprobs,
            )
        ]

    def candidate(self, problem: Problem, completion: Completion) -> Candidate:
        """Never asked: nothing is executed."""
        raise NotImplementedError

    def score(self, problem: Problem, completion: Completion, execution: Execution | None) -> Score:  # noqa: ARG002
        """accuracy and unread, 0 or 1 each; the notes say the true label, the predicted one and how it was read."""
        predicted, rule = self._choose(problem, completion)
        truth = problem.references[0]
        return Score(
            problem_id=problem.id,
            index=completion.index,
            values={"accuracy": float(predicted == truth), "unread": float(predicted == classification.UNREAD)},
            notes={"label": truth, "predicted": predicted, "rule": rule},
        )

    def summarize(self, ended: ScoredRun) -> TaskSummary:
        """accuracy, F1s, MCC, kappa and, beside them, the share of answers that could not be read.

        sections: `classification`, see `_section`. files: the confusion matrix as a picture.
        """
        groups = by_problem(ended.scores())
        if not groups:
            return TaskSummary(estimates=[], problems={}, omitted=["accuracy"])
        items, labels = _answers(groups)
        values = classification.measures(items, labels)
        ends = classification.intervals(items, labels, np.random.default_rng(ended.seed))
        intervals = {
            name: bootstrap.Interval(value=values[name], low=low, high=high)
            for name, (low, high) in ends.items()
            if name in values
        }
        problems = {problem_id: means(group, ("accuracy", "unread")) for problem_id, group in groups.items()}
        unread = [item["unread"] for item in problems.values()]
        intervals["unread"] = bootstrap.mean_interval(unread, np.random.default_rng(ended.seed))
        section = _section(groups, items, labels)
        return TaskSummary(
            estimates=estimates(intervals, groups, METHOD, ended),
            problems=problems,
            sections={"classification": section},
            files={PICTURE: picture(section["confusion"], labels).encode()},
        )

    def _choose(self, problem: Problem, completion: Completion) -> tuple[str, str]:
        """The predicted label, UNREAD for none, and by which rule."""
        labels = problem.metadata["labels"]
        if self.options.by == "answer":
            reading = _reader(labels).read(completion.text)
            return reading.label or classification.UNREAD, reading.rule.value
        assert completion.logprobs is not None
        worth = [sum(each) / (len(each) if self.options.normalize == "tokens" else 1) for each in completion.logprobs]
        best = [label for label, each in zip(labels, worth, strict=True) if each == max(worth)]
        return (best[0], LOGPROB) if len(best) == 1 else (classification.UNREAD, TIE)


@functools.lru_cache(maxsize=64)
def _reader(labels: tuple[str, ...]) -> LabelReader:
    return LabelReader(labels)


def _answers(groups: Mapping[str, Sequence[Score]]) -> tuple[list[classification.LabeledItem], list[str]]:
    """The items, and every label that is true or predicted somewhere."""
    items = [
        classification.LabeledItem(
            truth=group[0].notes["label"], predicted=tuple(each.notes["predicted"] for each in group)
        )
        for group in groups.values()
    ]
    labels = {item.truth for item in items} | {each for item in items for each in item.predicted}
    return items, sorted(labels - {classification.UNREAD})


def _section(
    groups: Mapping[str, Sequence[Score]], items: Sequence[classification.LabeledItem], labels: Sequence[str]
) -> dict[str, Any]:
    """Report per class, confusion matrix, how answers were read, majority baseline, largest to smallest class."""
    label, share = classification.majority(items)
    support = collections.Counter(item.truth for item in items)
    rules = collections.Counter(each.notes["rule"] for group in groups.values() for each in group)
    return {
        "labels": list(labels),
        "classes": classification.report(items, labels),
        "confusion": classification.confusion(items, labels),
        "rules": dict(rules.most_common()),
        "majority": {"label": label, "accuracy": share},
        "imbalance": max(support.values()) / min(support.values()),
    }


def open_task(options: Mapping[str, Any]) -> Classification:
    """Raises InputError for an option that the task has not, or a value that is none."""
    return Classification(ClassificationOptions.parse(options))
