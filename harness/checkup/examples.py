"""Examples for people to read: what was asked, what a good answer is, and what the two models said.

Half of them are those where the models differ most, half are drawn by the seed from the rest: numbers hide what both
kinds show.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.comparison import flips
from harness.comparison.pairs import ComparedRun, Comparison
from harness.datasets import load_set
from harness.leaderboard.prompts import asked_messages
from harness.metrics import Metric
from harness.runs import reader
from harness.tasks import open_task
from harness.tasks._preview import Message
from harness.tasks.classification import LOGPROB, TIE
from harness.types import Problem

COUNT = 30
READ = ("codegen", "summarization", "classification")  # tasks whose answers are texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What one model said: one of its completions. came_to: what all of them came to, in words."""

    text: str
    came_to: str
    verdict: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingExample:
    """One item. gap: tuned less base in the part's first measure."""

    part: str
    problem_id: str
    code: bool
    asked: tuple[Message, ...]
    reference: str
    gap: float
    base: Output | None
    tuned: Output | None


def choose_examples(
    comparisons: Mapping[str, Comparison], sources: Mapping[str, str], cache: Path, seed: int
) -> list[ReadingExample]:
    """COUNT examples in all, as many of each part. sources: part -> the problem set of its runs."""
    parts = [part for part, found in comparisons.items() if found.runs[0].task in READ]
    if not parts:  # then what both models made of the beginnings of texts
        parts = [part for part in comparisons if part == "validation continuation"]
    examples = []
    for part in parts:
        wanted = -(-COUNT // len(parts))
        examples += _examples(part, comparisons[part], sources[part], cache, np.random.default_rng(seed), wanted)
    return examples


def _examples(
    part: str, found: Comparison, source: str, cache: Path, rng: np.random.Generator, wanted: int
) -> list[ReadingExample]:
    tuned, base = found.runs
    metric = _metric(found)
    options = tuned.manifest.identity.get("task_options") or {}
    problems = {problem.id: problem for problem in load_set(source, cache, open_task(tuned.task, options)).problems}
    common = [name for name in problems if name in tuned.problems and name in base.problems]
    gaps = flips.value_gaps(tuned, base, metric, common)
    chosen = _chosen(gaps, rng, wanted)
    labels = [_labels(run) for run in found.runs]
    return [
        _example(part, problems[flip.problem_id], gaps[flip.problem_id], _labelled(flip, labels), tuned, base, metric)
        for flip in flips.pick_examples(tuned, base, metric, chosen)
    ]


def _labels(run: ComparedRun) -> dict[str, str]:
    """Problem -> the label that was chosen by its probability, where there is no answer to read."""
    return {
        score.problem_id: score.notes["predicted"]
        for score in reader.read_scores(run.path)
        if score.notes.get("rule") in (LOGPROB, TIE)
    }


def _labelled(flip: flips.Flip, labels: Sequence[Mapping[str, str]]) -> flips.Flip:
    first, second = (
        flips.FlipExample(index=0, text=each[flip.problem_id], verdict=None, detail=None)
        if flip.problem_id in each
        else example
        for example, each in zip(flip.examples, labels, strict=True)
    )
    return dataclasses.replace(flip, examples=(first, second))


def _metric(found: Comparison) -> Metric:
    """The first that a verdict is about; of a task without one the first."""
    return next((row.metric for row in found.rows if row.metric.headline), found.rows[0].metric)


def _chosen(gaps: Mapping[str, float], rng: np.random.Generator, wanted: int) -> list[str]:
    """Half with the largest differences, the rest drawn; in the order of the difference."""
    order = [list(gaps)[place] for place in rng.permutation(len(gaps))]  # so that ties are drawn, too
    ranked = sorted(order, key=lambda name: -abs(gaps[name]))
    first = [name for name in ranked[: -(-wanted // 2)] if gaps[name]]
    drawn = [name for name in order if name not in set(first)][: wanted - len(first)]
    return sorted([*first, *drawn], key=lambda name: -abs(gaps[name]))


def _example(
    part: str, problem: Problem, gap: float, flip: flips.Flip, tuned: ComparedRun, base: ComparedRun, metric: Metric
) -> ReadingExample:
    form = tuned.manifest.identity.get("form")
    messages = asked_messages(tuned.task, problem, tuned.manifest, str(form))
    return ReadingExample(
        part=part,
        problem_id=problem.id,
        code=tuned.task == "codegen",
        asked=messages or (Message(role="prompt", text=problem.prompt),),
        reference=problem.references[0] if problem.references else "",
        gap=gap,
        base=_output(flip.examples[1], flip.second, base, metric),
        tuned=_output(flip.examples[0], flip.first, tuned, metric),
    )


def _output(
    example: flips.FlipExample | None, problem: Mapping[str, float], run: ComparedRun, metric: Metric
) -> Output | None:
    if example is None:
        return None
    came_to = f"{metric.name} {metric.of(problem):.3g}"
    if run.task == "codegen":
        came_to = f"{problem['c']} of {problem['n']} passed"
    elif run.task == "classification":
        came_to = "right" if metric.of(problem) == 1 else "wrong" if not metric.of(problem) else came_to
    return Output(text=example.text, came_to=came_to, verdict=example.verdict, detail=example.detail)


def parts(examples: Sequence[ReadingExample]) -> list[str]:
    """The parts that have examples, in order."""
    return list(dict.fromkeys(example.part for example in examples))
