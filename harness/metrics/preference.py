"""Preferences between answers: sign test, Wilson interval, items needed, and Davidson's Bradley-Terry model with ties.

The unit is the item: judges of one item are averaged first, for their votes are not independent. Nothing here knows
files, judges or names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.metrics._metric import Direction, Metric, Unit
from harness.stats.paired import compare
from harness.stats.proportion import Z

METRICS = (
    Metric(
        name="win_share", direction=Direction.HIGHER, unit=Unit.SHARE, value=lambda item: item["win_share"], largest=1.0
    ),
    Metric(name="strength", direction=Direction.HIGHER, unit=Unit.NUMBER, value=None),
)
Values = npt.NDArray[np.float64]
Counts = npt.NDArray[np.float64]
ALPHA, POWER = 0.05, 0.8
Z_POWER, MOST_EXACT = 0.8416212335729143, 20_000
MOST_SUMMED = 1000  # of more, whole numbers of so many digits would be slow
PRIOR_WINS = 1.0  # added to each pair that was voted on, half of it each way, where estimates would be infinite
STEPS = 50
BLOCK = 64  # of resamples that are fitted at once: what fits a processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


def sign_test(wins: int, losses: int) -> float:
    """Exact two-sided binomial p-value of as many wins among decided items if both were equally good; 1 for none."""
    decided, fewer = wins + losses, min(wins, losses)
    if not decided:
        return 1.0
    if decided > MOST_SUMMED:
        from scipy.stats import binom  # measured: 0.3 s

        return min(1.0, 2 * float(binom.cdf(fewer, decided, 0.5)))
    tail = sum(math.comb(decided, count) for count in range(fewer + 1))
    return min(1.0, 2 * tail / int(2**decided))


def win_share(values: Sequence[float], rng: np.random.Generator) -> Share:
    """The mean of one value per item (1 a win, 0.5 a tie, 0 a loss; judges averaged) with its bootstrap interval.

    The expanded percentile bootstrap over items (Hesterberg 2015). Raises ValueError for no items.
    """
    found = compare(values, [0.5] * len(values), rng, largest=0.5)
    return Share(value=found.value + 0.5, low=max(0.0, found.low + 0.5), high=min(1.0, found.high + 0.5))


def power_of(share: float, decided: int) -> float:
    """The chance that the exact sign test at 5 % finds a true share of wins among so many decided items."""
    return float(_powers(share, np.array([decided]))[0])


def smallest_detectable(decided: int) -> float | None:
    """The smallest share of wins that the sign test finds with 80 % power; None where no share is found."""
    if not decided or power_of(1.0, decided) < POWER:
        return None
    low, high = 0.5, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if power_of(middle, decided) >= POWER else (middle, high)
    return high


def items_needed(share: float, decided_share: float = 1.0) -> int | None:
    """The fewest items with which the exact sign test finds `share` of decided items with 80 % power.

    decided_share: how many items are decided; the rest are ties. None where the share is 0.5, or nothing is decided.
    """
    if abs(share - 0.5) < 1e-9 or not decided_share:
        return None
    about = int(0.25 * ((Z + Z_POWER) / (share - 0.5)) ** 2)  # by the normal approximation, which asks for fewer
    if about > MOST_EXACT:
        return math.ceil(about / decided_share)
    start = max(2, int(about * 0.7) - 20)
    while True:  # power goes up and down with the count: the first that has it
        counts = np.arange(start, start + 2 * max(20, about - start))
        enough = counts[_powers(share, counts) >= POWER]
        if len(enough):
            return math.ceil(int(enough[0]) / decided_share)
        start = int(counts[-1]) + 1


def _powers(share: float, decided: npt.NDArray[np.int64]) -> Values:
    """The power of the exact test for each number of decided items, shape (counts,)."""
    from scipy.stats import binom  # measured: 0.3 s

    most = binom.ppf(ALPHA / 2, decided, 0.5)
    most -= 2 * binom.cdf(most, decided, 0.5) > ALPHA  # the most losses that still reject; -1 where none do
    high = max(share, 1 - share)
    power = binom.cdf(most, decided, 1 - high) + binom.cdf(most, decided, high)
    return np.asarray(np.where(most < 0, 0.0, power), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strengths:
    """Davidson's model. theta: log strengths, sum 0, shape (models,), and their standard errors, which take votes for
    independent. nu: tie parameter; order: ln of the advantage of the first side. regularized: half a win each way was
    added to each pair that was voted on."""

    theta: Values
    errors: Values
    log_nu: float
    log_nu_error: float
    order: float
    regularized: bool

    @property
    def nu(self) -> float:
        """Davidson's tie parameter: 0 without ties."""
        return math.exp(self.log_nu)

    @property
    def pi(self) -> Values:
        """Strengths that sum to 1, shape (models,)."""
        strengths: Values = np.exp(self.theta) / np.exp(self.theta).sum()
        return strengths


def davidson(counts: Counts, *, order_effect: bool = False) -> Strengths:
    """Davidson 1970 (JASA 65), with the order effect of Davidson & Beaver 1977 where it is asked for.

    counts: shape (models, models, 3): [i, j] are pairs shown with i first: wins of i, wins of j, ties.
    Finite estimates need wins that connect all models both ways (Ford 1957); where they do not, half a win each way is
    added to each pair that was voted on. Raises ValueError where no votes connect the models at all.
    """
    groups = components(counts)
    if len(groups) > 1:
        raise ValueError(f"votes do not connect the models: {groups}")
    repaired = not bool(_strong(_wins(counts)[None])[0])
    data = _with_prior(counts) if repaired else counts
    solved = _newton(data[None], order_effect)
    errors = _errors(data, solved[0], order_effect)
    solved = solved[0]
    return Strengths(
        theta=solved[: len(counts)],
        errors=errors[: len(counts)],
        log_nu=float(solved[len(counts)]) if counts[..., 2].sum() else -math.inf,
        log_nu_error=float(errors[len(counts)]),
        order=float(solved[len(counts) + 1]),
        regularized=repaired,
    )


def davidson_resamples(counts: Counts, *, order_effect: bool = False) -> Values:
    """Log strengths of many sets of counts at once, shape (resamples, models).

    counts: shape (resamples, models, models, 3).

    A resample that is not connected both ways is repaired as in `davidson`, on the pairs that it holds. The order
    effect must be that of the estimate whose interval this is for: without it the strengths are of another model.
    """
    models = counts.shape[1]
    found = np.empty((len(counts), models))
    for start in range(0, len(counts), BLOCK):
        block = counts[start : start + BLOCK].astype(np.float64)
        weak = ~_strong(_wins(block))
        if weak.any():
            block[weak] = _with_prior(block[weak])
        found[start : start + BLOCK] = _newton(block, order_effect)[:, :models]
    return found


def gap_p_value(gap: float, drawn: Values, problems: int) -> float:
    """Two-sided p-value of a difference of two log strengths, from its resamples over so many problems.

    The gap over its bootstrap error follows t; a resample's variance is (n-1)/n of the sample's. Counting resamples on
    the other side of 0 instead tells equal models apart in 8 of 100 studies, and has no p-value below 2 / resamples,
    which all pairs of twenty models need. Never below 2 / 2^problems, that of a sign test in which all agree: a few
    problems that all say the same have no spread.
    """
    from scipy.special import stdtr  # measured: 0.1 s

    error = float(drawn.std()) * math.sqrt(problems / max(1, problems - 1))
    if abs(gap) < 1e-9:
        return 1.0
    p_value = 0.0 if error < 1e-9 else 2 * float(stdtr(max(1, problems - 1), -abs(gap) / error))
    return min(1.0, max(p_value, 2.0 ** (1 - problems)))


def components(counts: Counts) -> list[list[int]]:
    """The models that votes connect, as groups of indexes; one group where all have a common scale."""
    linked = counts.sum(axis=-1)
    linked = (linked + linked.T) > 0
    groups: list[list[int]] = []
    left = set(range(len(linked)))
    while left:
        group, fresh = set[int](), {min(left)}
        while fresh:
            group |= fresh
            fresh = {int(each) for one in fresh for each in np.flatnonzero(linked[one])} - group
        groups.append(sorted(group))
        left -= group
    return groups


def _wins(counts: Counts) -> Counts:
    """[..., i, j]: wins of i over j in either order, ties counted both ways."""
    wins = counts[..., 0] + counts[..., 2] + np.swapaxes(counts[..., 1] + counts[..., 2], -1, -2)
    return np.asarray(wins, np.float64)


def _strong(wins: Counts) -> npt.NDArray[np.bool_]:
    """Whether each graph of wins is strongly connected, shape (resamples,)."""
    models = wins.shape[-1]
    reach = ((wins > 0) | np.eye(models, dtype=bool)).astype(np.float32)
    for _ in range(max(1, math.ceil(math.log2(models)))):
        reach = (reach @ reach > 0).astype(np.float32)
    return np.asarray(reach.all(axis=(-1, -2)))


def _with_prior(counts: Counts) -> Counts:
    pairs = counts.sum(axis=-1)
    seen = (pairs + np.swapaxes(pairs, -1, -2)) > 0
    data = counts.astype(np.float64).copy()
    half = PRIOR_WINS / 4 * seen  # of each of the two orders
    half = half * (1 - np.eye(counts.shape[-2]))
    data[..., 0] += half
    data[..., 1] += half
    return data


def _newton(counts: Counts, order_effect: bool) -> Values:
    """theta, ln nu and ln gamma of each set of counts, shape (sets, models + 2).

    The multinomial logit with linear predictors theta_i + ln gamma, theta_j and ln nu + (theta_i + theta_j) / 2. The
    log-likelihood is concave, so Newton's steps from 0 end at its one maximum.
    """
    models = counts.shape[1]
    n, design, free = _logit(counts, order_effect)
    beta = _climb(n, design, models)
    found = np.zeros((len(counts), models + 2))
    found[:, free] = beta
    found[:, :models] -= found[:, :models].mean(axis=1, keepdims=True)
    return found


def _logit(counts: Counts, order_effect: bool) -> tuple[Counts, Values, list[int]]:
    """The model as a logit: outcomes, shape (sets, pairs, 2 or 3); its design, shape (pairs, 2 or 3, parameters), and
    which of theta, ln nu and ln gamma the parameters are."""
    sets, models = counts.shape[0], counts.shape[1]
    first, second = np.nonzero(counts.sum(axis=(0, -1)))
    n = counts[:, first, second, :]  # shape (sets, pairs, 3)
    if not order_effect:  # what is alike may be added: half as many pairs
        low, high = np.minimum(first, second), np.maximum(first, second)
        kinds, place = np.unique(low * models + high, return_inverse=True)
        flipped = np.where((first > second)[None, :, None], n[..., [1, 0, 2]], n)
        n = np.zeros((sets, len(kinds), 3))
        for index in range(len(place)):
            n[:, place[index]] += flipped[:, index]
        first, second = kinds // models, kinds % models
    ties = bool(n[..., 2].sum())
    design = np.zeros((len(first), 3, models + 2))  # shape (pairs, outcomes, parameters)
    rows = np.arange(len(first))
    design[rows, 0, first] = design[rows, 1, second] = 1.0
    design[rows, 2, first] += 0.5
    design[rows, 2, second] += 0.5
    design[:, 2, models] = 1.0
    design[:, 0, models + 1] = 1.0
    free = [*range(models), *([models] if ties else []), *([models + 1] if order_effect else [])]
    outcomes = 3 if ties else 2
    return n[..., :outcomes], design[:, :outcomes][..., free], free


def _errors(counts: Counts, solved: Values, order_effect: bool) -> Values:
    """Standard errors of theta (whose sum is 0), ln nu and ln gamma, shape (models + 2,): 0 for what is not fitted."""
    models = counts.shape[0]
    n, design, free = _logit(counts[None], order_effect)
    score = design @ solved[free]  # shape (pairs, outcomes)
    chance = np.exp(score - score.max(axis=-1, keepdims=True))
    chance *= n[0].sum(axis=-1, keepdims=True) / chance.sum(axis=-1, keepdims=True)
    means = np.einsum("po,pok->pk", chance, design) / n[0].sum(axis=-1, keepdims=True)
    spread = design - means[:, None, :]
    information = np.einsum("po,pok,pol->kl", chance, spread, spread)
    covariance = np.linalg.pinv(information, rcond=1e-10)  # its only null direction is a shift of all strengths
    found = np.zeros(models + 2)
    found[free] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return found


def _climb(n: Counts, design: Values, models: int) -> Values:
    """Newton's steps, shape (sets, parameters). n: (sets, pairs, outcomes); design: (pairs, outcomes, parameters)."""
    pairs, outcomes, size = design.shape
    flat = design.reshape(pairs * outcomes, size)
    total = n.sum(axis=-1, keepdims=True)
    observed = n.reshape(len(n), -1) @ flat
    beta = np.zeros((len(n), size))
    pull = np.zeros(size)
    pull[:models] = 1.0
    ridge = np.outer(pull, pull) * np.maximum(1.0, total.sum(axis=(1, 2)))[:, None, None] / models**2 + 1e-9 * np.eye(
        size
    )
    for _ in range(STEPS):
        score = (beta @ flat.T).reshape(len(n), pairs, outcomes)
        chance = np.exp(score - score.max(axis=-1, keepdims=True))
        chance *= total / chance.sum(axis=-1, keepdims=True)  # expected counts
        weights = chance.reshape(len(n), -1)
        gradient = observed - weights @ flat
        means = np.einsum("spo,pok->spk", chance, flat.reshape(pairs, outcomes, size), optimize=True)
        share = np.divide(means, total, out=np.zeros_like(means), where=total > 0)
        hessian = flat.T @ (weights[:, :, None] * flat) - np.swapaxes(means, 1, 2) @ share
        step = np.linalg.solve(hessian + ridge, gradient[..., None])[..., 0]
        step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
        beta += step
        if np.abs(step).max() < 1e-11:
            break
    return beta
