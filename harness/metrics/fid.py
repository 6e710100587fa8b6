"""Frechet distance of two sets of features (FID where the features are Inception's), its jackknife and its floor.

Heusel et al. 2017 (arXiv 1706.08500), equation 6: |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), with sample
covariances (N - 1).
The trace of the root is the sum of the roots of the eigenvalues of S2 S1, those of L' S2 L where S1 = L L' (Cholesky);
where a set has no more pictures than dimensions it is the nuclear norm of the product of the centered features, which
is exact there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.metrics._features import Matrix, as_features, as_pair, groups
from harness.metrics._metric import Direction, Metric, Unit

METRICS = (Metric(name="fid", direction=Direction.LOWER, unit=Unit.NUMBER, value=None, headline=True),)


def find(name: str) -> Metric | None:
    """`fid/shapes`, `fd/dinov2`: the distance by an extractor."""
    if not name.startswith(("fid/", "fd/")):
        return None
    return Metric(name=name, direction=Direction.LOWER, unit=Unit.NUMBER, value=None, headline=True)


@dataclass(frozen=True, slots=True)
class Moments:
    """What the distance knows of a set. mean: (D,); covariance: (D, D); n: None where only the two were given."""

    mean: NDArray[np.float64]
    covariance: Matrix
    n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Jackknifed:
    """A distance with its delete-a-group jackknife. bias_corrected, se, low and high: None where N is too small."""

    value: float
    bias_corrected: float | None
    se: float | None
    low: float | None
    high: float | None
    groups: int


def moments(features: ArrayLike) -> Moments:
    """Mean and covariance of (N, D) features. Raises ValueError for N < 2."""
    found = as_features(features)
    if len(found) < 2:
        raise ValueError(f"a covariance needs 2 pictures at least; there are {len(found)}")
    mean = found.mean(axis=0)
    centered = found - mean
    return Moments(mean, centered.T @ centered / (len(found) - 1), len(found))


def frechet_of_moments(real: Moments, gen: Moments) -> float:
    """The distance of two Gaussians. Raises ValueError where the shapes differ."""
    if real.mean.shape != gen.mean.shape:
        raise ValueError(f"real has {len(real.mean)} dimensions and gen {len(gen.mean)}: use one extractor for both")
    gap = real.mean - gen.mean
    traces = float(np.trace(real.covariance) + np.trace(gen.covariance))
    return max(0.0, float(gap @ gap) + traces - 2 * _trace_of_root(real.covariance, gen.covariance))


def frechet(real: ArrayLike, gen: ArrayLike) -> float:
    """The distance of two sets of features, (N, D) and (M, D). Raises ValueError for N < 2 or M < 2."""
    first, second = as_pair(real, gen)
    if min(len(first), len(second)) > first.shape[1]:
        return frechet_of_moments(moments(first), moments(second))
    if min(len(first), len(second)) < 2:
        raise ValueError("a covariance needs 2 pictures at least on each side")
    gap = first.mean(axis=0) - second.mean(axis=0)
    a = (first - first.mean(axis=0)) / math.sqrt(len(first) - 1)
    b = (second - second.mean(axis=0)) / math.sqrt(len(second) - 1)
    root = _nuclear_norm(a, b)
    return max(0.0, float(gap @ gap) + float(np.vdot(a, a) + np.vdot(b, b)) - 2 * root)


def jackknife(real: ArrayLike, gen: ArrayLike, count: int = 10, seed: int = 0) -> Jackknifed:
    """The distance, corrected for its bias, with standard error and 95 % interval.

    Both sets are cut into `count` groups; each time one group of each is left out. With mean m of the `count`
    distances, the correction is count * value - (count - 1) * m (Quenouille 1956), the squared error (count - 1) /
    count * sum
    (d - m)^2 (Wolter 2007, section 4.2), the interval Student's with count - 1 degrees of freedom. A resampling
    bootstrap would
    miss: duplicates lower the effective N, which the distance's bias depends on.
    No correction unless what is left of both sets has more pictures than dimensions; no error below twice as many.
    """
    first, second = as_pair(real, gen)
    value, dimensions = frechet(first, second), first.shape[1]
    smallest = min(len(first), len(second))
    if count < 2 or smallest < 2 * count or smallest - math.ceil(smallest / count) <= dimensions:
        return Jackknifed(value=value, bias_corrected=None, se=None, low=None, high=None, groups=count)
    rng = np.random.default_rng(seed)
    sums = [_leave_out(features, groups(len(features), count, rng)) for features in (first, second)]
    left = np.array([frechet_of_moments(a, b) for a, b in zip(*sums, strict=True)])
    corrected = count * value - (count - 1) * float(left.mean())
    if smallest < 2 * dimensions:
        return Jackknifed(value=value, bias_corrected=corrected, se=None, low=None, high=None, groups=count)
    se = math.sqrt((count - 1) / count * float(((left - left.mean()) ** 2).sum()))
    reach = student_quantile(count - 1) * se
    return Jackknifed(
        value=value, bias_corrected=corrected, se=se, low=corrected - reach, high=corrected + reach, groups=count
    )


def noise_floor(reference: ArrayLike, n_real: int, n_gen: int, seed: int = 2020) -> float | None:
    """The distance of two disjoint samples of the reference, of these sizes (or in their proportion, where it is
    smaller).

    None for fewer than four pictures.
    """
    found = as_features(reference)
    if len(found) < 4:
        return None
    share = min(1.0, len(found) / (n_real + n_gen))
    first, second = max(2, int(n_real * share)), max(2, int(n_gen * share))
    order = np.random.default_rng(seed).permutation(len(found))
    return frechet(found[order[:first]], found[order[first : first + second]])


def _leave_out(features: Matrix, parts: list[NDArray[np.int64]]) -> list[Moments]:
    """The moments without each of the parts, from sums of the parts: shifted by the mean, so that nothing cancels."""
    center = features.mean(axis=0)
    shifted = features - center
    outer = shifted.T @ shifted
    found = []
    for part in parts:
        gone = shifted[part]
        n = len(features) - len(part)
        mean = -gone.sum(axis=0) / n  # the sum of all is 0
        covariance = (outer - gone.T @ gone - n * np.outer(mean, mean)) / (n - 1)
        found.append(Moments(center + mean, covariance, n))
    return found


def _trace_of_root(first: Matrix, second: Matrix) -> float:
    from scipy.linalg import eigh  # measured: 0.1 s

    try:  # LAPACK's dsygv: half the arithmetic of the two products, as it knows that they are symmetric
        values = eigh(second, first, type=2, eigvals_only=True, driver="gv", check_finite=False)
    except np.linalg.LinAlgError:  # not of full rank: the symmetric root of what there is
        values, vectors = np.linalg.eigh(first)
        root = vectors * np.sqrt(np.maximum(values, 0))
        product = root.T @ second @ root
        values = np.linalg.eigvalsh((product + product.T) / 2)
    return float(np.sqrt(np.maximum(values, 0)).sum())


def _nuclear_norm(a: Matrix, b: Matrix) -> float:
    """Sum of the singular values of a b', (N, M)."""
    product = a @ b.T
    return float(np.linalg.svd(product, compute_uv=False).sum())


def student_quantile(degrees: int) -> float:
    """The 97.5 % point of Student's distribution."""
    from scipy.special import stdtrit  # measured: 0.1 s

    return float(stdtrit(degrees, 0.975))
