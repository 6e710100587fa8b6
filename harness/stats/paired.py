"""Is one system better than another on the same problems? Difference, interval, test, and what could have been seen.

Everything is computed from one value per problem and system, so samples of a problem are never counted as problems.
Knows numbers only: what they measure, and whether the two systems may be compared at all, is the caller's matter.
Random parts do not depend on the order of the problems, and mirror exactly where the systems are swapped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from harness.stats.bootstrap import ALPHA, RESAMPLES
from harness.stats.proportion import least_share_of_all

Values = npt.NDArray[np.float64]
POWER = 0.8
EXACT_FLIPS = 14  # 2^14 sign patterns cost what RESAMPLES random ones do
MCNEMAR = "exact McNemar test"
FLIPS = "exact sign-flip permutation test"
TAIL = "sign-flip permutation test, tail by saddlepoint"
MOST_FLIPS = 100_000  # more would be needed for p-values that the tail gives at once
_BLOCK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first system's mean minus the second's, in the values' own unit.

    low, high: the 95 % interval. variance: of the difference, from problem to problem. step: the size of a difference
    where all problems that differ do so by the same, else 0. smallest_detectable: the difference that this many
    problems show with 80 % power; None where the variance is 0, so that nothing is known of other problems. won, lost:
    problems where the first system's value is above, below the second's.
    """

    value: float
    low: float
    high: float
    p_value: float
    method: str
    variance: float
    step: float
    smallest_detectable: float | None
    n_problems: int
    won: int
    lost: int

    @property
    def tied(self) -> int:
        """Problems with the same value."""
        return self.n_problems - self.won - self.lost


def compare(
    a: Sequence[float],
    b: Sequence[float],
    rng: np.random.Generator,
    *,
    weights: Sequence[float] | None = None,
    largest: float | None = 1.0,
    resamples: int = RESAMPLES,
    flips: int = RESAMPLES,
) -> Difference:
    """The paired difference of two systems: a[i] and b[i] are their values on problem i.

    weights: what a problem counts (tokens of a text, say); all the same where absent. largest: how far two values can
    lie apart, None where nothing limits them; it bounds the interval where no two problems differ. The interval is the
    expanded percentile bootstrap over problems (Hesterberg 2015), the test is `sign_flip_p`. Raises ValueError for no
    problems, and for lists of different lengths.
    """
    if not len(a) == len(b) == len(a if weights is None else weights) or not len(a):
        raise ValueError(f"a comparison needs the same problems, and at least one: {len(a)} and {len(b)} values")
    gaps = np.asarray(a, np.float64) - np.asarray(b, np.float64)  # shape (problems,), as the next line
    shares = np.ones(len(gaps)) if weights is None else np.asarray(weights, np.float64) * len(gaps) / math.fsum(weights)
    value = math.fsum(gaps * shares) / len(gaps)
    interval_rng, test_rng = rng.spawn(2)
    low, high = _interval(gaps, shares, value, interval_rng, largest, resamples)
    p_value, method = sign_flip_p(gaps * shares, test_rng, flips)
    variance = _variance(gaps, shares, value)
    step = float(np.abs(gaps * shares).max()) if method == MCNEMAR else 0.0
    return Difference(
        value=value,
        low=low,
        high=high,
        p_value=p_value,
        method=method,
        variance=variance,
        step=step,
        smallest_detectable=smallest_detectable(variance, len(gaps), step=step) if variance else None,
        n_problems=len(gaps),
        won=int((gaps > 0).sum()),
        lost=int((gaps < 0).sum()),
    )


def sign_flip_p(gaps: Values, rng: np.random.Generator, flips: int = RESAMPLES) -> tuple[float, str]:
    """Two-sided p-value of "swapping the systems on a problem changes nothing", and the name of the test.

    Fisher's (1935) randomization test of a sum of paired differences. Where all that are not 0 have the same size, as
    for one sample per problem, their signs are binomial: the exact McNemar test. With few such problems every pattern
    of signs is tried, else `flips` random ones, with (count + 1) / (flips + 1) (Phipson & Smyth 2010). Where more than
    MOST_FLIPS are asked for, the tail is computed instead (`harness.stats.sign_flips`).
    """
    sizes = np.sort(np.abs(gaps[gaps != 0]))  # shape (problems that differ,)
    observed = abs(math.fsum(gaps)) * (1 - 1e-12) - 1e-12 * float(sizes.sum())  # equal sums must not differ by rounding
    if not len(sizes) or sizes[-1] - sizes[0] <= 1e-12 * sizes[-1]:
        return mcnemar_p(gaps), MCNEMAR
    if len(sizes) <= EXACT_FLIPS:
        patterns = np.arange(2 ** len(sizes))[:, None] >> np.arange(len(sizes)) & 1
        return float(np.mean(np.abs((2 * patterns - 1) @ sizes) >= observed)), FLIPS
    if flips > MOST_FLIPS:
        from harness.stats.sign_flips import tail_p_values  # measured: scipy takes 0.1 s

        return float(tail_p_values(gaps[None, :])[0]), TAIL
    reached = 0
    for start in range(0, flips, _BLOCK):
        signs = rng.integers(0, 2, size=(min(_BLOCK, flips - start), len(sizes)), dtype=np.int8) * 2.0 - 1.0
        reached += int((np.abs(signs @ sizes) >= observed).sum())
    return (reached + 1) / (flips + 1), f"sign-flip permutation test, {flips:,} flips"


def mcnemar_p(gaps: Values) -> float:
    """Two-sided p-value of the exact McNemar test: differences of one size, or 0, whose signs are binomial."""
    won, differing = int((gaps > 0).sum()), int((gaps != 0).sum())
    tail = sum(math.comb(differing, count) for count in range(min(won, differing - won) + 1))
    return float(min(1.0, 2 * tail / 2**differing))


def expanded_tail(count: int) -> float:
    """The share of resamples to cut at each end for a 95 % interval from `count` items (two or more).

    A resample's variance is (n-1)/n of the sample's, and the mean of n values follows t: both widen the quantile
    (Hesterberg 2015, section 5.3).
    """
    from scipy.special import stdtrit  # measured: 0.1 s

    quantile = math.sqrt(count / (count - 1)) * float(stdtrit(count - 1, 1 - ALPHA / 2))
    return NormalDist().cdf(-quantile)


def _interval(
    gaps: Values, shares: Values, value: float, rng: np.random.Generator, largest: float | None, resamples: int
) -> tuple[float, float]:
    if gaps.min() == gaps.max():
        return _without_spread(value, len(gaps), largest)
    side = math.copysign(1.0, value)
    order = np.lexsort((shares, gaps * side, np.abs(gaps)))  # any order of problems, and either order of systems
    gaps, shares = gaps[order], shares[order]
    sizes = [min(_BLOCK, resamples - start) for start in range(0, resamples, _BLOCK)]  # in blocks: little memory
    means = np.concatenate([_resampled(gaps * shares, shares, size, rng) for size in sizes])
    tail = expanded_tail(len(gaps))
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _resampled(scaled: Values, shares: Values, size: int, rng: np.random.Generator) -> Values:
    drawn = rng.integers(0, len(shares), size=(size, len(shares)))  # which problem, shape (size, problems)
    means: Values = scaled[drawn].sum(axis=1) / shares[drawn].sum(axis=1)
    return means


def _without_spread(value: float, count: int, largest: float | None) -> tuple[float, float]:
    """The interval where all problems show the same difference: resamples cannot differ, but other problems may.

    At most a share 1 - (alpha/2)^(1/n) of problems is of a kind that none of n was (Clopper & Pearson 1934), and such
    a problem shows at most the largest difference there can be.
    """
    if largest is None:
        return value, value
    unseen = 1 - least_share_of_all(count, ALPHA)
    return value - unseen * (value + largest), value + unseen * (largest - value)


def _variance(gaps: Values, shares: Values, value: float) -> float:
    if gaps.min() == gaps.max():
        return 0.0
    # of a ratio of two means, by its linear part (Cochran 1977, section 6.4); with equal shares the sample's own
    return math.fsum((shares * (gaps - value)) ** 2) / (len(gaps) - 1)


def smallest_detectable(
    variance: float, n_problems: int, *, step: float = 0.0, power: float = POWER, alpha: float = ALPHA
) -> float:
    """The true difference that a two-sided test at alpha finds with this power.

    variance: of the difference, from problem to problem. (t[1-alpha/2] + t[power]) sqrt(variance / n), n - 1 degrees of
    freedom: Bloom 1995 (Evaluation Review 19); Miller 2024 (arXiv 2411.00640), section 5, has it with normal quantiles.
    step: 1 for one sample per problem, where the exact test takes few p-values and loses what the continuity correction
    of McNemar's statistic, (|won - lost| - 1) / sqrt(won + lost), takes off (Edwards 1948).
    """
    from scipy.special import stdtrit  # measured: 0.1 s

    quantiles = stdtrit(n_problems - 1, 1 - alpha / 2) + stdtrit(n_problems - 1, power)
    return float(quantiles) * math.sqrt(variance / n_problems) + step / n_problems


def problems_needed(
    variance: float, effect: float, *, step: float = 0.0, power: float = POWER, alpha: float = ALPHA
) -> int:
    """The fewest problems of which `smallest_detectable` is at most `effect`. Raises ValueError unless effect > 0."""
    if not effect > 0:
        raise ValueError(f"the effect must be above 0, not {effect}")
    normal = NormalDist()
    quantiles = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)
    # below the answer by little: t is wider than normal, and the step takes up to twice of what is added here
    count = max(2, math.floor(variance * (quantiles / effect) ** 2 + step / effect))
    while smallest_detectable(variance, count, step=step, power=power, alpha=alpha) > effect:
        count += 1
    return count


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values for many comparisons made at once, in the order given (Holm 1979): each may be read on its own."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
