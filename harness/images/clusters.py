"""Groups of pictures that look alike, by Lloyd's algorithm on features: what to name where pictures have no captions.

The first centers are spread out (each the picture farthest from those before), so that nothing is drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 12
PICTURES_EACH, MOST = 50, 20

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Places of its pictures in the set, the one nearest to its center first."""

    places: NDArray[np.int64]


def find_clusters(features: Floats) -> list[Cluster]:
    """Clusters of features (N, D): one for each 50 pictures, 20 at most. [] for fewer than two."""
    count = min(MOST, len(features) // PICTURES_EACH)
    if count < 2:
        return []
    centers = _spread(features, count)
    for _ in range(ROUNDS):
        nearest = _squared(features, centers).argmin(axis=1)
        centers = np.stack([
            features[nearest == c].mean(axis=0) if (nearest == c).any() else centers[c] for c in range(count)
        ])  # fmt: skip
    distance = _squared(features, centers)
    nearest = distance.argmin(axis=1)
    found = []
    for c in range(count):
        places = np.flatnonzero(nearest == c)
        if len(places):
            found.append(Cluster(places=places[np.argsort(distance[places, c], kind="stable")]))
    return found


def _spread(features: Floats, count: int) -> Floats:
    """(count, D): the picture nearest to the mean, then each time the one farthest from all chosen."""
    first = int(((features - features.mean(axis=0)) ** 2).sum(axis=1).argmin())
    chosen = [first]
    away = _squared(features, features[first][None])[:, 0]
    while len(chosen) < count:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, _squared(features, features[chosen[-1]][None])[:, 0])
    return features[chosen]


def _squared(features: Floats, centers: Floats) -> Floats:
    """(N, count) squared distances."""
    squares = (features**2).sum(axis=1)[:, None] - 2 * features @ centers.T + (centers**2).sum(axis=1)
    return np.asarray(np.maximum(squares, 0))
