"""Numbers that another system's rows amount to: a mean with its standard error over clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from harness.exchange import ReportedMetric


def clustered_mean(metric: str, values: Sequence[float], clusters: Sequence[Hashable]) -> ReportedMetric:
    """The mean of all values, and its standard error over clusters (pictures of one prompt are no independent draws).

    The error is that of a ratio of sums by linearization (Cochran 1977, section 6.3); None for one cluster.
    """
    mean = math.fsum(values) / len(values)
    totals: dict[Hashable, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        totals[cluster] = totals.get(cluster, 0.0) + value - mean
    n = len(totals)
    square = math.fsum(each * each for each in totals.values())
    stderr = math.sqrt(square * n / (n - 1)) / len(values) if n > 1 else None
    return ReportedMetric(metric=metric, value=mean, stderr=stderr, n_problems=n, n_completions=len(values))
