"""pass@k: the probability that at least one of k samples passes, per problem and without bias; then the mean.

base_pass@k is the same of the base tests alone, of a set that adds others to them (HumanEval+, MBPP+).
"""

from __future__ import annotations

import functools
import math

from harness.metrics._metric import Direction, Metric, Unit
from harness.stats import bootstrap

DEFAULT_KS = (1, 10, 100)
BASE = "base_"
METHOD = (
    "unbiased pass@k (Chen et al. 2021, eq. 1); "
    f"95 % percentile bootstrap over problems, {bootstrap.RESAMPLES:,} resamples"
)
BASE_METHOD = f"of the base tests alone; {METHOD}"


def pass_at_k(n: int, c: int, k: int) -> float:
    """The probability that at least one of k samples passes, from n samples of which c passed, without bias.

    1 - C(n-c, k) / C(n, k), in the product form 1 - prod_{i=n-c+1..n} (i - k)/i: Chen et al. 2021 (arXiv 2107.03374),
    equation 1 and figure 3. Over integers with one division, so that 3 of 6 is 0.5 and not 0.49999. Raises
    ValueError unless 0 <= c <= n and 1 <= k <= n.
    """
    if n < 1 or not 0 <= c <= n:
        raise ValueError(f"c must be between 0 and n, and n at least 1; c is {c}, n is {n}")
    if not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and n; k is {k}, n is {n}")
    if n - c < k:
        return 1.0
    outcomes = math.prod(range(n - c + 1, n + 1))
    return (outcomes - math.prod(range(n - c + 1 - k, n - k + 1))) / outcomes


@functools.cache
def metric(k: int) -> Metric:
    """pass@k for one k; a problem with fewer than k samples has no value (ValueError)."""
    return _metric("", "c", k)


@functools.cache
def base_metric(k: int) -> Metric:
    """base_pass@k, likewise."""
    return _metric(BASE, "base_c", k)


def _metric(prefix: str, passed: str, k: int) -> Metric:
    """passed: what a problem calls the number of its samples that count."""
    return Metric(
        name=f"{prefix}pass@{k}",
        direction=Direction.HIGHER,
        unit=Unit.SHARE,
        value=lambda item: pass_at_k(int(item["n"]), int(item[passed]), k),
        largest=1.0,
        headline=not prefix,
    )


def find(name: str) -> Metric | None:
    """The metric of a name such as `pass@10` or `base_pass@10`; None for other names."""
    plain = name.removeprefix(BASE)
    k = plain.removeprefix("pass@")
    if k == plain or not (k.isdecimal() and k.isascii() and int(k) > 0):
        return None
    return metric(int(k)) if plain == name else base_metric(int(k))


METRICS = (*map(metric, DEFAULT_KS), *map(base_metric, DEFAULT_KS))
