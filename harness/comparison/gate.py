"""May a model replace another? Passed, failed, or not to be told with this problem set."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from harness.comparison.pairs import Comparison, PairResult
from harness.errors import InputError, did_you_mean
from harness.metrics import Unit
from harness.text import numbers

POINTS = 100.0


class Outcome(enum.StrEnum):
    """What a gate says."""

    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A run held against its baseline in one metric.

    drop, low, high: how much worse the run is, with the 95 % interval, in `unit`; negative where it is better. most:
    the largest drop that is let through. p_value: of the difference from none.
    """

    outcome: Outcome
    row: PairResult
    most: float
    drop: float
    low: float
    high: float
    unit: str

    @property
    def p_value(self) -> float:
        """Of no difference at all."""
        return self.row.p_adjusted

    @property
    def words(self) -> str:
        """The outcome and why, in a sentence or two."""
        name, unit = self.row.metric.name, self.unit
        allowed = f"{self.most:g} {unit.removesuffix('s') if self.most == 1 else unit}"
        interval = f"95 % interval of the drop {self.low:+.1f} to {self.high:+.1f}"
        seen = f"{name} is {_worse(self.drop, unit)} ({interval}, p = {numbers.p_value(self.p_value)})"
        if self.outcome is Outcome.FAILED:
            return f"failed: {seen}, and the drop allowed is {allowed}"
        if self.outcome is Outcome.PASSED:
            return f"passed: {seen}; a drop of more than {allowed} is ruled out"
        count = self.row.difference.n_problems
        problems = "1 problem" if count == 1 else f"{count} problems"
        return (
            f"undecided: {seen}; with {problems} a drop of up to {self.high:.1f} {unit} "
            f"cannot be ruled out, and the drop allowed is {allowed}"
        )


def _worse(drop: float, unit: str) -> str:
    return f"{'worse' if drop > 0 else 'better'} by {abs(drop):.1f} {unit}" if drop else "the same"


def gate(comparison: Comparison, *, most: float, metric: str | None = None) -> Gate:
    """Judge the first run against the second.

    most: the largest drop allowed, in points of a share, else in the metric's own unit. metric: the first compared one
    if None. FAILED where the drop is significant at 5 % and larger than allowed; PASSED where the 95 % interval of the
    drop ends at what is allowed or below; UNDECIDED where the problem set can show neither. Raises InputError for an
    unknown metric, and for one of which no value is better.
    """
    names = [row.metric.name for row in comparison.rows]
    row = comparison.rows[0] if metric is None else next((r for r in comparison.rows if r.metric.name == metric), None)
    if row is None:
        raise InputError(
            f"the runs have no metric {metric!r}{did_you_mean(str(metric), names)}; they have {', '.join(names)}"
        )
    better = row.metric.is_better(1.0)
    if better is None:
        raise InputError(f"no value of {row.metric.name} is better than another; choose a metric with --metric")
    scale = POINTS if row.metric.is_share else 1.0
    sign = -scale if better else scale
    ends = sorted((sign * row.difference.low, sign * row.difference.high))
    drop = sign * row.difference.value
    if row.verdict == "worse" and drop > most:
        outcome = Outcome.FAILED
    else:
        outcome = Outcome.PASSED if ends[1] <= most else Outcome.UNDECIDED
    unit = "points" if row.metric.unit is Unit.SHARE else row.metric.difference_unit
    return Gate(outcome=outcome, row=row, most=most, drop=drop, low=ends[0], high=ends[1], unit=unit)


def record(found: Gate) -> dict[str, object]:
    """What `--json` prints."""
    return {
        "outcome": found.outcome.value,
        "metric": found.row.metric.name,
        "unit": found.unit,
        "drop": found.drop,
        "low": found.low,
        "high": found.high,
        "max_drop": found.most,
        "p_value": found.p_value,
        "problems": found.row.difference.n_problems,
        "run": str(found.row.first.path),
        "baseline": str(found.row.second.path),
        "words": found.words,
    }
