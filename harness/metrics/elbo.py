"""The variational bound of a diffusion model on 8-bit pictures, in bits per dimension.

Ho et al. 2020 (arXiv 2006.11239), equations 5-8 and 13; Nichol & Dhariwal 2021 (arXiv 2102.09672), section 2. Per
picture:

    L_T + sum over t = 2..T of KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) + L_0, over (dimensions * ln 2)

p's mean is the posterior's mean at the predicted x_0. L_0 is the log-likelihood of the bins (`discretized_nll`), or
of a density (`gaussian_nll`). Less is better; it says nothing about looks. Index t = 1..T; `alpha_bar` has T + 1
entries, the
first of them 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics._features import Matrix
from harness.metrics._metric import Direction, Metric, Unit

METRICS = (Metric(name="bits_per_dim", direction=Direction.LOWER, unit=Unit.BITS, value=None, per="dimension"),)
LN2 = math.log(2)
BIN = 1 / 255  # half a bin of an 8-bit value scaled to [-1, 1]


@dataclass(frozen=True, slots=True)
class Posterior:
    """q(x_{t-1} | x_t, x_0) = N(of_x0 * x_0 + of_xt * x_t, variance); each (T + 1,), entry 0 unused; beta likewise."""

    of_x0: NDArray[np.float64]
    of_xt: NDArray[np.float64]
    variance: NDArray[np.float64]
    beta: NDArray[np.float64]

    @property
    def steps(self) -> int:
        """T."""
        return len(self.beta) - 1


def posterior(alpha_bar: NDArray[np.float64]) -> Posterior:
    """Ho et al. 2020, equations 6 and 7. Raises ValueError unless `alpha_bar` begins with 1 and falls."""
    if alpha_bar[0] != 1 or not (np.diff(alpha_bar) < 0).all() or alpha_bar[-1] <= 0:
        raise ValueError("alpha_bar must begin with 1 and fall towards 0")
    before, now = alpha_bar[:-1], alpha_bar[1:]
    beta = 1 - now / before
    of_x0 = np.sqrt(before) * beta / (1 - now)
    of_xt = np.sqrt(1 - beta) * (1 - before) / (1 - now)
    variance = beta * (1 - before) / (1 - now)
    pad = np.zeros(1)
    return Posterior(*(np.concatenate([pad, part]) for part in (of_x0, of_xt, variance, beta)))


def step_kl(of: Posterior, t: int, x0_error2: Matrix, model_variance: float) -> Matrix:
    """KL of step t >= 2 in nats per dimension, from the squared error of the predicted x_0."""
    true = of.variance[t]
    ratio = true / model_variance
    return np.asarray(0.5 * (ratio - 1 - math.log(ratio) + of.of_x0[t] ** 2 * x0_error2 / model_variance))


def prior_kl(alpha_bar_end: float, x0_squared: Matrix) -> Matrix:
    """KL(q(x_T | x_0) || N(0, I)) in nats per dimension."""
    variance = 1 - alpha_bar_end
    return np.asarray(0.5 * (variance + alpha_bar_end * x0_squared - 1 - math.log(variance)))


def discretized_nll(x0: Matrix, mean: Matrix, variance: float) -> Matrix:
    """-log of the probability of the 8-bit value's bin, nats per dimension; the outer bins are open (equation 13)."""
    from scipy.special import log_ndtr, ndtr  # measured: 0.1 s

    scale = 1 / math.sqrt(variance)
    upper, lower = (x0 + BIN - mean) * scale, (x0 - BIN - mean) * scale
    middle, half = -np.abs(lower + upper) / 2, (upper - lower) / 2  # in the lower tail differences keep their digits
    inside = ndtr(middle + half) - ndtr(middle - half)
    log_p = np.log(np.maximum(inside, 1e-12))
    log_p = np.where(x0 <= -1 + 1e-6, log_ndtr(upper), log_p)
    log_p = np.where(x0 >= 1 - 1e-6, log_ndtr(-lower), log_p)
    return np.asarray(-np.maximum(log_p, math.log(1e-12)))


def gaussian_nll(x0: Matrix, mean: Matrix, variance: float) -> Matrix:
    """-log of the density, in nats per dimension: for data that are not 8-bit values."""
    return np.asarray(0.5 * (math.log(2 * math.pi * variance) + (x0 - mean) ** 2 / variance))


def bits_per_dim(nats: float | NDArray[np.float64], dimensions: int) -> float | NDArray[np.float64]:
    """Nats of a whole picture to bits per dimension."""
    return nats / (dimensions * LN2)
