"""The computed tails against the whole distribution, added up point by point, and against scipy's drawn test."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from harness.stats.sign_flips import convolved_p, tail_p_values


def counted_p(steps: np.ndarray) -> float:
    """The two-sided p-value for differences that are whole numbers, by adding them one by one."""
    sizes = np.abs(steps[steps != 0]).astype(int)
    middle = int(sizes.sum())
    chances = np.zeros(2 * middle + 1)
    chances[middle] = 1.0
    for size in sizes:
        moved = np.zeros_like(chances)
        moved[size:] += chances[:-size] / 2
        moved[:-size] += chances[size:] / 2
        chances = moved
    sums = np.arange(-middle, middle + 1)
    return float(chances[np.abs(sums) >= abs(int(steps.sum()))].sum())


@pytest.mark.parametrize("problems", [30, 164])
@pytest.mark.parametrize("samples", [1, 3, 10])
@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2, 0.3])
def test_the_tail_is_the_exact_one_within_two_percent(problems: int, samples: int, shift: float) -> None:
    rng = np.random.default_rng(problems + samples)
    steps = rng.binomial(samples, 0.5, problems) - rng.binomial(samples, 0.5 - shift, problems)
    assert tail_p_values(steps[None, :] / samples)[0] == pytest.approx(counted_p(steps), rel=0.02)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2])
def test_the_convolution_is_the_exact_distribution_of_equal_steps(shift: float) -> None:
    rng = np.random.default_rng(1)
    steps = rng.binomial(6, 0.5, 80) - rng.binomial(6, 0.5 - shift, 80)
    assert convolved_p(steps / 6) == pytest.approx(counted_p(steps), abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.12])
def test_differences_of_any_size_agree_with_scipys_permutation_test(shift: float) -> None:
    rng = np.random.default_rng(5)
    a, b = rng.random(60) + shift, rng.random(60)
    theirs = scipy.stats.permutation_test(
        (a, b), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=20_000, rng=np.random.default_rng(6),
    )  # fmt: skip
    assert tail_p_values((a - b)[None, :])[0] == pytest.approx(theirs.pvalue, abs=4 * np.sqrt(0.25 / 20_000))


@pytest.mark.parametrize("degrees", [1, 2])
def test_a_few_large_differences_that_rule_the_sum_are_told_as_drawn_signs_tell_them(degrees: int) -> None:
    rng = np.random.default_rng(7)
    gaps = rng.standard_t(degrees, size=80) + 0.2
    signs = rng.integers(0, 2, size=(100_000, 80)) * 2 - 1
    drawn = float((np.abs(signs @ np.abs(gaps)) >= abs(gaps.sum())).mean())
    assert tail_p_values(gaps[None, :])[0] == pytest.approx(drawn, abs=0.008)


def test_systems_that_never_differ_have_p_value_1() -> None:
    assert list(tail_p_values(np.zeros((2, 10)))) == [1.0, 1.0]


def test_a_system_that_wins_everywhere_has_the_smallest_p_value_there_is() -> None:
    gaps = np.linspace(0.1, 0.9, 40)
    assert tail_p_values(gaps[None, :])[0] == pytest.approx(2.0**-39)
