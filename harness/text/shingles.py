"""Texts as sets of shingles: runs of n tokens, each as one 64-bit number. What near duplicates and copies are told by.

A token is a word or one other mark (`harness.text.words`). White space and invisible characters do not
count, case does. Knows nothing of files and models.
"""

from __future__ import annotations

import functools
import hashlib

import numpy as np
import numpy.typing as npt

from harness.text.words import tokens

Hashes = npt.NDArray[np.uint64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying loses nothing; 2^64 over the golden ratio
_SPREAD = np.uint64(0xFF51AFD7ED558CCD)  # of MurmurHash3's finalizer
_HALF = np.uint64(33)


def token_hashes(words: list[str]) -> Hashes:
    """One 64-bit number a token, the same in every process: shape (tokens,)."""
    return np.fromiter(map(_token_hash, words), dtype=np.uint64, count=len(words))


@functools.lru_cache(maxsize=1 << 19)
def _token_hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def windows(hashed: Hashes, n: int) -> Hashes:
    """One number for each run of n tokens: shape (tokens - n + 1,), empty where there are fewer than n.

    A polynomial over the tokens' numbers modulo 2^64, then mixed, so that each bit of it depends on all of them.
    """
    count = len(hashed) - n + 1
    if count < 1:
        return hashed[:0]
    combined = np.zeros(count, dtype=np.uint64)
    for place in range(n):
        combined = combined * _FACTOR + hashed[place : place + count]
    combined ^= combined >> _HALF
    combined *= _SPREAD
    return combined ^ (combined >> _HALF)


def shingles(text: str, n: int) -> Hashes:
    """The distinct shingles of a text, sorted. A text of fewer than n tokens is one; one without tokens has none."""
    hashed = token_hashes(tokens(text))
    return np.unique(windows(hashed, min(n, len(hashed)))) if len(hashed) else hashed


def jaccard(a: Hashes, b: Hashes) -> float:
    """|A and B| / |A or B| of two sorted arrays of distinct shingles (Jaccard 1912); 0 where both are empty."""
    shared = len(np.intersect1d(a, b, assume_unique=True))
    union = len(a) + len(b) - shared
    return shared / union if union else 0.0
