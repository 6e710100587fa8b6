"""Short texts that stand inside longer ones: what the Jaccard index cannot see, for a long text dilutes it.

A benchmark's problem copied into a file of a thousand lines is a leak with a Jaccard index near 0. Containment (Broder
1997) is the share of one text's shingles that the other has. The texts looked for are indexed whole, the others pass
by: memory goes with the first (12 bytes a shingle, at most BLOCK shingles at a time), time with both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.text.shingles import Hashes, shingles

TOKENS = 5
# Rows of one data set are alike by nature: of functions of Python's library 20 % hold half of another, few hold 0.8.
THRESHOLD = 0.8
# For a benchmark: of HumanEval+ in HumanEval (the same prompt, another solution) 97 % are found, of MBPP in it none.
BENCHMARK = 0.5
SHORTEST = 20  # shingles; a shorter text stands in many by chance
COMMON = 100  # a shingle in more of the texts than this is boilerplate, which tells none of them
BLOCK = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contained:
    """The text of `left` that holds most of the text of `right`, None where none shares a shingle; and the share."""

    left: int | None
    right: int
    share: float


def find_contained(left: Callable[[], Iterable[str]], right: Iterable[str]) -> Iterator[Contained]:
    """For each text on the right, in order, the text on the left that holds the largest share of its shingles.

    A text with fewer than SHORTEST shingles of its own is left out. `left` is read once per block on the right.
    """
    for index in _blocks(right):
        best = np.zeros(len(index.sizes))
        holder = np.full(len(index.sizes), -1, dtype=np.int64)
        for place, text in enumerate(left()):
            owners, shares = index.shares(shingles(text, TOKENS))
            better = shares > best[owners]
            best[owners[better]] = shares[better]
            holder[owners[better]] = place
        for number in np.flatnonzero(index.sizes).tolist():
            held_by = int(holder[number]) if holder[number] >= 0 else None
            yield Contained(left=held_by, right=index.places[number], share=float(best[number]))


class _Index:
    """The shingles of a block of texts, sorted, each with the texts that have it. places: of the texts that are in."""

    def __init__(self, sets: list[tuple[int, Hashes]]) -> None:
        hashes = np.concatenate([found for _, found in sets]) if sets else np.empty(0, dtype=np.uint64)
        owners = np.repeat(np.arange(len(sets), dtype=np.uint32), [len(found) for _, found in sets])
        order = np.argsort(hashes, kind="stable")
        _, counts = np.unique(hashes, return_counts=True)
        kept = np.repeat(counts <= COMMON, counts)
        self._hashes, self._owners = hashes[order][kept], owners[order][kept]
        sizes = np.bincount(self._owners, minlength=len(sets))
        self.sizes: npt.NDArray[np.int64] = np.where(sizes >= SHORTEST, sizes, 0)
        self.places = [place for place, _ in sets]

    def shares(self, found: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """(texts of the block that share a shingle with `found`, the share of theirs that it has)."""
        low = np.searchsorted(self._hashes, found, "left")
        spans = np.searchsorted(self._hashes, found, "right") - low
        total = int(spans.sum())
        # the places low[i], low[i]+1, ... of every shingle, end to end
        places = np.repeat(low - np.cumsum(spans) + spans, spans) + np.arange(total)
        shared = np.bincount(self._owners[places], minlength=len(self.sizes))
        owners = np.flatnonzero((shared > 0) & (self.sizes > 0))
        return owners, shared[owners] / self.sizes[owners]


def _blocks(texts: Iterable[str]) -> Iterator[_Index]:
    held: list[tuple[int, Hashes]] = []
    size = 0
    for place, text in enumerate(texts):
        found = shingles(text, TOKENS)
        if len(found) >= SHORTEST:
            held.append((place, found))
            size += len(found)
        if size >= BLOCK:
            yield _Index(held)
            held, size = [], 0
    if held:
        yield _Index(held)
