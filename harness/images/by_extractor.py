"""Distances by several extractors in one report: in which order they stand, and how their numbers are told apart.

DINOv2 stands first where it is given: it agrees better with people than Inception does (Stein et al. 2023, arXiv
2306.04675). The numbers of the first keep their names (`kid`); those of the others are followed by their extractor
(`kid/clip`). The verdict stands on the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.errors import InputError
from harness.images.distances import Distances, Settings
from harness.images.features import Extractor, FeatureSet, open_extractor
from harness.images.metric_value import MetricValue

FIRST = "dinov2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ByExtractor:
    """What one extractor saw. real, values: None and empty without a reference."""

    gen: FeatureSet
    real: FeatureSet | None
    values: Distances


def open_all(specs: Sequence[str]) -> list[Extractor]:
    """Extractors as they are given. Raises InputError for one that is given twice, or is none."""
    opened = [open_extractor(spec) for spec in specs]
    twice = [name for name, n in Counter(one.info.signature for one in opened).items() if n > 1]
    if twice:
        raise InputError(f"--extractor: {twice[0]} is given twice")
    return opened


def in_order(found: Sequence[ByExtractor]) -> list[ByExtractor]:
    """The order of the report: DINOv2 first, the others as they were given."""
    return sorted(found, key=lambda one: one.gen.info.kind != FIRST)


def settings_for(settings: Settings, gen: FeatureSet, every: Sequence[FeatureSet]) -> Settings:
    """The settings for one of several extractors: those without classes leave the Inception score to the others."""
    if settings.metrics is None or gen.logits is not None or all(one.logits is None for one in every):
        return settings
    return replace(settings, metrics=tuple(name for name in settings.metrics if name != "is"))


def all_values(found: Sequence[ByExtractor]) -> list[MetricValue]:
    """The numbers of every extractor, each under a name of its own."""
    kinds = Counter(one.gen.info.kind for one in found)
    values: list[MetricValue] = []
    for place, one in enumerate(found):
        kind, signature = one.gen.info.kind, one.gen.info.signature
        values += _named(one.values.values, kind, kind if kinds[kind] == 1 else signature) if place else (
            one.values.values
        )  # fmt: skip
    return values


def _named(values: Sequence[MetricValue], kind: str, label: str) -> list[MetricValue]:
    """`kid` as `kid/clip`. A distance that is named by its kind already (`fid/clip`, Inception's `fid`) stays."""

    def name(one: MetricValue) -> str:
        bare = one.name.removesuffix(f"/{kind}")
        is_named = label == kind and (bare != one.name or one.name == "fid")
        return one.name if is_named else f"{bare}/{label}"

    return [replace(one, name=name(one)) for one in values]
