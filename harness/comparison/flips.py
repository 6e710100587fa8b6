"""The problems on which two runs differ most, each with one completion per run that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.comparison.pairs import ComparedRun
from harness.metrics import Metric
from harness.runs import reader
from sandbox.types import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipExample:
    """One completion of a run. verdict, detail: of its execution, None where it was not executed."""

    index: int
    text: str
    verdict: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A problem, what each run's summary says of it, and an example of each; None where there is no completion."""

    problem_id: str
    first: Mapping[str, Any]
    second: Mapping[str, Any]
    examples: tuple[FlipExample | None, FlipExample | None]


def value_gaps(first: ComparedRun, second: ComparedRun, metric: Metric, problem_ids: Iterable[str]) -> dict[str, float]:
    """Problem -> the first run's value less the second's."""
    return {name: metric.of(first.problems[name]) - metric.of(second.problems[name]) for name in problem_ids}


def flipped_problems(first: ComparedRun, second: ComparedRun, metric: Metric) -> list[str]:
    """The problems with a difference, the largest first."""
    gaps = value_gaps(first, second, metric, set(first.problems) & set(second.problems))
    return sorted((name for name, gap in gaps.items() if gap), key=lambda name: (-abs(gaps[name]), name))


def pick_examples(first: ComparedRun, second: ComparedRun, metric: Metric, problem_ids: Sequence[str]) -> list[Flip]:
    """These problems with examples: an accepted program of the run that is ahead, a rejected one of the other."""
    ahead = value_gaps(first, second, metric, problem_ids)
    ours = _examples(first, {name: _sought(gap) for name, gap in ahead.items()})
    theirs = _examples(second, {name: _sought(-gap) for name, gap in ahead.items()})
    return [
        Flip(
            problem_id=name,
            first=first.problems[name],
            second=second.problems[name],
            examples=(ours.get(name), theirs.get(name)),
        )
        for name in problem_ids
    ]


def _sought(gap: float) -> bool | None:
    """Whether the example is to be an accepted program; None for any."""
    return gap > 0 if gap else None


def _examples(run: ComparedRun, wanted: Mapping[str, bool | None]) -> dict[str, FlipExample]:
    """Problem -> its first completion with the verdict that is wanted, in one pass over each file."""
    executions: dict[str, dict[str, Any]] = {}
    for record in reader.read_executions(run.path):
        name = record["problem_id"]
        if name not in wanted or wanted[name] not in (None, record["verdict"] == Verdict.ACCEPTED):
            continue
        if name not in executions or record["index"] < executions[name]["index"]:
            executions[name] = record
    found = {}
    for record in reader.read_completion_records(run.path):
        name = record["problem_id"]
        execution = executions.get(name)
        if not execution and not record["text"]:
            continue  # a text that was only measured has no completion
        if name in wanted and record["index"] == (execution["index"] if execution else 0):
            verdict, detail = (execution["verdict"], execution["detail"]) if execution else (None, None)
            found[name] = FlipExample(index=record["index"], text=record["text"], verdict=verdict, detail=detail)
    return found


def record(flip: Flip) -> dict[str, Any]:
    """What `--json` prints of a flip."""
    sides = zip((flip.first, flip.second), flip.examples, strict=True)
    a, b = ({**side, "example": asdict(example) if example else None} for side, example in sides)
    return {"problem": flip.problem_id, "a": a, "b": b}
