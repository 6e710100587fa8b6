"""G-Pass@k: the probability that at least a share tau of k samples passes, without bias; then the mean."""

from __future__ import annotations

import functools
import math
import re

from harness.metrics._metric import Direction, Metric, Unit

SOURCE = "unbiased G-Pass@k (Liu et al. 2024, eq. 5)"
THRESHOLDS = (0.5, 0.75, 1.0)  # those of the paper's tables
_NAME = re.compile(r"g-pass@([1-9][0-9]{0,8})_(1(?:\.0+)?|0?\.[0-9]+)", re.ASCII)


def g_pass_at_k(n: int, c: int, k: int, tau: float) -> float:
    """The probability that at least ceil(tau k) of k samples pass, from n samples of which c passed, without bias.

    sum over j from ceil(tau k) to c of C(c, j) C(n - c, k - j) / C(n, k): Liu et al. 2024 (Are Your LLMs Capable of
    Stable Reasoning?, arXiv 2412.13147), equation 5. tau 1 is pass^k; tau 1/k is pass@k. Raises ValueError unless
    0 <= c <= n, 1 <= k <= n and 0 < tau <= 1.
    """
    if n < 1 or not 0 <= c <= n:
        raise ValueError(f"c must be between 0 and n, and n at least 1; c is {c}, n is {n}")
    if not 1 <= k <= n or not 0 < tau <= 1:
        raise ValueError(
            f"k must be between 1 and n, and tau above 0 and at most 1; k is {k}, n is {n}, tau is {tau:g}"
        )
    least = math.ceil(round(tau * k, 9))  # 0.7 * 10 is 7.000000000000001 or less, and means 7
    ways = sum(math.comb(c, j) * math.comb(n - c, k - j) for j in range(least, min(c, k) + 1))
    return ways / math.comb(n, k)


@functools.cache
def metric(k: int, tau: float) -> Metric:
    """G-Pass@k at one threshold; a problem with fewer than k samples has no value (ValueError)."""
    return Metric(
        name=f"g-pass@{k}_{tau:g}",
        direction=Direction.HIGHER,
        unit=Unit.SHARE,
        value=lambda item: g_pass_at_k(int(item["n"]), int(item["c"]), k, tau),
        largest=1.0,
        headline=True,
    )


def find(name: str) -> Metric | None:
    """The metric of a name such as `g-pass@10_0.75`; None for other names."""
    match = _NAME.fullmatch(name)
    if match is None or float(match[2]) == 0:
        return None
    found = metric(int(match[1]), float(match[2]))
    return found if found.name == name else None


METRICS = tuple(metric(k, tau) for k in (10, 100) for tau in THRESHOLDS)
