"""How many problems, and how many samples of each, show a difference of a given size in pass@1?

The model, of variance components: a problem has a true pass rate under each system; rates vary between problems, and
the share of n samples that pass varies around the rate as binomial shares do. With mean m and `spread` s,

    between problems   s m (1 - m)
    within a problem   (1 - s) m (1 - m) / n
    paired difference  between_A + between_B - 2 r sqrt(between_A between_B) + within_A + within_B
    unpaired           the same with r = 0: each system has its own problems

s is 0 where all problems are equally hard and 1 where each is passed always or never (for Beta-distributed rates
s = 1 / (alpha + beta + 1)); r is the correlation of the two systems' rates. This is Miller 2024 (arXiv 2411.00640,
equations 9 and 10) with its omega^2 and sigma^2 written out for rates.

SPREAD: with Beta rates, published pass@1 and pass@10 on HumanEval give s = 0.70 (Codex 12B), 0.66 (CodeGen 16B) and
0.69 (InCoder 6.7B), pass@1 and pass@100 0.58, 0.55 and 0.59. CORRELATION: scores of two systems on the same questions
correlate by 0.3 to 0.7 (Miller 2024), which at one sample each is s r: 0.5 in the middle, over s = 0.6.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import InputError
from harness.stats import paired
from harness.stats.bootstrap import ALPHA
from harness.stats.paired import POWER

SPREAD = 0.6
CORRELATION = 0.8
BASELINE = 0.5
MOST_SAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """What is supposed of the systems: mean pass rate of the first, spread over problems, correlation of the two.

    All in 0 to 1, the correlation from -1. Raises ValueError otherwise.
    """

    baseline: float = BASELINE
    spread: float = SPREAD
    correlation: float = CORRELATION

    def __post_init__(self) -> None:
        for name, low in (("baseline", 0.0), ("spread", 0.0), ("correlation", -1.0)):
            if not low <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between {low:g} and 1, not {getattr(self, name):g}")

    def variance(self, effect: float, samples: int, *, pairing: bool) -> float:
        """Of the difference on one problem; the second system's mean is `effect` higher, or lower without room."""
        other = self.baseline + effect if self.baseline + effect <= 1 else self.baseline - effect
        total = [mean * (1 - mean) for mean in (self.baseline, other)]
        between = [self.spread * each for each in total]
        shared = 2 * self.correlation * math.sqrt(between[0] * between[1]) if pairing else 0.0
        return max(0.0, sum(between) - shared) + (1 - self.spread) * sum(total) / samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What an experiment must decide: power, two-sided level, and how many comparisons share the level (Bonferroni)."""

    power: float = POWER
    alpha: float = ALPHA
    pairs: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.alpha < self.power < 1:
            raise ValueError(f"alpha and power must be between 0 and 1, alpha below: {self.alpha:g}, {self.power:g}")
        if self.pairs < 1:
            raise ValueError(f"pairs must be at least 1, not {self.pairs}")

    def problems(self, ability: Ability, effect: float, samples: int, *, pairing: bool) -> int:
        """The problems that show `effect`; of each system its own where they are not paired."""
        variance, step = ability.variance(effect, samples, pairing=pairing), _step(samples, pairing)
        return paired.problems_needed(variance, effect, step=step, power=self.power, alpha=self.alpha / self.pairs)

    def effect(self, ability: Ability, n_problems: int, samples: int, *, pairing: bool) -> float | None:
        """The smallest effect that so many problems show; None where no effect that there can be is large enough."""
        low, high = 0.0, max(ability.baseline, 1 - ability.baseline)
        if self._shown(ability, high, n_problems, samples, pairing=pairing) > high:
            return None
        while high - low > 1e-6:  # the variance depends on the effect a little, so the effect is searched for
            middle = (low + high) / 2
            if self._shown(ability, middle, n_problems, samples, pairing=pairing) > middle:
                low = middle
            else:
                high = middle
        return high

    def _shown(self, ability: Ability, effect: float, n_problems: int, samples: int, *, pairing: bool) -> float:
        variance, step = ability.variance(effect, samples, pairing=pairing), _step(samples, pairing)
        alpha = self.alpha / self.pairs
        return paired.smallest_detectable(variance, n_problems, step=step, power=self.power, alpha=alpha)

    def samples(self, ability: Ability, effect: float, n_problems: int) -> int | None:
        """The fewest samples per problem with which paired problems show `effect`; None where not even 1000 do."""
        enough = (n for n in range(1, MOST_SAMPLES + 1)
                  if self._shown(ability, effect, n_problems, n, pairing=True) <= effect)  # fmt: skip
        return next(enough, None)


def _step(samples: int, pairing: bool) -> float:
    """One sample per problem is tested by McNemar's exact test, which needs some problems more."""
    return 1.0 if pairing and samples == 1 else 0.0


def ability_from_runs(runs: Sequence[tuple[str, Mapping[str, Mapping[str, Any]]]], baseline: float | None) -> Ability:
    """The ability that one or two real runs show: names, and problem -> n, c. Two give the correlation as well.

    The variance between problems is that of the shares less what sampling adds to it, the mean of p (1 - p) / (n - 1);
    the covariance of two runs needs no correction where their samples are independent (another model, or another seed).
    Raises InputError for fewer than two problems or samples, and for runs that are not of code.
    """
    rates = [_rates(name, problems) for name, problems in runs]
    means = [math.fsum(each.values()) / len(each) for each in rates]
    between = [_between(problems, each) for (_, problems), each in zip(runs, rates, strict=True)]
    spreads = [part / (mean * (1 - mean)) for part, mean in zip(between, means, strict=True) if 0 < mean < 1]
    if not spreads:
        raise InputError(
            f"{runs[0][0]} passes all or nothing, which tells nothing of the spread; give --baseline alone"
        )
    correlation = _correlation(rates, between) if len(rates) == 2 else CORRELATION
    return Ability(
        baseline=means[0] if baseline is None else baseline,
        spread=min(1.0, math.fsum(spreads) / len(spreads)),
        correlation=correlation,
    )


def _rates(name: str, problems: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    if any("c" not in each for each in problems.values()):
        raise InputError(f"{name} is not a run of code: plan is for pass@1")
    if len(problems) < 2 or any(each["n"] < 2 for each in problems.values()):
        raise InputError(f"{name} has fewer than 2 problems, or 2 samples of each: it cannot tell chance from ability")
    return {problem_id: each["c"] / each["n"] for problem_id, each in problems.items()}


def _between(problems: Mapping[str, Mapping[str, Any]], rates: Mapping[str, float]) -> float:
    noise = math.fsum(rate * (1 - rate) / (problems[name]["n"] - 1) for name, rate in rates.items()) / len(rates)
    return max(0.0, _covariance(rates, rates) - noise)


def _covariance(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    common = first.keys() & second.keys()
    if len(common) < 2:
        raise InputError("the runs have fewer than 2 problems in common, so they show no correlation")
    means = [math.fsum(each[name] for name in common) / len(common) for each in (first, second)]
    return math.fsum((first[name] - means[0]) * (second[name] - means[1]) for name in common) / (len(common) - 1)


def _correlation(rates: Sequence[Mapping[str, float]], between: Sequence[float]) -> float:
    scale = math.sqrt(between[0] * between[1])
    return max(-1.0, min(1.0, _covariance(rates[0], rates[1]) / scale)) if scale else CORRELATION
