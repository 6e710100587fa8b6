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

from harness.text.shingles import token_hashes, windows
from harness.text.words import tokens

SEED = 8
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
        index.look(source, windows(token_hashes(tokens(text)), SEED))
    return index.copies()


def excerpt(output: str, copy: VerbatimCopy, most: int = 30) -> str:
    """The first tokens of a copy, with spaces between them."""
    words = tokens(output)[copy.start : copy.start + copy.length]
    return " ".join(words[:most]) + (" ..." if len(words) > most else "")


class _Index:
    """The runs of the outputs, and the longest copy found so far in each."""

    def __init__(self, outputs: Sequence[str]) -> None:
        hashed = [token_hashes(tokens(output)) for output in outputs]
        lengths = np.array([len(each) for each in hashed], dtype=np.int64)
        self._begins = np.cumsum(lengths) - lengths  # of each output among all tokens, shape (outputs,)
        runs = [windows(each, SEED) for each in hashed]
        places = [begin + np.arange(len(run)) for begin, run in zip(self._begins.tolist(), runs, strict=True)]
        hashes = np.concatenate([*runs, np.empty(0, dtype=np.uint64)])
        order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[order]
        self._places = np.concatenate([*places, np.empty(0, dtype=np.int64)]).astype(np.int64)[order]
        self._length = np.zeros(len(outputs), dtype=np.int64)
        self._start = np.zeros(len(outputs), dtype=np.int64)
        self._source = np.full(len(outputs), -1, dtype=np.int64)

    def look(self, source: int, runs: npt.NDArray[np.uint64]) -> None:
        """Take in the copies of one training text, given the hashes of its runs."""
        low = np.searchsorted(self._hashes, runs, "left")
        spans = np.searchsorted(self._hashes, runs, "right") - low
        total = int(spans.sum())
        if not total:
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
