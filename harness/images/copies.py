"""Copies of training pictures among generated ones, and training pictures where they must not be.

First equal pixels (SHA-256 of the decoded picture), then nearest neighbours, in the extractor's features and in
thumbnails of 8 x 8 pixels: a generated picture is a candidate where it is nearer to training than half the smallest
distance of any hold-out picture. A copy with a little noise on it can be far away in features, which a network may
magnify, and not in thumbnails, where it averages out. Training pictures in the hold-out are taken out of it first: they
would make that distance 0 and hide every copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.images.distances import check
from harness.images.features import FeatureSet
from harness.images.pictures import PictureSet, thumbnail
from harness.metrics.authenticity import COPY_SHARE, authenticity, ct_z, nearest, nearest_other


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A generated picture and the training picture nearest to it. ratio: distance over the threshold. near_pixels:
    nearer than a hold-out picture in thumbnails."""

    gen: int
    train: int
    gen_id: str
    train_id: str
    distance: float
    ratio: float | None
    equal_pixels: bool
    near_pixels: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPixels:
    """What is kept of the pixels of a set. thumbnails: (N, 192), mean colors in 8 x 8 parts."""

    digests: list[str]
    thumbnails: NDArray[np.float32]


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


def see(pictures: PictureSet) -> SeenPixels:
    """Digests and thumbnails of all pictures, one picture in memory at a time."""
    digests, small = [], []
    for _, one in pictures:
        digests.append(one.digest)
        small.append(thumbnail(one.pixels))
    return SeenPixels(digests=digests, thumbnails=np.stack(small))


def shared(train: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """(place in other, place in train) of equal pictures."""
    places = {digest: i for i, digest in reversed(list(enumerate(train)))}
    return [(i, places[digest]) for i, digest in enumerate(other) if digest in places]


def find_copies(
    train: FeatureSet,
    gen: FeatureSet,
    holdout: FeatureSet | None,
    *,
    pixels: Mapping[str, SeenPixels] | None = None,
    top: int = 16,
) -> CopyReport:
    """Candidates, nearest pairs and leaks. `pixels`: by `train`, `gen`, `holdout`, `reference`, of pictures.

    Raises InputError for features of different extractors and for too few pictures.
    """
    check(train, gen)
    if len(train) < 2:
        raise InputError(f"copies need 2 training pictures at least; {train.name} has {len(train)}")
    pixels = pixels or {}
    leaks = {
        name: shared(pixels["train"].digests, pixels[name].digests)
        for name in ("holdout", "reference")
        if name in pixels and "train" in pixels
    }
    warnings = ["W_LEAK"] if any(leaks.values()) else []
    unseen = _unseen(train, holdout, leaks.get("holdout", []))
    if unseen is None:
        warnings.append("W_NO_HOLDOUT")
    threshold, calibration = _calibrate(
        train.matrix, None if unseen is None or holdout is None else holdout.matrix[unseen]
    )
    index, distance = nearest(gen.matrix, train.matrix)
    alike = _alike(pixels, unseen)
    equal = dict(shared(pixels["train"].digests, pixels["gen"].digests)) if {"train", "gen"} <= pixels.keys() else {}
    pairs = []
    for i in np.argsort(distance, kind="stable").tolist():
        j = equal.get(i, alike.get(i, int(index[i])))
        apart = float(np.linalg.norm(gen.matrix[i] - train.matrix[j])) if j != index[i] else float(distance[i])
        ratio = apart / threshold if threshold > 0 else None
        pairs.append(Pair(
            gen=i, train=j, gen_id=_id(gen, i), train_id=_id(train, j), distance=apart, ratio=ratio,
            equal_pixels=i in equal, near_pixels=i in alike,
        ))  # fmt: skip
    candidates = [
        pair for pair in pairs if pair.equal_pixels or pair.near_pixels or distance[pair.gen] < threshold
    ]  # fmt: skip
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


def _calibrate(train: NDArray[Any], unseen: NDArray[Any] | None) -> tuple[float, NDArray[np.float64]]:
    """The threshold of a copy, and the distances that it stands on: of unseen pictures to training, or of training
    pictures to the rest of it."""
    found = nearest_other(train) if unseen is None else nearest(unseen, train)[1]
    threshold = COPY_SHARE * float(found[found > 0].min(initial=np.inf))
    return (threshold if np.isfinite(threshold) else 0.0), found


def _alike(pixels: Mapping[str, SeenPixels], unseen: list[int] | None) -> dict[int, int]:
    """Generated picture -> training picture, for those whose thumbnails are nearer than any hold-out picture's. {}
    without a hold-out: training may be so varied that its own distances say nothing of two pictures of one kind."""
    if unseen is None or not {"train", "gen", "holdout"} <= pixels.keys():
        return {}
    train, gen = pixels["train"].thumbnails, pixels["gen"].thumbnails
    threshold, _ = _calibrate(train, pixels["holdout"].thumbnails[unseen])
    index, distance = nearest(gen, train)
    return {int(i): int(index[i]) for i in np.flatnonzero(distance < threshold)}


def _unseen(train: FeatureSet, holdout: FeatureSet | None, leaked: Sequence[tuple[int, int]]) -> list[int] | None:
    """Places of the hold-out's pictures that training does not have; None without a hold-out."""
    if holdout is None:
        return None
    check(train, holdout)
    gone = {i for i, _ in leaked}
    kept = [i for i in range(len(holdout)) if i not in gone]
    if not kept:
        raise InputError(f"every picture of {holdout.name} is in training; give another hold-out")
    return kept


def _id(found: FeatureSet | None, i: int) -> str:
    return found.ids[i] if found is not None and i < len(found.ids) else str(i)
