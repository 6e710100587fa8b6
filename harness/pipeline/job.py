"""What a run is before it begins, what watches it, and what it has come to at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.engines import StatusListener, replay
from harness.engines._selection import ModelSpec
from harness.pipeline.costs import Prices
from harness.pipeline.execute import Sandboxes
from harness.runs import manifest
from harness.tasks import Task
from harness.types import Completion, ProblemSet, SamplingParams
from sandbox import Execution, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStart:
    """What a stream has before it, in completions. source: `generate`, or `read` where they are in a file.

    work: `execute` or `score`, what is done to each. made, scored: those that are there, or have their score, already.
    to_make, to_score: problem id -> how many are left of either.
    """

    source: str
    work: str
    total: int
    made: int
    scored: int
    to_make: Mapping[str, int]
    to_score: Mapping[str, int]


class RunObserver(StatusListener, Protocol):
    """Told how a run goes on, from several threads."""

    def started(self, begun: StreamStart) -> None:
        """The stream begins."""

    def generated(self, completions: list[Completion]) -> None:
        """A problem's completions arrived."""

    def executed(self, completion: Completion, execution: Execution | None) -> None:
        """A completion was run, or scored without being run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A resolved run.

    expected: problem id -> n. limits: problem id -> limits. sandboxes: None where nothing is executed. dedup: equal
    completions of a problem are executed once. workers: completions that are executed or scored at once. ks: of pass@k,
    None where the user named none. metrics: of programs, for each k.
    """

    task: Task
    problems: ProblemSet
    model: ModelSpec
    saved: replay.ReplayEngine | None
    expected: Mapping[str, int]
    limits: Mapping[str, Limits]
    sandboxes: Sandboxes | None
    sampling: SamplingParams
    dedup: bool
    workers: int
    ks: tuple[int, ...] | None
    metrics: tuple[str, ...]
    seed: int
    prices: Prices | None
    manifest: manifest.Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """What a stream could not do. internal: executions that failed for our reasons; failed: problem id -> why."""

    internal: int
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A run at its end. `summary` is what summary.json holds; `complete` whether every completion has a score."""

    run: Path
    summary: Mapping[str, Any]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionSet:
    """Completions that there are or will be. signature, identity: what decided them, as they stand in a manifest."""

    task: Task
    problems: ProblemSet
    model: ModelSpec
    expected: Mapping[str, int]
    signature: str
    identity: Mapping[str, Any]
