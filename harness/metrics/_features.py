"""What the metrics of feature sets share: checked matrices, squared distances in blocks, groups for the jackknife."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]
BLOCK_BYTES = 64_000_000


def as_features(values: ArrayLike, name: str = "features") -> Matrix:
    """(pictures, dimensions) in float64. Raises ValueError for another shape, and for a row that is not finite."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2:
        raise ValueError(f"{name} has shape {found.shape}, not (pictures, dimensions)")
    finite = np.isfinite(found).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        kind = "NaN" if np.isnan(found[row]).any() else "infinity"
        raise ValueError(f"{name}: row {row} has {kind}; the extractor or its input is broken")
    return found


def as_pair(real: ArrayLike, gen: ArrayLike) -> tuple[Matrix, Matrix]:
    """Two sets of one dimension. Raises ValueError where the dimensions differ, and as `as_features` does."""
    first, second = as_features(real, "real"), as_features(gen, "gen")
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"real has {first.shape[1]} dimensions and gen {second.shape[1]}: use one extractor for both")
    return first, second


def distance_blocks(rows: Matrix, columns: Matrix) -> Iterator[tuple[slice, Matrix]]:
    """Squared Euclidean distances, a block of rows at a time: (rows of the block, (rows, len(columns))).

    What rounding leaves of the distance of two equal vectors counts as 0. The block is overwritten by the next one.
    """
    square = np.einsum("ij,ij->i", columns, columns)
    size = max(1, min(len(rows), BLOCK_BYTES // (8 * max(1, len(columns)))))
    memory = np.empty((size, len(columns)))
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        block = np.matmul(part, columns.T, out=memory[: len(part)])
        own = np.einsum("ij,ij->i", part, part)[:, None]
        block *= -2
        block += own
        block += square
        floor = 1e-13 * float(own.max(initial=0.0) + square.max(initial=0.0))
        block[block < floor] = 0.0
        yield slice(start, start + len(part)), block


def kth_squared_distance(points: Matrix, k: int) -> Matrix:
    """(N,): squared distance of every point to its k-th nearest other point. Raises ValueError unless 1 <= k < N."""
    if not 1 <= k < len(points):
        raise ValueError(f"k = {k} neighbours need {k + 1} pictures at least; there are {len(points)}")
    found = np.empty(len(points))
    for rows, block in distance_blocks(points, points):
        found[rows] = np.partition(block, k, axis=1)[:, k]  # entry 0 is the point itself
    return found


def groups(n: int, count: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """`count` disjoint groups of 0..n-1 in random order, of sizes that differ by one at most."""
    order = rng.permutation(n)
    return [order[i::count] for i in range(count)]
