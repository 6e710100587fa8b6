"""Measures, one file each: texts, labels, log-probabilities or features in, numbers out.

A file without an underscore has `METRICS`, a `Metric` for each name under which it reports an estimate; a family of
names (`pass@1`, `pass@10`) has `find(name) -> Metric | None` beside it. Comparisons, leaderboards, reports and the
terminal ask `find_metric` and `metric_or_guess`, and know no metric by its name. A heavy library is imported by the
one file that it is for.
"""

from harness.metrics._lookup import all_metrics, find_metric, metric_or_guess, named_value
from harness.metrics._metric import Direction, Item, Metric, Unit, mean_of, share

__all__ = [
    "Direction",
    "Item",
    "Metric",
    "Unit",
    "all_metrics",
    "find_metric",
    "mean_of",
    "metric_or_guess",
    "named_value",
    "share",
]
