"""Perplexity of a corpus from the log-probabilities of its tokens; how texts longer than the context are cut.

The convention: a text of n tokens has n - 1 predicted ones, n with a BOS token before it. The corpus's perplexity is
exp of the sum of all losses over the number of all predicted tokens, so a long text weighs more than a short one.
Beside it the measures that do not depend on the tokenizer, over the same losses: bits per byte, byte perplexity, word
perplexity (words are what white space separates, bytes those of UTF-8; both of the whole text, with the first token).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from harness.metrics._metric import Direction, Item, Metric, Unit
from harness.stats import bootstrap

if TYPE_CHECKING:  # imported where it is used: 80 ms that a first verdict need not wait for
    import numpy as np
    import numpy.typing as npt

UNITS = {"perplexity": "tokens", "bits_per_byte": "bytes", "byte_perplexity": "bytes", "word_perplexity": "words"}


def _metric(name: str, *, headline: bool = False) -> Metric:
    """Lower is better. A problem's loss is nats per token; its tokens, bytes or words are its weight."""
    counted = UNITS[name]
    bits = name == "bits_per_byte"

    def value(item: Item) -> float:
        nats = item["loss"] if counted == "tokens" else item["loss"] * item["tokens"] / max(item[counted], 1)
        return float(nats / math.log(2) if bits else nats)

    return Metric(
        name=name,
        direction=Direction.LOWER,
        unit=Unit.BITS if bits else Unit.NATS,
        value=value,
        weight=lambda item: float(item[counted]),
        per=counted.removesuffix("s"),
        headline=headline,
    )


METRICS = (
    _metric("perplexity", headline=True),
    _metric("bits_per_byte"),
    _metric("byte_perplexity", headline=True),
    _metric("word_perplexity"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A model's input is tokens[start:stop]; of these tokens[first:stop] are predicted, the others are context."""

    start: int
    stop: int
    first: int


def windows(length: int, window: int, stride: int) -> Iterator[Window]:
    """The windows of a text of `length` tokens: together they predict each token but the first, once.

    They begin `stride` tokens apart, as in the evaluation that the documentation of Hugging Face's transformers shows;
    a token has at least window - stride tokens of context, or all there are. Raises ValueError unless
    1 <= stride < window: at stride = window the first token of each window would be predicted by none.
    """
    if not 1 <= stride < window:
        raise ValueError(f"the stride must be at least 1 and below the window of {window} tokens, not {stride}")
    first = 1
    for start in range(0, length, stride):
        stop = min(start + window, length)
        if first < stop:
            yield Window(start=start, stop=stop, first=first)
        first = stop
        if stop == length:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLoss:
    """What one text adds to a corpus. loss: nats, of all predicted tokens together."""

    loss: float
    tokens: int
    bytes: int
    words: int

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Self:
        """As a score's values have it."""
        return cls(
            loss=values["loss"], tokens=int(values["tokens"]), bytes=int(values["bytes"]), words=int(values["words"])
        )


def measure(text: str, logprobs: Sequence[float]) -> TextLoss:
    """A text's loss from the log-probabilities of its predicted tokens, in nats."""
    return TextLoss(
        loss=-math.fsum(logprobs), tokens=len(logprobs), bytes=len(text.encode()), words=max(len(text.split()), 1)
    )


def corpus(losses: Sequence[TextLoss], rng: np.random.Generator) -> dict[str, bootstrap.Interval]:
    """Each of UNITS over a corpus, with a 95 % percentile bootstrap over texts (of the ratio of sums).

    One text alone cannot say how texts differ: its interval is the value itself. A measure too large for a float (a
    text without white space is one word) is left out.
    """
    import numpy as np

    columns = [[each.loss, each.tokens, each.bytes, each.words] for each in losses]
    data: npt.NDArray[np.float64] = np.asarray(columns, dtype=np.float64)  # shape (texts, 4)
    places = {"tokens": 1, "bytes": 2, "words": 3}
    total = [math.fsum(column) for column in data.T]
    drawn = np.concatenate(list(bootstrap.resampled_sums(data, rng)))  # shape (resamples, 4)
    found = {}
    for metric, unit in UNITS.items():
        rates = drawn[:, 0] / drawn[:, places[unit]]
        low, high = np.quantile(rates, [bootstrap.ALPHA / 2, 1 - bootstrap.ALPHA / 2])
        ends = [_scaled(metric, float(rate)) for rate in (total[0] / total[places[unit]], low, high)]
        if all(map(math.isfinite, ends)):
            found[metric] = bootstrap.Interval(value=ends[0], low=ends[1], high=ends[2])
    return found


def _scaled(metric: str, rate: float) -> float:
    """A measure from nats per unit."""
    if metric == "bits_per_byte":
        return rate / math.log(2)
    return math.exp(rate) if rate < math.log(sys.float_info.max) else math.inf
