"""Copies of training pictures among generated ones, and training pictures where they must not be.

First equal pixels (SHA-256 of the decoded picture), then nearest neighbours in the extractor's features: a generated
picture is a candidate where it is nearer to training than half the smallest distance of any hold-out picture.
Training pictures
in the hold-out are taken out of it first: they would make that distance 0 and hide every copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.images.distances import check
from harness.images.features import FeatureSet
from harness.images.pictures import PictureSet
from harness.metrics.authenticity import COPY_SHARE, authenticity, ct_z, nearest, nearest_other


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A generated picture and the training picture nearest to it. ratio: distance over the threshold."""

    gen: int
    train: int
    gen_id: str
    train_id: str
    distance: float
    ratio: float | None
    equal_pixels: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport:
    """What was found. `gen_distance` and `holdout_distance`: of every picture to training, for the histogram."""

    threshold: float
    calibrated_on: str
    candidates: list[Pair]
    nearest: list[Pair]
    authenticity: float
    ct_z: float | None
    median_ratio: float | None
    leaks: dict[str, int]
    leak_examples: dict[str, list[list[str]]]
    warnings: list[str]
    gen_distance: NDArray[np.float64]
    holdout_distance: NDArray[np.float64]

    def record(self) -> dict[str, Any]:
        """As summary.json has it: pairs by their names."""
        keep = (
            "threshold",
            "calibrated_on",
            "authenticity",
            "ct_z",
            "median_ratio",
            "leaks",
            "leak_examples",
            "warnings",
        )
        found = {name: getattr(self, name) for name in keep}
        return found | {
            "candidates": [asdict(pair) for pair in self.candidates],
            "nearest": [asdict(pair) for pair in self.nearest],
        }


def digests(pictures: PictureSet) -> list[str]:
    """The pixel digest of every picture."""
    return [one.digest for _, one in pictures]


def shared(train: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """(place in other, place in train) of equal pictures."""
    places = {digest: i for i, digest in reversed(list(enumerate(train)))}
    return [(i, places[digest]) for i, digest in enumerate(other) if digest in places]


def find_copies(
    train: FeatureSet,
    gen: FeatureSet,
    holdout: FeatureSet | None,
    *,
    pixels: dict[str, list[str]] | None = None,
    top: int = 16,
) -> CopyReport:
    """Candidates, nearest pairs and leaks. `pixels`: pixel digests by `train`, `gen`, `holdout`, `reference`.

    Raises InputError for features of different extractors and for too few pictures.
    """
    check(train, gen)
    if len(train) < 2:
        raise InputError(f"copies need 2 training pictures at least; {train.name} has {len(train)}")
    pixels = pixels or {}
    leaks = {
        name: shared(pixels["train"], pixels[name])
        for name in ("holdout", "reference")
        if name in pixels and "train" in pixels
    }
    warnings = ["W_LEAK"] if any(leaks.values()) else []
    unseen = _unseen(train, holdout, leaks.get("holdout", []))
    if unseen is None:
        warnings.append("W_NO_HOLDOUT")
        calibration = nearest_other(train.matrix)
    else:
        _, calibration = nearest(unseen, train.matrix)
    index, distance = nearest(gen.matrix, train.matrix)
    threshold = COPY_SHARE * float(calibration[calibration > 0].min(initial=np.inf))
    threshold = threshold if np.isfinite(threshold) else 0.0
    equal = dict(shared(pixels["train"], pixels["gen"])) if {"train", "gen"} <= pixels.keys() else {}
    order = np.argsort(distance, kind="stable")
    pairs = [
        _pair(int(i), equal.get(int(i), int(index[i])), gen, train, float(distance[i]), threshold, int(i) in equal)
        for i in order
    ]
    candidates = [pair for pair in pairs if pair.equal_pixels or pair.distance < threshold]
    return CopyReport(
        threshold=threshold, calibrated_on="hold-out" if unseen is not None else "training (leave one out)",
        candidates=candidates, nearest=pairs[:top], authenticity=authenticity(gen.matrix, train.matrix),
        ct_z=None if unseen is None else ct_z(distance, calibration),
        median_ratio=None if unseen is None else float(np.median(distance) / np.median(calibration)),
        leaks={name: len(found) for name, found in leaks.items() if found},
        leak_examples={
            name: [[_id(holdout, i) if name == "holdout" else str(i), _id(train, j)] for i, j in found[:5]]
            for name, found in leaks.items() if found
        },
        warnings=warnings, gen_distance=distance, holdout_distance=calibration,
    )  # fmt: skip


def _unseen(
    train: FeatureSet, holdout: FeatureSet | None, leaked: Sequence[tuple[int, int]]
) -> NDArray[np.float64] | None:
    if holdout is None:
        return None
    check(train, holdout)
    gone = {i for i, _ in leaked}
    kept = [i for i in range(len(holdout)) if i not in gone]
    if not kept:
        raise InputError(f"every picture of {holdout.name} is in training; give another hold-out")
    return holdout.matrix[kept]


def _pair(i: int, j: int, gen: FeatureSet, train: FeatureSet, distance: float, threshold: float, equal: bool) -> Pair:
    ratio = distance / threshold if threshold > 0 else None
    return Pair(
        gen=i, train=j, gen_id=_id(gen, i), train_id=_id(train, j), distance=distance, ratio=ratio, equal_pixels=equal
    )


def _id(found: FeatureSet | None, i: int) -> str:
    return found.ids[i] if found is not None and i < len(found.ids) else str(i)
