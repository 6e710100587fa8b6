"""ROUGE (Lin 2004) by Google's `rouge-score`, beside it what ROUGE does not see: length, copying, emptiness.

`rouge-score` is imported here alone and when first used (measured: 1.1 s, nltk). Without it there is an error and no
number. Words are those of every script (`harness.text.words`; characters where a script writes no spaces), in lower
case and without underscores: of texts in ASCII the very words of rouge-score, which knows no others and gives any other
text a score of 0. Tokenizer `rouge` is rouge-score's own, for numbers that were made with it. rougeLsum takes each line
of a text for a sentence.
"""

from __future__ import annotations

import functools
import multiprocessing
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.errors import InputError
from harness.metrics._metric import Direction, Metric, Unit, mean_of, share
from harness.text.words import words

TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
PARTS = ("precision", "recall")
METRICS = (
    *(share(name, headline=name == "rougeL") for name in TYPES),
    *(share(f"{name}_{part}") for part in PARTS for name in TYPES),
    Metric(name="length_ratio", direction=Direction.HIGHER, unit=Unit.NUMBER, value=mean_of("length_ratio")),
    share("copied"),
    share("empty", Direction.LOWER),
)
UNICODE, ROUGE = "unicode", "rouge"  # tokenizers
SHORT = 3  # letters: rouge-score stems longer words only
PAYS = 500  # pairs, 3 s of work, before processes pay for their start (1 to 4 s each: rouge-score imports nltk)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryPair:
    """A summary, what it is compared with (at least one text), and what it is a summary of."""

    summary: str
    references: tuple[str, ...]
    source: str


def score(pair: SummaryPair, *, stemmer: bool, copied_n: int, tokenizer: str = UNICODE) -> dict[str, float]:
    """The measures of one summary, each a share of 1 but for `length_ratio`.

    `rouge1` ... `rougeLsum`: F1, with `_precision` and `_recall` beside it; of several references the one with the best
    F1, for each type by itself (`score_multi`). length_ratio: words of the summary per word of the reference, of
    several the one of the nearest length. copied: the share of the summary's n-grams, n = `copied_n`, that are in
    the source (1 - the novel n-grams of See et al. 2017). empty: 1 for a summary without words.
    """
    scorer = _scorer(stemmer, tokenizer)
    found = scorer.score_multi(pair.references, pair.summary)
    values = {name: float(found[name].fmeasure) for name in TYPES}
    for part in PARTS:
        values |= {f"{name}_{part}": float(getattr(found[name], part)) for name in TYPES}
    split = _tokenizer(False, tokenizer).tokenize
    own = split(pair.summary)
    ratios = [len(own) / max(len(split(reference)), 1) for reference in pair.references]
    return {
        **values,
        "length_ratio": min(ratios, key=lambda ratio: (abs(ratio - 1), ratio)),
        "copied": _copied(own, split(pair.source), copied_n),
        "empty": float(not own),
    }


class RougePool:
    """`score` for many threads: the first pairs in the caller's thread, what follows in processes of its own.

    A pair of 60 words each takes 7 ms of this interpreter, which would hold up every other thread. Processes are
    spawned, not forked: a fork of a process with threads and torch may never return. They end with `close`, at the
    latest with this process; what comes later begins anew. Thread-safe.
    """

    def __init__(self, *, stemmer: bool, copied_n: int, workers: int, tokenizer: str = UNICODE) -> None:
        self._score = functools.partial(score, stemmer=stemmer, copied_n=copied_n, tokenizer=tokenizer)
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


class _UnicodeTokenizer:
    """rouge-score's rules for words of any script: stems are those of words in ASCII of more than three letters."""

    def __init__(self, stem: Callable[[str], str] | None) -> None:
        self._stem = stem

    def tokenize(self, text: str) -> list[str]:
        """The words of a text, in its order."""
        found = words(text.replace("_", " "))
        if self._stem is None:
            return found
        return [self._stem(word) if len(word) > SHORT and word.isascii() else word for word in found]


@functools.lru_cache(maxsize=4)
def _scorer(stemmer: bool, tokenizer: str) -> Any:
    # A tokenizer is given since the scorer, left to choose one, says so to the root logger and sets that up.
    return _package().rouge_scorer.RougeScorer(list(TYPES), tokenizer=_tokenizer(stemmer, tokenizer))


@functools.lru_cache(maxsize=4)
def _tokenizer(stemmer: bool, tokenizer: str) -> Any:
    if tokenizer == ROUGE:
        return _package().tokenizers.DefaultTokenizer(use_stemmer=stemmer)
    return _UnicodeTokenizer(_package().tokenizers.porter.PorterStemmer().stem if stemmer else None)


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
