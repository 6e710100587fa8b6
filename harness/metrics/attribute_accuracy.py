"""The share of the attributes in a caption of the world `shapes` that a picture shows, by the embedded classifier."""

from __future__ import annotations

from harness.metrics._metric import Metric, share

METRICS: tuple[Metric, ...] = (share("attribute_accuracy"),)
