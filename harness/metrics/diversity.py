"""How different a model's outputs are from each other: distinct-n and self-BLEU. Knows only texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from harness.metrics._metric import Direction, Metric, Unit
from harness.text.shingles import token_hashes, windows
from harness.text.words import has_unspaced, tokens

METRICS = (
    *(Metric(name=f"distinct_{n}", direction=Direction.HIGHER, unit=Unit.SHARE, value=None) for n in (1, 2, 3)),
    Metric(name="self_bleu", direction=Direction.LOWER, unit=Unit.SHARE, value=None),
    Metric(name="repeated", direction=Direction.LOWER, unit=Unit.SHARE, value=None),
)

MOST = 100  # texts in self-BLEU, whose time goes with their square


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """distinct_n: different n-grams over all n-grams, of all texts together (Li et al. 2016, arXiv 1510.03055, section
    5.2); it falls with the number of tokens, so that only sets of like size compare. self_bleu: mean BLEU-4 of each
    text with the others as its references, 0 to 1 (Zhu et al. 2018, arXiv 1802.01886; sacrebleu's sentence BLEU with
    its own tokens and smoothing); None for a single text. repeated: the share of texts equal to an earlier one.
    """

    texts: int
    tokens: int
    distinct_1: float
    distinct_2: float
    distinct_3: float
    self_bleu: float | None
    repeated: float


def measure(texts: Sequence[str], rng: np.random.Generator) -> Diversity:
    """The diversity of texts; of more than MOST, self-BLEU is that of a random sample. Raises ValueError for none."""
    if not texts:
        raise ValueError("diversity needs at least one text")
    hashed = [token_hashes(tokens(text)) for text in texts]
    shares = []
    for n in (1, 2, 3):
        grams = np.concatenate([windows(each, n) for each in hashed])
        shares.append(len(np.unique(grams)) / len(grams) if len(grams) else 0.0)
    return Diversity(
        texts=len(texts),
        tokens=sum(map(len, hashed)),
        distinct_1=shares[0],
        distinct_2=shares[1],
        distinct_3=shares[2],
        self_bleu=self_bleu(texts, rng) if len(texts) > 1 else None,
        repeated=1 - len(set(texts)) / len(texts),
    )


def self_bleu(texts: Sequence[str], rng: np.random.Generator) -> float:
    """Mean BLEU-4 of each text against the others. Raises ValueError for fewer than two."""
    import sacrebleu  # measured: 0.3 s

    if len(texts) < 2:
        raise ValueError("self-BLEU needs two texts")
    if len(texts) > MOST:
        texts = [texts[place] for place in sorted(rng.choice(len(texts), MOST, replace=False).tolist())]
    tokenizer = None  # sacrebleu's own, 13a, but for scripts without spaces, where it would see one word a line
    if any(map(has_unspaced, texts)):
        texts, tokenizer = [" ".join(tokens(text)) for text in texts], "none"
    scores = []
    for place, text in enumerate(texts):
        others = [*islice(texts, place), *islice(texts, place + 1, None)]
        scores.append(sacrebleu.sentence_bleu(text, others, tokenize=tokenizer).score / 100)
    return sum(scores) / len(scores)
