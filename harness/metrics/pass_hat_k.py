"""pass^k: the probability that all of k samples pass, per problem and without bias; then the mean."""

from __future__ import annotations

import functools
import math

from harness.metrics._metric import Direction, Metric, Unit

SOURCE = "unbiased pass^k (Yao et al. 2024, section 3)"


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The probability that all of k samples pass, from n samples of which c passed, without bias.

    C(c, k) / C(n, k): Yao et al. 2024 (tau-bench, arXiv 2406.12045), section 3. Raises ValueError unless 0 <= c <= n
    and 1 <= k <= n.
    """
    if n < 1 or not 0 <= c <= n:
        raise ValueError(f"c must be between 0 and n, and n at least 1; c is {c}, n is {n}")
    if not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and n; k is {k}, n is {n}")
    return math.comb(c, k) / math.comb(n, k)


@functools.cache
def metric(k: int) -> Metric:
    """pass^k for one k; a problem with fewer than k samples has no value (ValueError)."""
    return Metric(
        name=f"pass^{k}",
        direction=Direction.HIGHER,
        unit=Unit.SHARE,
        value=lambda item: pass_hat_k(int(item["n"]), int(item["c"]), k),
        largest=1.0,
        headline=True,
    )


def find(name: str) -> Metric | None:
    """The metric of a name such as `pass^10`; None for other names."""
    k = name.removeprefix("pass^")
    return metric(int(k)) if k != name and k.isdecimal() and k.isascii() and int(k) > 0 else None


METRICS = tuple(metric(k) for k in (10, 100))
