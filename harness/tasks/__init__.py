"""Tasks: what a model is asked, and what an answer is worth. One module each; its name is the option's value.

A module has `DEFAULTS`, what a run of it is unless told otherwise (names of `RunConfig`), and `open_task(options) ->
Task`. A task is pure: only the pipeline touches the model, the sandbox and the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast, runtime_checkable

from harness.datasets import RowPlace
from harness.engines._logprobs import LogprobRequest
from harness.extractors import Extraction
from harness.metrics import Metric
from harness.prompts.template import Prompting
from harness.tasks._lookup import load_config, open_task
from harness.types import Completion, Estimate, Form, Problem, Request, SamplingParams, Score
from sandbox.types import Execution, Program

__all__ = [
    "Candidate",
    "CodeTask",
    "ScoredRun",
    "SupportsExtraction",
    "SupportsPartialCredit",
    "SupportsPrompting",
    "SupportsVoting",
    "Task",
    "TaskSummary",
    "code_task",
    "load_config",
    "mean_summary",
    "open_task",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """A run whose stream has ended: what a summary is made of.

    scores: reads them anew, in no particular order, one at a time. expected: problem id -> completions asked for.
    ks: of pass@k, None where the user named none. seed: of the run. metrics: of programs, for each k.
    """

    scores: Callable[[], Iterator[Score]]
    problems: Mapping[str, Problem]
    expected: Mapping[str, int]
    ks: Sequence[int] | None
    signature: str
    seed: int
    metrics: Sequence[str] = ("pass@k",)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSummary:
    """What a run came to.

    problems: id -> `n` (completions scored) and the item's numbers. omitted: metrics that an incomplete run cannot
    give. sections: further parts of summary.json by their key. files: further files of the run directory, by name.
    """

    estimates: Sequence[Estimate]
    problems: Mapping[str, Mapping[str, float]]
    omitted: Sequence[str] = ()
    sections: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A completion's program. extraction: how it was taken out of a reply; None where it did not have to be."""

    program: Program
    extraction: Extraction | None = None


class Task(Protocol):
    """One kind of question.

    version: raised by every change that can move a number. executes: answers are programs. truncation_is_harmless: an
    answer that was cut at max_tokens may well be worth what the whole one is.
    """

    name: str
    version: str
    executes: bool
    truncation_is_harmless: bool

    def label(self) -> str:
        """What decides its scores beside its version, for a signature: `by:logprob`; empty for nothing."""

    def metrics(self) -> Sequence[Metric]:
        """What a run of it is measured by, in the order of its estimates; of pass@k the usual ks."""

    def read_row(self, row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
        """The problem in a row of a problem file. Raises ValueError: what is missing or wrong."""

    def request(self, problem: Problem, sampling: SamplingParams, form: Form) -> Request | LogprobRequest:
        """What is asked of a model for `sampling.n` samples. Raises InputError for an n that the task cannot have."""

    def score(self, problem: Problem, completion: Completion, execution: Execution | None) -> Score:
        """What a completion is worth; execution: None where nothing is executed."""

    def summarize(self, run: ScoredRun) -> TaskSummary:
        """The numbers of a run. Raises InputError for a k that is above the n of some problem."""


@runtime_checkable
class CodeTask(Task, Protocol):
    """A task whose answers are programs."""

    def candidate(self, problem: Problem, completion: Completion) -> Candidate:
        """The program in a completion."""


def code_task(task: Task) -> CodeTask:
    """The task as one whose answers are programs; only called where it `executes`."""
    assert hasattr(task, "candidate"), f"task {task.name} executes nothing"
    return cast("CodeTask", task)  # isinstance with a protocol takes 20 us, and this is asked thrice for each program


@runtime_checkable
class SupportsPrompting(Protocol):
    """A task whose prompts a run may change."""

    def with_prompting(self, prompting: Prompting) -> Task:
        """The same task with its problems put otherwise."""


@runtime_checkable
class SupportsVoting(Protocol):
    """A task with one right answer per item, on which several samples can vote: maj@k."""

    def majority(self, scores: Sequence[Score], k: int) -> float:
        """The probability that the commonest answer of k of one item's samples is right."""


@runtime_checkable
class SupportsExtraction(Protocol):
    """A task whose programs stand in the replies of chat models."""

    def with_extractor(self, extractor: str) -> Task:
        """The same task with programs taken out of replies by this extractor."""


@runtime_checkable
class SupportsPartialCredit(Protocol):
    """A task that can say which share of a program's cases passed."""

    def with_all_cases(self) -> Task:
        """The same task, for problems whose tests have a verdict for each case."""


from harness.tasks._aggregate import mean_summary  # noqa: E402 - made of what stands above
