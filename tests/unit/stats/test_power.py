"""The plan keeps what it promises: achieved power in simulations, published examples, and real runs read back."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import betaln
from scipy.stats import beta, norm
from statsmodels.stats.power import TTestIndPower

from harness.errors import InputError
from harness.stats import paired, power
from harness.stats.power import Ability, Design

COUNT = 1000


@functools.cache
def beta_table(mean: float, spread: float) -> np.ndarray:
    size = 1 / spread - 1
    return beta.ppf(np.linspace(0.0005, 0.9995, 1000), mean * size, (1 - mean) * size)


def beta_rates(uniform: np.ndarray, mean: float, spread: float) -> np.ndarray:
    """Rates with this mean and spread, from uniform quantiles."""
    return beta_table(mean, spread)[np.minimum((uniform * 1000).astype(int), 999)]


def copula(correlation: float, ability: Ability, effect: float) -> float:
    """The correlation of normal scores that gives rates the correlation wanted, by search."""
    drawn = np.random.default_rng(0).normal(size=(2, 50_000))

    def excess(latent: float) -> float:
        second = latent * drawn[0] + math.sqrt(1 - latent**2) * drawn[1]
        rates = (beta_rates(norm.cdf(drawn[0]), ability.baseline, ability.spread),
                 beta_rates(norm.cdf(second), ability.baseline + effect, ability.spread))  # fmt: skip
        return float(np.corrcoef(*rates)[0, 1]) - correlation

    return float(brentq(excess, 0.0, 0.999, xtol=1e-3))


def simulate(ability: Ability, effect: float, problems: int, samples: int, *, pairing: bool) -> float:
    """The share of experiments of this design in which the test sees the effect."""
    rng = np.random.default_rng(1)
    latent = copula(ability.correlation, ability, effect) if pairing else 0.0
    seen = 0
    for _ in range(COUNT):
        first, other = rng.normal(size=(2, problems))
        second = latent * first + math.sqrt(1 - latent**2) * other
        a = rng.binomial(samples, beta_rates(norm.cdf(first), ability.baseline, ability.spread)) / samples
        b = rng.binomial(samples, beta_rates(norm.cdf(second), ability.baseline + effect, ability.spread)) / samples
        seen += paired.sign_flip_p(a - b, rng, flips=400)[0] <= 0.05
    return seen / COUNT


@pytest.mark.parametrize(
    ("effect", "samples", "pairing"),
    [(0.1, 5, True), (0.08, 10, True), (0.15, 1, True), (0.1, 1, True), (0.15, 5, False)],
)
def test_the_planned_number_of_problems_has_the_planned_power(effect: float, samples: int, pairing: bool) -> None:
    ability = Ability(baseline=0.4)
    problems = Design().problems(ability, effect, samples, pairing=pairing)
    error = math.sqrt(0.8 * 0.2 / COUNT)
    coarse = 0.03 if samples == 1 else 0  # the correction for McNemar's exact test is a little more than it needs
    assert 0.8 - 3 * error <= simulate(ability, effect, problems, samples, pairing=pairing) <= 0.8 + coarse + 3 * error


def test_miller_2024s_design_of_198_questions_is_met() -> None:
    """arXiv 2411.00640, section 5: omega^2 1/9, sigma^2 1/6 each, 198 questions: 13.2 % with one sample, 7.5 % with 10."""
    for samples, published in ((1, 0.132), (10, 0.075)):
        found = paired.smallest_detectable(1 / 9 + 2 / 6 / samples, 198)
        assert found == pytest.approx(published, abs=0.0015)


def test_the_variance_is_millers_for_uniform_rates_that_are_correlated_by_one_half() -> None:
    """Uniform rates: mean 1/2, variance 1/12, within 1/6 (Miller 2024, section 3.1): 1/12 + 2/6 for one sample."""
    ability = Ability(baseline=0.5, spread=1 / 3, correlation=0.5)
    assert ability.variance(0, 1, pairing=True) == pytest.approx(1 / 12 + 2 / 6)
    assert ability.variance(0, 1, pairing=False) == pytest.approx(2 / 12 + 2 / 6)


def test_unpaired_numbers_are_statsmodels_for_two_groups() -> None:
    ability = Ability(baseline=0.5)
    variance = ability.variance(0.1, 10, pairing=False)
    theirs = TTestIndPower().solve_power(effect_size=0.1 / math.sqrt(variance / 2), power=0.8, alpha=0.05)
    assert Design().problems(ability, 0.1, 10, pairing=False) == pytest.approx(theirs, abs=2)


def test_effect_and_problems_are_each_others_inverse() -> None:
    ability, design = Ability(baseline=0.3), Design()
    count = design.problems(ability, 0.05, 10, pairing=True)
    assert design.effect(ability, count, 10, pairing=True) == pytest.approx(0.05, rel=0.002)


def test_the_fewest_samples_are_enough_and_one_less_is_not() -> None:
    ability, design = Ability(baseline=0.4), Design()
    found = design.samples(ability, 0.05, 300)
    assert found is not None and found > 1
    assert design.problems(ability, 0.05, found, pairing=True) <= 300
    assert design.problems(ability, 0.05, found - 1, pairing=True) > 300


def test_too_few_problems_are_not_helped_by_samples() -> None:
    assert Design().samples(Ability(), 0.01, 164) is None


def test_no_effect_is_promised_that_cannot_be() -> None:
    assert Design().effect(Ability(), 2, 1, pairing=False) is None


def test_more_comparisons_need_more_problems() -> None:
    numbers = [Design(pairs=pairs).problems(Ability(), 0.05, 10, pairing=True) for pairs in (1, 3, 45)]
    assert numbers == sorted(set(numbers))


def test_the_default_spread_lies_between_those_of_published_pass_at_k() -> None:
    """Chen et al. 2021 (Codex 12B), Nijkamp et al. 2022 (CodeGen 16B), Fried et al. 2022 (InCoder 6.7B), on HumanEval."""
    published = [(0.2881, 0.4681, 0.7231), (0.2928, 0.4986, 0.75), (0.152, 0.278, 0.47)]

    def pass_at_k(mean: float, spread: float, k: int) -> float:
        a, b = mean * (1 / spread - 1), (1 - mean) * (1 / spread - 1)
        return float(1 - np.exp(betaln(a, b + k) - betaln(a, b)))

    found = [
        brentq(lambda spread, m=mean, k=k, at=at: pass_at_k(m, spread, k) - at, 0.01, 0.99)
        for mean, ten, hundred in published
        for k, at in ((10, ten), (100, hundred))
    ]
    assert min(found) < power.SPREAD < max(found)
    assert [round(each, 2) for each in found] == [0.70, 0.58, 0.66, 0.55, 0.69, 0.59]


def drawn_run(rates: np.ndarray, n: int, seed: int) -> dict[str, dict[str, int]]:
    passed = np.random.default_rng(seed).binomial(n, rates)
    return {f"p{index}": {"n": n, "c": int(c)} for index, c in enumerate(passed)}


@pytest.mark.parametrize("n", [2, 10])
def test_runs_give_back_the_spread_and_the_correlation_they_were_drawn_with(n: int) -> None:
    rng = np.random.default_rng(4)
    first, other = rng.normal(size=(2, 20_000))
    rates = [beta_rates(norm.cdf(first), 0.4, 0.5), beta_rates(norm.cdf(0.6 * first + 0.8 * other), 0.5, 0.5)]
    runs = [(str(seed), drawn_run(each, n, seed)) for seed, each in enumerate(rates)]
    found = power.ability_from_runs(runs, None)
    assert found.baseline == pytest.approx(0.4, abs=0.01)
    assert found.spread == pytest.approx(0.5, abs=0.02)
    assert found.correlation == pytest.approx(np.corrcoef(*rates)[0, 1], abs=0.02)


def test_a_run_with_one_sample_tells_nothing_of_the_spread() -> None:
    with pytest.raises(InputError, match="cannot tell chance from ability"):
        power.ability_from_runs([("run", {"a": {"n": 1, "c": 1}, "b": {"n": 1, "c": 0}})], None)


def test_a_run_that_passes_nothing_tells_nothing_of_the_spread() -> None:
    with pytest.raises(InputError, match="passes all or nothing"):
        power.ability_from_runs([("run", {"a": {"n": 5, "c": 0}, "b": {"n": 5, "c": 0}})], None)


def test_impossible_abilities_and_designs_are_refused() -> None:
    for wrong in ({"baseline": 1.4}, {"spread": -0.1}, {"correlation": 2}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Ability(**wrong)
    for design in ({"power": 1.0}, {"alpha": 0.0}, {"alpha": 0.9}, {"pairs": 0}):
        with pytest.raises(ValueError, match="must be"):
            Design(**design)
