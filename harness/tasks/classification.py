"""Task `classification`: choose one label for a text. The measures are accuracy and F1; an answer not read is wrong.

The label is read from the answer (`by=answer`, rules in `harness.tasks._labels`), or it is the one that is most
probable after the prompt (`by=logprob`, for base models: the prompt is that of a completion whatever the form).
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from harness.datasets._text_fields import LABEL, RowPlace, is_filled, only_field, text_problem
from harness.engines._logprobs import LogprobRequest
from harness.errors import InputError, ProblemError, did_you_mean
from harness.html.confusion_matrix import picture
from harness.metrics import Metric, classification, majority_at_k
from harness.stats import bootstrap
from harness.tasks import ScoredRun, TaskSummary
from harness.tasks._aggregate import by_problem, estimates, means
from harness.tasks._labels import LabelReader
from harness.tasks._options import TaskOptions
from harness.types import Completion, Form, Problem, Request, SamplingParams, Score
from sandbox.types import Execution

DEFAULTS: Mapping[str, Any] = {"problems": "remarks", "n": 1, "temperature": 0.0, "max_tokens": 64}
VERSION = "classification.v2"  # raised by every change that can move a number
INSTRUCTION = "Classify the following text."
ONE_OF = "{instruction} Answer with one of these labels, and nothing else: {labels}.\n\nText: {text}"
METHOD = f"scikit-learn; 95 % percentile bootstrap over items, {bootstrap.RESAMPLES:,} resamples"
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

    def label(self) -> str:
        """How the label is chosen."""
        if self.options.by == "answer":
            return "by:answer"
        return f"by:logprob|normalize:{self.options.normalize}"

    def metrics(self) -> Sequence[Metric]:
        """Accuracy, F1s, MCC, kappa and, beside them, the share of answers that could not be read."""
        return classification.METRICS

    def read_row(self, row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
        """A text, its label and, where the row has `labels`, those to choose from."""
        found = "label_text" if is_filled(row, "label_text") else only_field(row, LABEL)
        if found is None:
            raise ValueError(f"no label; it is expected under one of {', '.join(LABEL)}")
        label = row[found]
        if isinstance(label, bool) or not isinstance(label, str | int) or not str(label).strip():
            raise ValueError(f"{found}: a label is expected, not {label!r}")
        return text_problem(row, dataset, where, references=(str(label).strip(),), labels=_labels_of(row))

    def complete_set(self, problems: Sequence[Problem], path: Path) -> list[Problem]:
        """Each problem with the labels to choose from; see `_with_labels`."""
        return _with_labels(problems, self.options.labels, path)

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request | LogprobRequest:
        """The question; or the log-probabilities of the labels after it, as that of a completion."""
        if self.options.by == "answer":
            return self._question(problem, sampling, form)
        if sampling.n != 1:
            raise InputError("by=logprob samples nothing: leave --n out")
        prompt = self._question(problem, sampling, Form.COMPLETION).prompt or ""
        space = "" if prompt[-1:].isspace() else " "
        labels = tuple(space + label for label in problem.metadata["labels"])
        return LogprobRequest(problem_id=problem.id, text=prompt, continuations=labels)

    def _question(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request:
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

    def summarize(self, run: ScoredRun) -> TaskSummary:
        """accuracy, F1s, MCC, kappa and, beside them, the share of answers that could not be read; maj@k for each k.

        sections: `classification`, see `_section`. files: the confusion matrix as a picture.
        """
        groups = by_problem(run.scores())
        if not groups:
            return TaskSummary(estimates=[], problems={}, omitted=["accuracy"])
        items, labels = _answers(groups)
        values = classification.measures(items, labels)
        ends = classification.intervals(items, labels, np.random.default_rng(run.seed))
        intervals = {
            name: bootstrap.Interval(value=values[name], low=low, high=high)
            for name, (low, high) in ends.items()
            if name in values
        }
        problems = {problem_id: means(group, ("accuracy", "unread")) for problem_id, group in groups.items()}
        unread = [item["unread"] for item in problems.values()]
        intervals["unread"] = bootstrap.mean_interval(unread, np.random.default_rng(run.seed))
        votes = self._votes(groups, run)
        for problem_id, values in problems.items():
            values.update({name: voted[problem_id] for name, voted in votes.items()})
        for name, voted in votes.items():
            rng = np.random.default_rng(run.seed)
            intervals[name] = bootstrap.mean_interval([voted[problem_id] for problem_id in problems], rng)
        section = _section(groups, items, labels)
        return TaskSummary(
            estimates=estimates(intervals, groups, METHOD, run),
            problems=problems,
            omitted=[f"maj@{k}" for k in run.ks or () if f"maj@{k}" not in votes],
            sections={"classification": section},
            files={PICTURE: picture(section["confusion"], labels).encode()},
        )

    def majority(self, scores: Sequence[Score], k: int) -> float:
        """See `SupportsVoting`; answers that name no label are no votes."""
        answers = collections.Counter(each.notes["predicted"] for each in scores)
        return majority_at_k.majority_at_k(answers, scores[0].notes["label"], k, classification.UNREAD)

    def _votes(self, groups: Mapping[str, Sequence[Score]], run: ScoredRun) -> dict[str, dict[str, float]]:
        """maj@k -> item -> value, for the ks that every item's samples allow."""
        smallest = min(map(len, groups.values()))
        return {
            f"maj@{k}": {problem_id: self.majority(group, k) for problem_id, group in groups.items()}
            for k in run.ks or ()
            if k <= smallest
        }

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


def _labels_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    value = row.get("labels", [])
    if not isinstance(value, list) or not all(isinstance(each, str | int) and str(each).strip() for each in value):
        raise ValueError("labels: a list of labels is expected")
    return tuple(str(each).strip() for each in value)


def _with_labels(problems: Sequence[Problem], labels: Sequence[str], path: object) -> list[Problem]:
    """Each problem with the labels to choose from: its row's own, else `labels`, else all that the file has.

    Raises ProblemError, with the line, for a label that is not among those given, and for labels that an answer could
    not tell apart.
    """
    seen = tuple(dict.fromkeys(problem.references[0] for problem in problems))
    complete = []
    for problem in problems:
        allowed = problem.metadata["labels"] or tuple(labels) or seen
        label = problem.references[0]
        if label not in allowed:
            known = ", ".join(allowed)
            raise ProblemError(
                f"{problem.metadata['where']}: unknown label {label!r}{did_you_mean(label, allowed)}; known: {known}"
            )
        complete.append(dataclasses.replace(problem, metadata={**problem.metadata, "labels": allowed}))
    every = tuple(dict.fromkeys(label for problem in complete for label in problem.metadata["labels"]))
    if len(every) < 2:
        raise ProblemError(f"{path} has only the label {every[0]!r}; give those to choose from with --set labels=A,B")
    return complete


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
