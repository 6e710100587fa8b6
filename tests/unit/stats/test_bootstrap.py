"""Intervals against cases whose answer is obvious."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.bootstrap import mean_interval


def test_the_interval_covers_the_true_mean_about_19_times_in_20() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        interval = mean_interval(list(rng.beta(2, 3, size=80)), rng)
        covered += interval.low <= 0.4 <= interval.high
    assert 180 <= covered <= 198


def test_the_interval_has_the_width_of_the_normal_one_for_many_problems() -> None:
    values = [0.0, 1.0] * 500
    interval = mean_interval(values, np.random.default_rng(0))
    assert interval.value == 0.5
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * 0.5 / 1000**0.5, rel=0.05)


def test_the_same_generator_gives_the_same_interval() -> None:
    values = [0.1, 0.5, 0.9, 0.3]
    assert mean_interval(values, np.random.default_rng(3)) == mean_interval(values, np.random.default_rng(3))


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([1.0] * 164, 0.9777, 1.0), ([0.0] * 164, 0.0, 0.0223), ([1.0], 0.025, 1.0), ([0.5], 0.0, 1.0)],
)
def test_problems_that_all_agree_do_not_make_certainty(values: list[float], low: float, high: float) -> None:
    interval = mean_interval(values, np.random.default_rng(0))
    assert interval.low == pytest.approx(low, abs=1e-4) and interval.high == pytest.approx(high, abs=1e-4)


def test_no_problems_have_no_interval() -> None:
    with pytest.raises(ValueError, match="at least one problem"):
        mean_interval([], np.random.default_rng(0))
