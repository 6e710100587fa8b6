"""Tail probabilities of the sign-flip test without drawing: for tables of many runs, whose pairs need tiny p-values.

The test asks how often a sum of the same differences with random signs is at least as far from 0 as the observed one
(Fisher 1935). Drawn signs cannot tell a p-value below one over their number, and with 200 runs each of 19,900 pairs
must pass 0.05 / 19,900. So the tail is computed instead: by the saddlepoint approximation, which is within a few per
cent of the exact value far into the tail, and exactly, by convolution, where a few large differences rule the sum and
the approximation does not hold.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

Values = npt.NDArray[np.float64]
_ROUNDING = 1e-12  # sums that are equal must not differ by rounding
_FEW = 15.0  # fewer differences of one size than this rule out the approximation
_FLOOR = 1e-12  # below it the convolution is rounding
_GRID = 1 << 14
_STEPS = 60


def tail_p_values(gaps: Values) -> Values:
    """Two-sided p-values of the sign-flip test for each row of gaps, shape (pairs, problems); shape (pairs,).

    A row whose differences are all 0 has p-value 1.
    """
    sizes = np.abs(gaps)
    total = sizes.sum(axis=1)
    observed = np.abs(gaps.sum(axis=1)) * (1 - _ROUNDING) - _ROUNDING * total
    p_values = np.ones(len(gaps))
    square, fourth = (sizes**2).sum(axis=1), (sizes**4).sum(axis=1)
    few = square**2 < _FEW * fourth
    for row in np.flatnonzero(few & (total > 0)):
        p_values[row] = convolved_p(gaps[row])
    rest = np.flatnonzero(~few & (total > 0))
    for start in range(0, len(rest), 2000):  # in blocks: little memory
        rows = rest[start : start + 2000]
        p_values[rows] = _saddlepoint(sizes[rows], observed[rows])
    return p_values


def convolved_p(gap: Values) -> float:
    """The two-sided p-value of one row of differences, from the whole distribution of the flipped sum.

    The distribution is the convolution of two points +-g for every difference g, by its Fourier transform, on a grid.
    Exact where the differences are multiples of one step, as for shares of equally many samples; else each is rounded
    to an 8,000th of their sum. Never below 1e-12, where rounding begins.
    """
    sizes = np.abs(gap[gap != 0])
    if not len(sizes):
        return 1.0
    step = _lattice_step(sizes)
    exact = step > 0 and sizes.sum() / step < _GRID / 2 - 1
    unit = step if exact else float(sizes.sum()) / (_GRID / 2 - len(sizes) - 2)
    steps = np.rint(sizes / unit)
    frequencies = np.arange(_GRID // 2 + 1) * (2 * np.pi / _GRID)
    transform = np.ones(len(frequencies))
    for size in steps:
        transform *= np.cos(frequencies * size)
    chances = np.fft.irfft(transform, _GRID)  # of the sum = index, and of -index at the end
    signed = np.sign(gap[gap != 0])
    threshold = abs(float((signed * steps).sum())) if exact else abs(float(gap.sum())) / unit
    reached = chances[: _GRID // 2][np.arange(_GRID // 2) >= threshold - 1e-6].sum()
    both = 2 * reached - (chances[0] if threshold < 0.5 else 0.0)
    return float(min(1.0, max(both, _FLOOR, 2.0 ** (1 - len(sizes)))))


def _lattice_step(sizes: Values) -> float:
    """The step that all of these are multiples of; 0 where there is none that matters."""
    ordered = np.unique(np.round(np.sort(sizes), 12))
    steps = np.diff(np.concatenate([[0.0], ordered]))
    step = float(steps.min())
    for _ in range(3):  # Euclid, for steps such as 2/6 and 1/2
        rest = ordered - step * np.rint(ordered / step)
        left = np.abs(rest[np.abs(rest) > 1e-9])
        if not len(left):
            return step
        step = float(left.min())
        if step * _GRID < ordered[-1]:
            return 0.0
    return 0.0


def _saddlepoint(sizes: Values, observed: Values) -> Values:
    """Lugannani & Rice 1980 for the sum of +-sizes, with Daniels' (1987) continuity correction on a lattice.

    sizes: shape (pairs, problems). observed: the sums' absolute values, shape (pairs,).
    """
    steps = np.array([_lattice_step(row[row > 0]) for row in sizes])
    reached = np.maximum(observed - steps, 0.0)  # sums lie 2 steps apart: half of that
    counts = (sizes > 0).sum(axis=1)
    extreme = reached >= sizes.sum(axis=1) * (1 - 1e-9) - steps * 1e-6
    tilt = _solve(sizes, np.where(extreme, 0.0, reached))
    scaled = tilt[:, None] * sizes
    cumulant = (np.logaddexp(scaled, -scaled) - np.log(2)).sum(axis=1)
    variance = (sizes**2 / np.cosh(np.minimum(scaled, 300.0)) ** 2).sum(axis=1)
    w = np.sqrt(np.maximum(2 * (tilt * reached - cumulant), 0.0))
    lattice = np.where(steps > 0, np.sinh(np.minimum(tilt * steps, 50.0)) / np.where(steps > 0, steps, 1.0), tilt)
    u = lattice * np.sqrt(variance)
    p_values = np.ones(len(sizes))
    usable = (w > 1e-2) & ~extreme
    density = np.exp(-(w[usable] ** 2) / 2) / np.sqrt(2 * np.pi)
    p_values[usable] = 2 * (np.exp(log_ndtr(-w[usable])) + density * (1 / u[usable] - 1 / w[usable]))
    smallest = 2.0 ** (1.0 - counts)
    p_values[extreme] = smallest[extreme]
    result: Values = np.clip(p_values, smallest, 1.0)
    return result


def _solve(sizes: Values, sums: Values) -> Values:
    """The tilt s at which the mean of the tilted sum, sum of g tanh(s g), is the given one; shape (pairs,)."""
    low = np.zeros(len(sizes))
    high = np.full(len(sizes), 1.0) / sizes.max(axis=1)
    for _ in range(_STEPS):
        short = (sizes * np.tanh(high[:, None] * sizes)).sum(axis=1) < sums
        if not short.any():
            break
        high[short] *= 2
    tilt: Values = np.minimum(sums / (sizes**2).sum(axis=1), high)
    for _ in range(_STEPS):
        tanh = np.tanh(tilt[:, None] * sizes)
        gap = (sizes * tanh).sum(axis=1) - sums
        low, high = np.where(gap < 0, tilt, low), np.where(gap >= 0, tilt, high)
        slope = (sizes**2 * (1 - tanh**2)).sum(axis=1)
        newton = tilt - gap / np.maximum(slope, 1e-300)
        inside = (newton > low) & (newton < high)
        new: Values = np.where(inside, newton, (low + high) / 2)
        if np.all(np.abs(new - tilt) <= 1e-10 * np.maximum(new, 1e-300)):
            return new
        tilt = new
    return tilt
