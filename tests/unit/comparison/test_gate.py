"""A gate: passed, failed, or not to be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.comparison.gate import Gate, Outcome, gate
from harness.comparison.pairs import compare
from harness.errors import InputError

EXAMPLES = Path(__file__).resolve().parents[3] / "results" / "example"


def held(run: str, baseline: str, most: float = 1.0, metric: str | None = None) -> Gate:
    return gate(compare([EXAMPLES / run, EXAMPLES / baseline], vary=("n", "temperature")), most=most, metric=metric)


def test_a_model_that_is_better_passes_and_one_that_is_worse_fails() -> None:
    better, worse = held("nano-T0.8", "nano-base-T0.8"), held("nano-base-T0.8", "nano-T0.8")
    assert better.outcome is Outcome.PASSED and worse.outcome is Outcome.FAILED
    assert (better.drop, better.low, better.high) == pytest.approx((-worse.drop, -worse.high, -worse.low))
    assert "better by 50" in better.words and "worse by 50" in worse.words


def test_what_the_set_cannot_tell_is_neither() -> None:
    same = held("nano-T0.8", "nano-T0.8")
    assert same.drop == 0 and same.outcome is (Outcome.PASSED if same.high <= 1 else Outcome.UNDECIDED)
    assert held("nano-T0.8", "nano-T0.8", most=20).outcome is Outcome.PASSED
    small = held("nano-T0.8", "nano-T0.2", most=8)
    assert small.row.verdict == "worse" and 0 < small.drop < 8 < small.high and small.outcome is Outcome.UNDECIDED


def test_a_metric_of_which_less_is_better_drops_when_it_rises() -> None:
    better, worse = ("nano-base-perplexity", "nano-perplexity")
    assert held(better, worse).outcome is Outcome.PASSED and held(worse, better).outcome is Outcome.FAILED


def test_an_unknown_metric_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"no metric 'pass@2'.*they have pass@1"):
        held("nano-T0.8", "nano-base-T0.8", metric="pass@2")
