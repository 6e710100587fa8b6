"""ROUGE (Lin 2004) by Google's `rouge-score`, beside it what ROUGE does not see: length, copying, emptiness.

`rouge-score` is imported here alone and when first used (measured: 1.1 s, nltk). Without it there is an error and no
number. Words are those of its tokenizer: lower case, letters and digits of ASCII; texts in other scripts have none, and
score 0. rougeLsum takes each line of a text for a sentence.
"""

from __future__ import annotations

import functools
import multiprocessing
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.errors import InputError
from harness.metrics._metric import Direction, Metric, Unit, mean_of, share

TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
PARTS = ("precision", "recall")
METRICS = (
    *(share(name, headline=name == "rougeL") for name in TYPES),
    *(share(f"{name}_{part}") for part in PARTS for name in TYPES),
    Metric(name="length_ratio", direction=Direction.HIGHER, unit=Unit.NUMBER, value=mean_of("length_ratio")),
    share("copied"),
    share("empty", Direction.LOWER),
)
PAYS = 500  # pairs, 3 s of work, before processes pay for their start (1 to 4 s each: rouge-score imports nltk)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryPair:
    """A summary, what it is compared with (at least one text), and what it is a summary of."""

    summary: str
    references: tuple[str, ...]
    source: str


def score(pair: SummaryPair, *, stemmer: bool, copied_n: int) -> dict[str, float]:
    """The measures of one summary, each a share of 1 but for `length_ratio`.

    `rouge1` ... `rougeLsum`: F1, with `_precision` and `_recall` beside it; of several references the one with the best
    F1, for each type by itself (`score_multi`). length_ratio: words of the summary per word of the reference, of
    several the one of the nearest length. copied: the share of the summary's n-grams, n = `copied_n`, that are in
    the source (1 - the novel n-grams of See et al. 2017). empty: 1 for a summary without words.
    """
    scorer = _scorer(stemmer)
    found = scorer.score_multi(pair.references, pair.summary)
    values = {name: float(found[name].fmeasure) for name in TYPES}
    for part in PARTS:
        values |= {f"{name}_{part}": float(getattr(found[name], part)) for name in TYPES}
    words = _words(pair.summary)
    ratios = [len(words) / max(len(_words(reference)), 1) for reference in pair.references]
    return {
        **values,
        "length_ratio": min(ratios, key=lambda ratio: (abs(ratio - 1), ratio)),
        "copied": _copied(words, _words(pair.source), copied_n),
        "empty": float(not words),
    }


class RougePool:
    """`score` for many threads: the first pairs in the caller's thread, what follows in processes of its own.

    A pair of 60 words each takes 7 ms of this interpreter, which would hold up every other thread. Processes are
    spawned, not forked: a fork of a process with threads and torch may never return. They end with `close`, at the
    latest with this process; what comes later begins anew. Thread-safe.
    """

    def __init__(self, *, stemmer: bool, copied_n: int, workers: int) -> None:
        self._score = functools.partial(score, stemmer=stemmer, copied_n=copied_n)
        self._workers = workers
        self._seen = 0
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()  # protects _seen and _pool

    def score(self, pair: SummaryPair) -> dict[str, float]:
        """The measures of one pair."""
        pool = self._choose()
        return pool.submit(self._score, pair).result() if pool else self._score(pair)

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
            self._pool, self._seen = None, 0

    def _choose(self) -> ProcessPoolExecutor | None:
        with self._lock:
            self._seen += 1
            if self._pool is None and self._seen > PAYS and self._workers > 1:
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self._workers, mp_context=context)
            return self._pool


@functools.lru_cache(maxsize=2)
def _scorer(stemmer: bool) -> Any:
    # A tokenizer is given since the scorer, left to choose one, says so to the root logger and sets that up.
    return _package().rouge_scorer.RougeScorer(list(TYPES), tokenizer=_tokenizer(stemmer))


@functools.lru_cache(maxsize=2)
def _tokenizer(stemmer: bool) -> Any:
    return _package().tokenizers.DefaultTokenizer(use_stemmer=stemmer)


def _package() -> Any:
    try:
        import rouge_score.rouge_scorer
        import rouge_score.tokenizers
    except ImportError as error:
        raise InputError(f"ROUGE needs the package rouge-score ({error}); pip install rouge-score") from error
    return rouge_score


def _copied(words: Sequence[str], source: Sequence[str], n: int) -> float:
    grams = _ngrams(words, n)
    if not grams:
        return 0.0
    known = set(_ngrams(source, n))
    return sum(gram in known for gram in grams) / len(grams)


def _ngrams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + n]) for place in range(len(words) - n + 1)]


def _words(text: str) -> list[str]:
    found: list[str] = _tokenizer(False).tokenize(text)
    return found
