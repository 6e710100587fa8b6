"""Shares of a count with their intervals. Knows numbers only."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959963984540054  # the normal distribution's 97.5 % quantile: of a 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """count of total, and the 95 % interval of Wilson (1927) for the share."""

    count: int
    total: int
    share: float
    low: float
    high: float


def wilson(count: int, total: int) -> Proportion:
    """Wilson 1927, as in Brown, Cai & DasGupta 2001, equation 4. Raises ValueError for a total of 0."""
    if not 0 <= count <= total or not total:
        raise ValueError(f"a count from 0 to a total above 0 is expected, not {count} of {total}")
    share, z2 = count / total, Z * Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    low = 0.0 if count == 0 else middle - half
    return Proportion(count=count, total=total, share=share, low=low, high=1.0 if count == total else middle + half)


def least_share_of_all(count: int, alpha: float) -> float:
    """The least share of a kind that all of `count` problems were of: (alpha/2)^(1/count), Clopper & Pearson 1934.

    Where no two problems differ, resamples cannot either; this says what other problems may yet be like.
    """
    return float((alpha / 2) ** (1 / count))
