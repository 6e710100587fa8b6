"""Spearman's correlation beside scipy's, on ties too; its interval is over prompts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from harness.stats.rank_correlation import mean_ranks, rank_correlation, spearman


@pytest.mark.parametrize("values", [3, 6, 1000])
def test_it_equals_scipys_with_and_without_ties(values):
    rng = np.random.default_rng(values)
    a = rng.integers(values, size=200)
    b = a + rng.integers(values, size=200)
    assert np.array_equal(mean_ranks(a), rankdata(a))
    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


def test_one_order_is_1_the_reverse_minus_1_and_equal_values_have_none():
    assert spearman([1, 2, 3], [10, 20, 40]) == pytest.approx(1) and spearman([1, 2, 3], [9, 5, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3], [5, 5, 5]) is None and rank_correlation([1, 2], [5, 5], ["a", "b"]) is None


def test_pictures_of_a_prompt_are_drawn_together():
    rng = np.random.default_rng(0)
    base = rng.standard_normal(40)
    a, b = np.repeat(base, 25), np.repeat(base + rng.standard_normal(40), 25)
    together = rank_correlation(a.tolist(), b.tolist(), [str(i // 25) for i in range(1000)])
    alone = rank_correlation(a.tolist(), b.tolist(), [str(i) for i in range(1000)])
    assert together.value == alone.value and together.n == 1000
    assert together.low < together.value < together.high
    assert together.high - together.low > 3 * (alone.high - alone.low)
