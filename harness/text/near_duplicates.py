"""Near duplicates among many texts: MinHash signatures, candidates by banding, verified by the exact Jaccard index.

Theory of operation. A text is the set of its 5-token shingles. Its signature (Broder 1997) is 128 minima over random
orders of them; two signatures agree in a share of places that estimates the sets' Jaccard index. Only pairs that agree
in one whole band of a signature are looked at (Leskovec et al., Mining of Massive Datasets, section 3.4); the bands are
chosen so that a pair at the threshold is missed with a probability under 1 %. Each candidate's index is then computed
from the texts themselves, so that what is reported is exact. `datasketch` owns the signatures. The banding is ours: its
index keeps a Python set per band and text (measured: 25 bands, 7 KB a text), sorted arrays take 0.3 KB.
Memory: 0.5 KB a text for its signature. No texts are held.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.text.shingles import Hashes, jaccard, shingles
from harness.text.words import visible

TOKENS = 5  # of a shingle, and the threshold: those of The Stack's near-deduplication (Kocetkov et al. 2022: 5, 0.7)
THRESHOLD = 0.7
PLACES = 128  # of a signature
MISSED = 0.01  # at most, of the pairs at the threshold
# An estimate from 128 places has a standard deviation of at most 0.044: what is this far below is not verified.
MARGIN = 0.2
CLOSEST = 20  # candidates of one text that are verified, the likeliest first
_32_BITS = np.uint64(32)

Signatures = npt.NDArray[np.uint32]
Reader = Callable[[int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketches:
    """What is kept of texts: `signatures` (texts, PLACES); `digests` (texts,).

    Digests are equal for texts that look the same but for white space.
    """

    signatures: Signatures
    digests: Hashes

    def take(self, indexes: npt.NDArray[np.int64]) -> Sketches:
        """Those of some of the texts."""
        return Sketches(signatures=self.signatures[indexes], digests=self.digests[indexes])


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A text and its closest one of another set of texts, by their places in them."""

    left: int
    right: int
    similarity: float


def sketch(texts: Iterable[str], count: int) -> Sketches:
    """The sketches of `count` texts."""
    import datasketch  # measured: 0.4 s, for it imports scipy.integrate

    signatures = np.empty((count, PLACES), dtype=np.uint32)
    digests = np.empty(count, dtype=np.uint64)
    empty = datasketch.MinHash(num_perm=PLACES, seed=1, hashfunc=int)
    for place, text in enumerate(texts):
        minhash = empty.copy()
        minhash.update_batch((shingles(text, TOKENS) >> _32_BITS).tolist())
        signatures[place] = minhash.hashvalues
        digests[place] = _digest(text)
    return Sketches(signatures=signatures, digests=digests)


def _digest(text: str) -> int:
    plain = " ".join(visible(text).split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(plain).digest()[:8], "big")


def bands(threshold: float) -> tuple[int, int]:
    """(how many bands, their width): the widest for which a pair at the threshold is missed with less than MISSED.

    Raises ValueError for a threshold that is no share, or too low for any.
    """
    for width in range(PLACES, 0, -1):
        count = PLACES // width
        if 0 < threshold <= 1 and (1 - threshold**width) ** count < MISSED:
            return count, width
    raise ValueError(f"a threshold from 0.04 to 1 is expected, not {threshold}")


def find_exact(left: Sketches, right: Sketches) -> Iterator[Match]:
    """The texts on the right that are on the left too, but for white space, each with the first of its like."""
    values, first = np.unique(left.digests, return_index=True)
    place = np.minimum(np.searchsorted(values, right.digests), len(values) - 1)
    for index in np.flatnonzero(values[place] == right.digests).tolist():
        yield Match(left=int(first[place[index]]), right=index, similarity=1.0)


def find_near(
    left: Sketches, right: Sketches, read_left: Reader, read_right: Reader, threshold: float = THRESHOLD
) -> Iterator[Match]:
    """For each text on the right with a near duplicate on the left: the closest of those verified. Exact ones too.

    Equal texts on the left are looked at once.
    """
    index = _BandIndex(left, threshold)
    for place in range(len(right.digests)):
        found = index.candidates(right.signatures[place])[:CLOSEST]
        if len(found):
            own = shingles(read_right(place), TOKENS)
            scored = [(jaccard(own, shingles(read_left(int(other)), TOKENS)), -int(other)) for other in found]
            similarity, other = max(scored)
            if similarity >= threshold:
                yield Match(left=-other, right=place, similarity=similarity)


def components(sketches: Sketches, read: Reader, threshold: float = THRESHOLD) -> npt.NDArray[np.int64]:
    """The group of each text, shape (texts,): texts in a chain of near duplicates share one, named by its first text.

    A chain's ends may be less alike than the threshold: a group is what must not be divided between parts.
    """
    _, first, inverse = np.unique(sketches.digests, return_index=True, return_inverse=True)
    distinct = np.sort(first)
    index = _BandIndex(sketches, threshold)
    parents: dict[int, int] = {}

    @functools.lru_cache(maxsize=4096)
    def shingles_of(place: int) -> Hashes:
        return shingles(read(place), TOKENS)

    for place in distinct.tolist():
        for other in index.candidates(sketches.signatures[place]).tolist():
            ours, theirs = _root(parents, place), _root(parents, other)
            joined = other >= place or ours == theirs
            if not joined and jaccard(shingles_of(place), shingles_of(other)) >= threshold:
                parents[max(ours, theirs)] = min(ours, theirs)
    roots = np.array([_root(parents, int(place)) for place in first], dtype=np.int64)
    return roots[inverse]


def _root(parents: dict[int, int], place: int) -> int:
    while place in parents:
        parents[place] = parents.get(parents[place], parents[place])  # halve the way for the next
        place = parents[place]
    return place


class _BandIndex:
    """The distinct texts of a set, found by the bands of their signatures."""

    def __init__(self, sketches: Sketches, threshold: float) -> None:
        self._count, self._width = bands(threshold)
        self._floor = threshold - MARGIN
        _, first = np.unique(sketches.digests, return_index=True)
        self._places = np.sort(first)  # of the distinct texts, shape (distinct,)
        self._signatures = sketches.signatures[self._places]
        keys = self._keys(self._signatures)  # (distinct, bands)
        self._order = [np.argsort(keys[:, band], kind="stable").astype(np.uint32) for band in range(self._count)]
        self._sorted = [keys[order, band] for band, order in enumerate(self._order)]

    def candidates(self, signature: Signatures) -> npt.NDArray[np.int64]:
        """Places of texts that agree in a band and are not clearly below the threshold, the likeliest first."""
        keys = self._keys(signature[None])[0]
        runs = []
        for band, key in enumerate(keys):
            low = np.searchsorted(self._sorted[band], key, "left")
            high = np.searchsorted(self._sorted[band], key, "right")
            if low < high:
                runs.append(self._order[band][low:high])
        if not runs:
            return self._places[:0]
        found = np.unique(np.concatenate(runs))
        estimates = (self._signatures[found] == signature).mean(axis=1)
        likely = np.argsort(-estimates, kind="stable")[: int((estimates >= self._floor).sum())]
        return self._places[found[likely]]

    def _keys(self, signatures: Signatures) -> Hashes:
        """One number a band: shape (texts, bands)."""
        used = signatures[:, : self._count * self._width].reshape(len(signatures), self._count, self._width)
        keys = np.zeros(used.shape[:2], dtype=np.uint64)
        for place in range(self._width):
            keys = (keys ^ used[:, :, place]) * np.uint64(0x9E3779B97F4A7C15)
            keys ^= keys >> _32_BITS
        return keys
