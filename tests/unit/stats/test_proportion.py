"""Intervals of shares against scipy."""

from __future__ import annotations

import pytest
import scipy.stats

from harness.stats.proportion import least_share_of_all, wilson


@pytest.mark.parametrize(("count", "total"), [(0, 10), (10, 10), (1, 3), (37, 200)])
def test_the_interval_of_a_share_is_scipys_wilson_interval(count: int, total: int) -> None:
    ours, theirs = wilson(count, total), scipy.stats.binomtest(count, total).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


@pytest.mark.parametrize(("count", "total"), [(0, 0), (3, 2), (-1, 2)])
def test_a_share_of_nothing_is_refused(count: int, total: int) -> None:
    with pytest.raises(ValueError, match=f"not {count} of {total}"):
        wilson(count, total)


@pytest.mark.parametrize("count", [1, 5, 164])
def test_the_least_share_of_a_kind_that_all_were_of_is_the_exact_binomial_bound(count: int) -> None:
    exact = scipy.stats.binomtest(count, count).proportion_ci(method="exact").low
    assert least_share_of_all(count, 0.05) == pytest.approx(exact)
