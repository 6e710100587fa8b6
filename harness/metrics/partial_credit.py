"""Partial credit: the share of a problem's cases that a program passes, and of the points that they are worth."""

from __future__ import annotations

from harness.metrics._metric import share
from harness.stats import bootstrap

METHOD = (
    "mean over problems of the mean over samples; "
    f"95 % percentile bootstrap over problems, {bootstrap.RESAMPLES:,} resamples"
)
METRICS = (share("cases_passed"), share("points"))
