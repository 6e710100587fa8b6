"""Whether a model has learned its training texts by heart: five measurements, each with what it is held against.

    gap        loss on validation texts less loss on training texts, in nats per token
    copies     verbatim training text in what the model writes
    diversity  how unlike each other its outputs are, beside as many validation texts
    contrast   loss (or a score) of validation items that are like training texts, beside those that are not
    curve      where the validation loss of the training run turned up

How losses and outputs are come by is not known here: `harness.overfit.examine` asks a model for them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.metrics import diversity
from harness.metrics.diversity import Diversity
from harness.overfit.loss_curve import BrokenLoss, LossMinimum
from harness.stats.bootstrap import ALPHA, RESAMPLES, resampled_sums
from harness.stats.proportion import Proportion, wilson
from harness.text import containment, verbatim
from harness.text.verbatim import VerbatimCopy
from harness.text.words import tokens

MODERATE = 0.2  # nats per token: from here a gap is moderate
SEVERE = 0.5
EXAMPLES = 3
SPREAD = 0.1  # of mean similarity, between the halves, for them to be two kinds
METHOD = f"ratio of sums over texts; 95 % percentile bootstrap over texts, each set by itself, {RESAMPLES:,} resamples"


class Level(enum.StrEnum):
    """How bad it is. A remark is there, but too small to speak against a model."""

    NONE = "none"
    REMARK = "remark"
    MODERATE = "moderate"
    SEVERE = "severe"


ADVICE = {
    Level.MODERATE: "stop at the epoch with the lowest validation loss, add data, or raise the LoRA dropout",
    Level.SEVERE: "do not use this checkpoint: train fewer epochs, on more data, with a higher LoRA dropout "
    "and a lower rank",
}
BROKEN_ADVICE = (
    "do not use a checkpoint from there on; train again with a lower learning rate, in bfloat16 or float32 rather than "
    "float16, and look for empty or fully masked examples"
)
COPY_ADVICE = "remove repeated texts from the training set, train fewer epochs, or use a lower LoRA rank"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedLoss:
    """What a model lost on a text: nats of all its predicted tokens together. Also any value with a weight."""

    nats: float
    tokens: float

    def __post_init__(self) -> None:
        if not self.tokens > 0:
            raise ValueError("a loss needs a predicted token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Nats per token (or a mean score) of a set of texts, with its 95 % interval."""

    value: float
    low: float
    high: float
    texts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """validation less train. level: none, too, where the interval reaches 0 or below, for then there may be no gap.
    settled: whether all of the interval is at one level.
    """

    train: Rate
    validation: Rate
    value: float
    low: float
    high: float
    level: Level
    settled: bool
    method: str = METHOD


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyExample:
    """A copy: its tokens, the output's number from 0, the training text's number from 0, its first words."""

    tokens: int
    output: int
    source: int | None
    excerpt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What of some outputs is copied. long: those with a copy of at least copying.LONG tokens. expected: the same of
    the control, which tells how much of this is no more than the texts' likeness. excessive: the interval of `long` is
    above that of `expected`.
    """

    outputs: str
    long: Proportion
    longest: int
    median: float
    control: str
    expected: Proportion
    excessive: bool
    examples: tuple[CopyExample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Validation items that are like training texts beside those that are not. by: how that was told.

    difference: different less similar.
    """

    by: str
    of: str
    similar: Rate
    different: Rate
    difference: float
    low: float
    high: float
    similarity: tuple[float, float] | None  # mean of the two, where it was measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One thing that speaks of overfitting, and what to do."""

    level: Level
    what: str
    advice: str


def measure_gap(train: Sequence[WeightedLoss], validation: Sequence[WeightedLoss], rng: np.random.Generator) -> Gap:
    """The gap with its interval. Raises ValueError for fewer than two texts in either."""
    trained, held_out = _drawn(train, rng), _drawn(validation, rng)
    value = _ratio(validation) - _ratio(train)
    low, high = _interval(held_out - trained)
    level = level_of(value) if low > 0 else Level.NONE
    return Gap(
        train=_rate(train, trained),
        validation=_rate(validation, held_out),
        value=value,
        low=low,
        high=high,
        level=level,
        settled=level_of(low) is level_of(high),
    )


def level_of(gap: float) -> Level:
    """The level of a gap in nats per token."""
    return Level.SEVERE if gap >= SEVERE else Level.MODERATE if gap >= MODERATE else Level.NONE


def _ratio(losses: Sequence[WeightedLoss]) -> float:
    return sum(each.nats for each in losses) / sum(each.tokens for each in losses)


def _drawn(losses: Sequence[WeightedLoss], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Ratios of sums over resampled texts, shape (RESAMPLES,): a text's tokens stay together, for they depend."""
    if len(losses) < 2:
        raise ValueError("an interval needs at least two texts on each side")
    data = np.array([[each.nats, each.tokens] for each in losses])  # shape (texts, 2)
    drawn = np.concatenate(list(resampled_sums(data, rng)))  # shape (RESAMPLES, 2)
    ratios: npt.NDArray[np.float64] = drawn[:, 0] / drawn[:, 1]
    return ratios


def _interval(drawn: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(drawn, [ALPHA / 2, 1 - ALPHA / 2])
    return float(low), float(high)


def _rate(losses: Sequence[WeightedLoss], drawn: npt.NDArray[np.float64]) -> Rate:
    low, high = _interval(drawn)
    return Rate(value=_ratio(losses), low=low, high=high, texts=len(losses))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTexts:
    """A name for some texts, and the texts: what a model wrote, or what it is held against."""

    name: str
    texts: Sequence[str]


def long_share(copies: Sequence[VerbatimCopy], least: int = verbatim.LONG) -> Proportion:
    """How many outputs hold a copy of at least `least` tokens."""
    return wilson(sum(copy.length >= least for copy in copies), len(copies))


def measure_copies(
    outputs: WrittenTexts, sources: Iterable[str], control: WrittenTexts, control_sources: Iterable[str]
) -> Copies:
    """Copies of `sources` in the outputs, beside copies of `control_sources` in the control's texts."""
    found = verbatim.longest_copies(outputs.texts, sources)
    expected = long_share(verbatim.longest_copies(control.texts, control_sources))
    share = long_share(found)
    longest = sorted(range(len(found)), key=lambda place: -found[place].length)[:EXAMPLES]
    return Copies(
        outputs=outputs.name,
        long=share,
        longest=max(copy.length for copy in found),
        median=float(np.median([copy.length for copy in found])),
        control=control.name,
        expected=expected,
        excessive=share.low > expected.high,
        examples=tuple(_example(outputs.texts[place], place, found[place]) for place in longest if found[place].length),
    )


def _example(output: str, place: int, copy: VerbatimCopy) -> CopyExample:
    return CopyExample(tokens=copy.length, output=place, source=copy.source, excerpt=verbatim.excerpt(output, copy))


def measure_diversity(outputs: Sequence[str], texts: Sequence[str], rng: np.random.Generator) -> list[Diversity]:
    """Of the outputs, and of validation texts cut to as many tokens as the outputs have on average."""
    length = max(round(np.mean([len(tokens(output)) for output in outputs])), 1)
    cut = [_beginning(text, length) for text in texts[: len(outputs)]]
    return [diversity.measure(outputs, rng), diversity.measure(cut, rng)]


def contrast_kinds(
    losses: Sequence[WeightedLoss], similar: Sequence[bool], of: str, rng: np.random.Generator
) -> Contrast | None:
    """By what the data says of each item; None where a kind has fewer than two items."""
    return _contrast(losses, similar, "the field kind", of, None, rng)


def contrast_nearest(
    losses: Sequence[WeightedLoss], shares: Sequence[float | None], of: str, rng: np.random.Generator
) -> Contrast | None:
    """By the share of an item's 5-token shingles that the nearest training text has; None leaves an item out.

    Similar are those above the median. None where the two halves differ in mean share by less than SPREAD: then the
    items are of one kind.
    """
    kept = [(loss, share) for loss, share in zip(losses, shares, strict=True) if share is not None]
    if not kept:
        return None
    middle = float(np.median([share for _, share in kept]))
    similar = [share > middle for _, share in kept]
    if not any(similar):
        return None
    means = [
        float(np.mean([share for (_, share), is_similar in zip(kept, similar, strict=True) if is_similar is wanted]))
        for wanted in (True, False)
    ]
    if means[0] - means[1] < SPREAD:
        return None
    by = "the share of its shingles that the nearest training text has"
    return _contrast([loss for loss, _ in kept], similar, by, of, (means[0], means[1]), rng)


def _contrast(
    losses: Sequence[WeightedLoss],
    similar: Sequence[bool],
    by: str,
    of: str,
    similarity: tuple[float, float] | None,
    rng: np.random.Generator,
) -> Contrast | None:
    sides = [
        [loss for loss, is_similar in zip(losses, similar, strict=True) if is_similar is side] for side in (True, False)
    ]
    if min(map(len, sides)) < 2:
        return None
    near, far = (_drawn(side, rng) for side in sides)
    low, high = _interval(far - near)
    return Contrast(
        by=by,
        of=of,
        similar=_rate(sides[0], near),
        different=_rate(sides[1], far),
        difference=_ratio(sides[1]) - _ratio(sides[0]),
        low=low,
        high=high,
        similarity=similarity,
    )


def nearest_shares(training: Callable[[], Iterable[str]], texts: Sequence[str]) -> list[float | None]:
    """For each text the share of its shingles that the nearest training text has; None for one too short to tell."""
    shares: list[float | None] = [None] * len(texts)
    for each in containment.find_contained(training, texts):
        shares[each.right] = each.share
    return shares


def prompt_of(text: str, most: int = 100) -> str:
    """The first third of a text, in tokens, at most `most`: what a model is asked to go on from."""
    return _beginning(text, min(max(len(tokens(text)) // 3, 1), most))


def _beginning(text: str, count: int) -> str:
    """As much of a text as has `count` tokens, as it stands."""
    place = 0
    for word in tokens(text)[:count]:
        place = text.index(word, place) + len(word)
    return text[:place]


def find_signs(
    gap: Gap | None, copies: Sequence[Copies], turn: LossMinimum | None, broken: BrokenLoss | None = None
) -> list[Sign]:
    """What speaks of overfitting, or of a training that broke, the worst first."""
    signs = []
    if broken is not None:
        before = "" if broken.last is None else f" (the last training loss before it is {broken.last:.3f})"
        what = f"the losses are not numbers from {broken.at()} on{before}"
        signs.append(Sign(level=Level.SEVERE, what=what, advice=BROKEN_ADVICE))
    if gap is not None and gap.level is not Level.NONE:
        unsettled = "" if gap.settled else "; the interval reaches into another level, more texts would settle it"
        what = f"the loss on validation texts is {gap.value:.2f} nats per token above that on training texts{unsettled}"
        signs.append(Sign(level=gap.level, what=what, advice=ADVICE[gap.level]))
    for each in copies:
        if each.excessive:
            what = (
                f"{each.outputs}: {each.long.share:.0%} hold {verbatim.LONG} or more tokens of training text verbatim "
                f"({each.control}: {each.expected.share:.0%})"
            )
            signs.append(Sign(level=Level.SEVERE, what=what, advice=COPY_ADVICE))
    if turn is not None and turn.confirmed:
        at = f"epoch {turn.epoch:g}" if turn.epoch is not None else f"step {turn.step:g}"
        what = f"the validation loss turned up at {at} and rose by {turn.rise:.2f} nats"
        level = level_of(turn.rise) if turn.rise >= MODERATE else Level.REMARK
        signs.append(Sign(level=level, what=what, advice=f"use the checkpoint of {at}"))
    return sorted(signs, key=lambda sign: list(Level).index(sign.level), reverse=True)


def worst_level(signs: Sequence[Sign]) -> Level:
    """The level of the worst sign."""
    return signs[0].level if signs else Level.NONE
