"""Verbatim copies: the longest run of tokens that a model's output shares with the texts it was trained on.

Theory of operation. Only the outputs are indexed: the hash of each run of SEED tokens, sorted. The training texts
stream past once; the runs of theirs that are in the index give pairs (place in the training text, place in the
outputs). Pairs next to each other on a diagonal are one copy: r of them in a row are a copy of SEED + r - 1 tokens. So
the time is that of hashing both sides, not of comparing them, and the memory goes with the outputs alone (20 bytes a
token). Copies shorter than SEED are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.text.shingles import Hashes, token_hashes, windows
from harness.text.words import tokens

SEED = 8
ODD = np.uint64(0x9E3779B97F4A7C15)
INVERSE = np.uint64(pow(int(ODD), -1, 2**64))
CROWDED = 8  # pairs of equal runs for each run, on average: a text that says the same over and over
LONG = 50  # tokens: what Carlini et al. 2023 (arXiv 2202.07646) count as memorized; theirs are of a subword tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbatimCopy:
    """The longest copy in one output: its tokens, where it begins in the output, and which training text has it.

    source: None, and length 0, where there is none of SEED tokens.
    """

    length: int
    start: int
    source: int | None


def longest_copies(outputs: Sequence[str], training: Iterable[str]) -> list[VerbatimCopy]:
    """For each output the longest run of its tokens that stands in one of the training texts."""
    index = _Index(outputs)
    for source, text in enumerate(training):
        index.look(source, token_hashes(tokens(text)))
    return index.copies()


def excerpt(output: str, copy: VerbatimCopy, most: int = 30) -> str:
    """The first tokens of a copy, with spaces between them."""
    words = tokens(output)[copy.start : copy.start + copy.length]
    return " ".join(words[:most]) + (" ..." if len(words) > most else "")


def _runs(hashed: Hashes, n: int) -> Hashes:
    """One number for each run of n tokens, shape (tokens - n + 1,), at a cost that does not grow with n.

    Differences of a running sum of tokens times powers of an odd number, each divided by the power that it begins at.
    """
    powers = np.cumprod(np.full(len(hashed), ODD, dtype=np.uint64))
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(hashed * powers, dtype=np.uint64)])
    inverses = np.cumprod(np.full(len(hashed) - n + 1, INVERSE, dtype=np.uint64))
    found: Hashes = (sums[n:] - sums[:-n]) * inverses
    return found


class _Index:
    """The runs of the outputs, and the longest copy found so far in each."""

    def __init__(self, outputs: Sequence[str]) -> None:
        hashed = [token_hashes(tokens(output)) for output in outputs]
        lengths = np.array([len(each) for each in hashed], dtype=np.int64)
        self._begins = np.cumsum(lengths) - lengths  # of each output among all tokens, shape (outputs,)
        self._hashed = hashed
        runs = [windows(each, SEED) for each in hashed]
        places = [begin + np.arange(len(run)) for begin, run in zip(self._begins.tolist(), runs, strict=True)]
        hashes = np.concatenate([*runs, np.empty(0, dtype=np.uint64)])
        order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[order]
        self._places = np.concatenate([*places, np.empty(0, dtype=np.int64)]).astype(np.int64)[order]
        self._length = np.zeros(len(outputs), dtype=np.int64)
        self._start = np.zeros(len(outputs), dtype=np.int64)
        self._source = np.full(len(outputs), -1, dtype=np.int64)

    def look(self, source: int, text: Hashes) -> None:
        """Take in the copies of one training text, given the hashes of its tokens."""
        runs = windows(text, SEED)
        low = np.searchsorted(self._hashes, runs, "left")
        spans = np.searchsorted(self._hashes, runs, "right") - low
        total = int(spans.sum())
        if not total:
            return
        if total > CROWDED * (len(runs) + len(self._hashes)):
            self._search(source, text, runs)
            return
        here = np.repeat(np.arange(len(runs)), spans)  # place in the training text, shape (pairs,)
        there = self._places[np.repeat(low - np.cumsum(spans) + spans, spans) + np.arange(total)]
        order = np.lexsort((here, there - here))
        here, there = here[order], there[order]
        # A run of one output never ends where that of the next begins: they are SEED apart.
        broken = (np.diff(here) != 1) | (np.diff(there) != 1)
        first = np.concatenate([[0], np.flatnonzero(broken) + 1])
        lengths = np.diff(np.concatenate([first, [total]])) + SEED - 1
        self._keep(source, there[first], lengths)

    def _search(self, source: int, text: Hashes, runs: Hashes) -> None:
        """As `look`, where the pairs of equal runs are too many: by halving the length, output by output."""
        there = self._places[np.isin(self._hashes, runs)]
        for owner in np.unique(np.searchsorted(self._begins, there, "right") - 1).tolist():
            own = self._hashed[owner]
            length, most = int(self._length[owner]), min(len(own), len(text))
            found = -1
            wanted = max(length + 1, SEED)
            while wanted <= most:
                places = np.flatnonzero(np.isin(_runs(own, wanted), _runs(text, wanted)))
                if len(places):
                    length, found = wanted, int(places[0])
                else:
                    most = wanted - 1
                wanted = (length + most + 1) // 2 if length < most else most + 1
            if found >= 0:
                self._length[owner], self._start[owner], self._source[owner] = length, found, source

    def _keep(self, source: int, places: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> None:
        owners = np.searchsorted(self._begins, places, "right") - 1
        order = np.argsort(lengths, kind="stable")  # of several in one output the longest is written last
        owners, places, lengths = owners[order], places[order], lengths[order]
        longer = lengths > self._length[owners]
        owners, places, lengths = owners[longer], places[longer], lengths[longer]
        self._length[owners] = lengths
        self._start[owners] = places - self._begins[owners]
        self._source[owners] = source

    def copies(self) -> list[VerbatimCopy]:
        """What was found, by output."""
        found = zip(self._length.tolist(), self._start.tolist(), self._source.tolist(), strict=True)
        return [
            VerbatimCopy(length=length, start=start, source=source if source >= 0 else None)
            for length, start, source in found
        ]
