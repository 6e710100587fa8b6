"""The paired kernel: against scipy's and statsmodels' numbers, published examples, and what must hold for any data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from harness.stats import paired

SHARES = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=2, max_size=60)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def shares(pairs: list[tuple[int, int]]) -> tuple[list[float], list[float]]:
    return [a / 10 for a, _ in pairs], [b / 10 for _, b in pairs]


def binary(both: int, won: int, lost: int, neither: int) -> tuple[list[float], list[float]]:
    a = [1.0] * (both + won) + [0.0] * (lost + neither)
    b = [1.0] * both + [0.0] * won + [1.0] * lost + [0.0] * neither
    return a, b


@pytest.mark.parametrize(("won", "lost"), [(0, 1), (3, 9), (6, 16), (16, 6), (7, 7), (59, 121), (400, 350)])
def test_one_sample_per_problem_is_statsmodels_exact_mcnemar_test(won: int, lost: int) -> None:
    found = paired.compare(*binary(20, won, lost, 11), rng())
    assert found.method == paired.MCNEMAR
    assert found.p_value == pytest.approx(mcnemar([[20, won], [lost, 11]], exact=True).pvalue, rel=1e-12)
    assert found.p_value == pytest.approx(scipy.stats.binomtest(won, won + lost).pvalue, rel=1e-12)


def test_the_published_example_with_6_and_16_discordant_pairs_is_met() -> None:
    """Fagerland, Lydersen & Laake 2013 (BMC Medical Research Methodology 13:91): mid-p 0.035, exact p less P(X = 6)."""
    exact = paired.compare(*binary(59, 6, 16, 80), rng()).p_value
    assert exact - scipy.stats.binom.pmf(6, 22, 0.5) == pytest.approx(0.035, abs=5e-4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=2, max_size=9))
def test_few_problems_have_scipys_exact_permutation_p(pairs: list[tuple[int, int]]) -> None:
    gaps = np.array(
        [a - b for a, b in pairs], dtype=float
    )  # whole numbers: scipy takes sums that round apart for unequal
    theirs = scipy.stats.permutation_test(
        (gaps,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert paired.sign_flip_p(gaps, rng())[0] == pytest.approx(theirs.pvalue, abs=1e-9)


def test_many_problems_have_scipys_permutation_p_within_chance() -> None:
    drawn = rng(7)
    a, b = drawn.binomial(10, 0.5, 80) / 10, drawn.binomial(10, 0.55, 80) / 10
    theirs = scipy.stats.permutation_test(
        (a - b,), np.mean, permutation_type="samples", n_resamples=20_000, vectorized=True, rng=rng(1)
    ).pvalue
    found, method = paired.sign_flip_p(a - b, rng(), flips=20_000)
    assert method == "sign-flip permutation test, 20,000 flips"
    assert found == pytest.approx(theirs, abs=5 * math.sqrt(2 * theirs * (1 - theirs) / 20_000))


def test_the_interval_is_scipys_percentile_bootstrap_at_the_expanded_level() -> None:
    drawn = rng(3)
    a, b = drawn.binomial(10, 0.5, 50) / 10, drawn.binomial(10, 0.6, 50) / 10
    found = paired.compare(a, b, rng())
    quantile = math.sqrt(50 / 49) * scipy.stats.t.ppf(0.975, 49)
    level = 1 - 2 * scipy.stats.norm.sf(quantile)
    theirs = scipy.stats.bootstrap(
        (a - b,), np.mean, method="percentile", confidence_level=level, n_resamples=20_000, rng=rng(1)
    )
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.004)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.004)


@pytest.mark.parametrize("n", [10, 69, 164, 974])
def test_the_smallest_detectable_difference_is_statsmodels_for_a_paired_t_test(n: int) -> None:
    theirs = TTestPower().solve_power(nobs=n, power=0.8, alpha=0.05) * math.sqrt(0.3)
    assert paired.smallest_detectable(0.3, n) == pytest.approx(theirs, rel=0.002)


@pytest.mark.parametrize("effect", [0.03, 0.1, 0.3])
def test_the_problems_needed_are_statsmodels_for_a_paired_t_test(effect: float) -> None:
    theirs = TTestPower().solve_power(effect_size=effect / math.sqrt(1 / 9), power=0.8, alpha=0.05)
    assert paired.problems_needed(1 / 9, effect) == pytest.approx(theirs, abs=1)


def test_problems_needed_is_the_published_969_but_for_the_width_of_t() -> None:
    """Miller 2024 (arXiv 2411.00640), section 5: omega^2 = 1/9 and 3 points take 969 questions, by normal quantiles."""
    assert 969 <= paired.problems_needed(1 / 9, 0.03) <= 972


@pytest.mark.parametrize(("variance", "step"), [(0.2, 0.0), (0.2, 1.0), (0.0, 1.0), (0.01, 0.1), (1.0, 1.0)])
@pytest.mark.parametrize("effect", [0.004, 0.07, 0.4])
def test_problems_needed_is_the_smallest_number_that_detects(variance: float, step: float, effect: float) -> None:
    count = paired.problems_needed(variance, effect, step=step)
    assert paired.smallest_detectable(variance, count, step=step) <= effect
    assert count == 2 or paired.smallest_detectable(variance, count - 1, step=step) > effect


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    assert paired.holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SHARES)
def test_swapping_the_systems_mirrors_everything_and_keeps_p(pairs: list[tuple[int, int]]) -> None:
    a, b = shares(pairs)
    one, other = (
        paired.compare(a, b, rng(), resamples=500, flips=500),
        paired.compare(b, a, rng(), resamples=500, flips=500),
    )
    assert other.value == -one.value and other.p_value == one.p_value
    assert (other.won, other.lost, other.tied) == (one.lost, one.won, one.tied)
    assert other.smallest_detectable == one.smallest_detectable
    if one.value:
        assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SHARES, st.randoms(use_true_random=False))
def test_the_order_of_the_problems_does_not_matter(pairs: list[tuple[int, int]], shuffler: object) -> None:
    mixed = list(pairs)
    shuffler.shuffle(mixed)  # type: ignore[attr-defined]
    assert paired.compare(*shares(mixed), rng(), resamples=500, flips=500) == paired.compare(
        *shares(pairs), rng(), resamples=500, flips=500
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_identical_systems_have_difference_0_and_p_1(values: list[float]) -> None:
    found = paired.compare(values, values, rng())
    assert (found.value, found.p_value, found.won, found.lost) == (0, 1, 0, 0)
    assert found.smallest_detectable is None
    assert -1 < found.low < 0 < found.high < 1


@settings(max_examples=40, deadline=None)
@given(SHARES)
def test_the_interval_holds_the_difference_and_stays_within_what_can_be(pairs: list[tuple[int, int]]) -> None:
    found = paired.compare(*shares(pairs), rng(), resamples=1000, flips=100)
    assert -1 <= found.low <= found.value + 1e-12 and found.value - 1e-12 <= found.high <= 1


def test_a_single_problem_proves_nothing() -> None:
    found = paired.compare([1.0], [0.0], rng())
    assert found.p_value == 1 and found.smallest_detectable is None
    assert found.low < 0 < found.high


def test_problems_without_a_difference_do_not_move_the_p_value() -> None:
    a, b = binary(0, 4, 12, 0)
    more_a, more_b = binary(500, 4, 12, 300)
    assert paired.compare(a, b, rng()).p_value == paired.compare(more_a, more_b, rng()).p_value


def test_weights_make_the_difference_of_weighted_means() -> None:
    a, b, weights = [1.0, 2.0, 4.0], [1.5, 2.0, 3.0], [10.0, 20.0, 70.0]
    found = paired.compare(a, b, rng(), weights=weights, largest=None)
    assert found.value == pytest.approx(np.average(a, weights=weights) - np.average(b, weights=weights))


def test_equal_weights_change_nothing() -> None:
    drawn = rng(5)
    a, b = drawn.random(30), drawn.random(30)
    plain, weighted = paired.compare(a, b, rng()), paired.compare(a, b, rng(), weights=[7.0] * 30)
    for name in ("value", "low", "high", "p_value", "variance"):
        assert getattr(weighted, name) == pytest.approx(getattr(plain, name), abs=1e-12)


def test_the_variance_of_a_weighted_difference_is_the_bootstraps() -> None:
    drawn = rng(11)
    weights = drawn.integers(10, 400, 200).astype(float)
    a = 2 + drawn.normal(0, 0.3, 200)
    b = a + drawn.normal(0.02, 0.1, 200)
    found = paired.compare(a, b, rng(), weights=weights, largest=None)
    rows = drawn.integers(0, 200, (20_000, 200))
    means = ((a - b) * weights)[rows].sum(1) / weights[rows].sum(1)
    assert math.sqrt(found.variance / 200) == pytest.approx(means.std(), rel=0.04)


def test_lists_of_different_lengths_and_empty_ones_are_refused() -> None:
    for a, b in (([1.0], [1.0, 0.0]), ([], [])):
        with pytest.raises(ValueError, match="the same problems"):
            paired.compare(a, b, rng())


def null_draws(seed: int, problems: int, samples: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two systems of the same ability on each problem."""
    drawn = rng(seed)
    ability = drawn.beta(0.4, 0.4, (count, problems))
    return list(zip(*(drawn.binomial(samples, ability) / samples for _ in range(2)), strict=True))


@pytest.mark.parametrize(("problems", "samples"), [(20, 1), (69, 1), (164, 1), (20, 10), (69, 5)])
def test_equal_systems_are_told_apart_in_at_most_6_of_100_cases(problems: int, samples: int) -> None:
    count = 2000
    rejected = sum(
        paired.sign_flip_p(a - b, rng(index), flips=999)[0] <= 0.05
        for index, (a, b) in enumerate(null_draws(1, problems, samples, count))
    )
    assert rejected / count <= 0.06


@pytest.mark.parametrize(("problems", "samples"), [(30, 10), (69, 1), (164, 5)])
def test_the_interval_holds_the_truth_in_about_95_of_100_cases(problems: int, samples: int) -> None:
    drawn, count, held = rng(2), 600, 0
    for index in range(count):
        ability = drawn.beta(0.8, 0.8, problems)
        other = np.where(drawn.random(problems) < 0.7, ability, drawn.beta(1.2, 0.8, problems))
        a, b = drawn.binomial(samples, ability) / samples, drawn.binomial(samples, other) / samples
        found = paired.compare(a, b, rng(index), resamples=600, flips=1)
        held += found.low <= 0.3 * (0.5 - 0.6) <= found.high
    assert 0.93 <= held / count <= 0.98


def test_the_interval_of_a_weighted_difference_holds_the_truth_in_about_95_of_100_cases() -> None:
    drawn, count, held = rng(6), 600, 0
    for index in range(count):
        weights = drawn.integers(20, 600, 60).astype(float)
        a = 2 + drawn.normal(0, 0.4, 60)
        b = a + 0.05 + drawn.normal(0, 0.1, 60)
        found = paired.compare(a, b, rng(index), weights=weights, largest=None, resamples=600, flips=1)
        held += found.low <= -0.05 <= found.high
    assert 0.925 <= held / count <= 0.98
