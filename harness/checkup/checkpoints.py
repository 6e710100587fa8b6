"""Several checkpoints of one training beside each other: where to stop.

Each was compared with the base model by itself. The checkpoint with the lowest validation perplexity is named; it was
chosen on these very texts, so its own number flatters it a little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.checkup.run import Checkup
from harness.checkup.verdicts import Conclusion, ValueWithInterval, label
from harness.metrics import metric_or_guess
from harness.text import numbers

LOSS = ("validation", "perplexity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One of them. scores: of all verdict lines, by label. gap: nats per token. signs: checks that found something."""

    name: str
    report: str
    validation: ValueWithInterval | None
    gap: float | None
    scores: Mapping[str, float]
    signs: tuple[str, ...]


def checkpoint(found: Checkup, report: str) -> Checkpoint:
    """A checkup as a row. report: the path of its page."""
    gap = found.memorization.gaps.get("tuned")
    return Checkpoint(
        name=found.names["tuned"],
        report=report,
        validation=next((line.tuned for line in found.lines if (line.part, line.metric) == LOSS), None),
        gap=None if gap is None else gap.value,
        scores={label(line): line.tuned.value for line in found.lines},
        signs=tuple(check.name for check in found.memorization.checks if check.verdict is Conclusion.SIGN),
    )


def score_text(found: Checkpoint, name: str) -> str:
    """The score under this label, as every other table writes its metric; empty without one."""
    if name not in found.scores:
        return ""
    value = found.scores[name]
    return metric_or_guess(name.rpartition(" ")[2], [value]).text(value)


def lowest(found: Sequence[Checkpoint]) -> Checkpoint | None:
    """The one with the lowest validation perplexity; None where one has none."""
    values = [(each.validation.value, place) for place, each in enumerate(found) if each.validation is not None]
    return found[min(values)[1]] if len(values) == len(found) and values else None


def advice(found: Sequence[Checkpoint]) -> str:
    """Where to stop, in a sentence, and how sure that is."""
    best = lowest(found)
    if best is None or best.validation is None:
        return "Where to stop cannot be said without validation texts (validation.jsonl in --data)."
    high = best.validation.high
    close = [each.name for each in found if each is not best and each.validation and each.validation.low <= high]
    tied = f"; its interval overlaps with those of {', '.join(close)}, so take the earliest of them" if close else ""
    return (
        f"Of {len(found)} checkpoints {best.name} has the lowest perplexity on validation texts, "
        f"{numbers.amount(best.validation.value)}{tied}. It was chosen on these texts: confirm it on others."
    )
