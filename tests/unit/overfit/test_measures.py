"""The measurements of overfitting, on losses and texts made by hand."""

from __future__ import annotations

import random

import numpy as np
import pytest
import sacrebleu
import scipy.stats

from harness.metrics import diversity
from harness.overfit import measures
from harness.overfit.loss_curve import LossMinimum
from harness.overfit.measures import Level, WeightedLoss, WrittenTexts
from harness.text.verbatim import LONG, VerbatimCopy


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def losses(mean: float, count: int = 200, seed: int = 0, spread: float = 0.3) -> list[WeightedLoss]:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(20, 200, count)
    return [WeightedLoss(nats=float(length * draw.normal(mean, spread)), tokens=int(length)) for length in lengths]


def essay(seed: int, length: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices("abcdefghij", k=5)) for _ in range(length)]


@pytest.mark.parametrize(
    ("gap", "level"),
    [(-1, "none"), (0.19, "none"), (0.2, "moderate"), (0.49, "moderate"), (0.5, "severe"), (3, "severe")],
)
def test_the_level_of_a_gap_changes_at_a_fifth_and_a_half(gap: float, level: str) -> None:
    assert measures.level_of(gap) == level


def test_the_gap_is_the_difference_of_losses_per_token() -> None:
    train = [WeightedLoss(nats=10, tokens=10), WeightedLoss(nats=90, tokens=30)]
    validation = [WeightedLoss(nats=30, tokens=10), WeightedLoss(nats=30, tokens=10)]
    found = measures.measure_gap(train, validation, rng())
    assert (found.train.value, found.validation.value, found.value) == pytest.approx((2.5, 3.0, 0.5))


def test_the_interval_of_the_gap_is_scipys_bootstrap_of_two_independent_sets_of_texts() -> None:
    train, validation = losses(1.0), losses(1.3, seed=1)
    ours = measures.measure_gap(train, validation, rng())

    def statistic(train_nats, train_tokens, nats, tokens, axis=-1):  # type: ignore[no-untyped-def]
        return nats.sum(axis=axis) / tokens.sum(axis=axis) - train_nats.sum(axis=axis) / train_tokens.sum(axis=axis)

    # scipy pairs samples or draws each array by itself, so a set is given as its texts' places
    def by_place(left, right, axis=-1):  # type: ignore[no-untyped-def]
        one, two = (np.array([[each.nats, each.tokens] for each in side]) for side in (train, validation))
        left, right = one[left.astype(int)], two[right.astype(int)]
        return statistic(left[..., 0], left[..., 1], right[..., 0], right[..., 1], axis=axis)

    places = (np.arange(len(train)), np.arange(len(validation)))
    theirs = scipy.stats.bootstrap(
        places, by_place, n_resamples=2000, method="percentile", rng=np.random.default_rng(1)
    )
    interval = theirs.confidence_interval
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high), abs=0.01)


def test_a_gap_is_settled_where_its_interval_is_at_one_level() -> None:
    clear = measures.measure_gap(losses(1.0), losses(2.0, seed=1), rng())
    unclear = measures.measure_gap(losses(1.0, count=10), losses(1.5, count=10, seed=1), rng())
    assert clear.settled and clear.level is Level.SEVERE and not unclear.settled


def test_texts_of_one_kind_have_no_gap() -> None:
    found = measures.measure_gap(losses(1.0), losses(1.0, seed=1), rng())
    assert found.level is Level.NONE and found.low < 0 < found.high
    assert measures.find_signs(found, [], None) == []


def test_a_gap_whose_interval_reaches_zero_is_no_sign() -> None:
    found = measures.measure_gap(losses(1.0, 4, spread=1), losses(1.4, 4, seed=3, spread=1), rng())
    assert found.value >= measures.MODERATE and found.low < 0 and not found.settled
    assert found.level is Level.NONE and measures.find_signs(found, [], None) == []


def test_one_text_alone_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least two texts"):
        measures.measure_gap(losses(1, 1), losses(1, 5), rng())


def copies(planted: int) -> measures.Copies:
    training = [" ".join(essay(seed, 150)) for seed in range(40)]
    outputs = [essay(1000 + seed, 120) for seed in range(40)]
    for place in range(planted):
        outputs[place][20 : 20 + LONG + 5] = training[place].split()[40 : 40 + LONG + 5]
    control = WrittenTexts(name="validation texts", texts=[" ".join(essay(2000 + seed, 150)) for seed in range(40)])
    written = WrittenTexts(name="outputs", texts=[" ".join(each) for each in outputs])
    return measures.measure_copies(written, training, control, training)


def test_planted_copies_are_a_severe_sign_with_their_source() -> None:
    found = copies(planted=20)
    (sign,) = measures.find_signs(None, [found], None)
    assert found.long.count == 20 and found.longest == LONG + 5 and found.examples[0].source == found.examples[0].output
    assert sign.level is Level.SEVERE and "50% hold 50 or more tokens" in sign.what


def test_outputs_without_copies_are_no_sign() -> None:
    found = copies(planted=0)
    assert found.long.count == 0 and measures.find_signs(None, [found], None) == []


def test_what_validation_texts_share_with_training_texts_too_is_no_sign() -> None:
    licence = essay(1, 80)
    training = [" ".join([*licence, *essay(100 + seed, 50)]) for seed in range(30)]
    texts = [" ".join([*licence, *essay(200 + seed, 50)]) for seed in range(30)]
    both = [WrittenTexts(name=name, texts=texts) for name in ("outputs", "validation texts")]
    found = measures.measure_copies(both[0], training, both[1], training)
    assert found.long.share == 1 and not found.excessive


def test_distinct_n_counts_different_runs_of_tokens() -> None:
    found = diversity.measure(["a b a b", "a b c"], rng())
    assert (found.distinct_1, found.distinct_2, found.distinct_3) == pytest.approx((3 / 7, 3 / 5, 3 / 3))
    assert found.tokens == 7 and found.repeated == 0


def test_self_bleu_is_the_mean_of_sacrebleus_sentence_scores() -> None:
    texts = [" ".join(essay(1, 30)), " ".join([*essay(1, 25), *essay(2, 5)]), " ".join(essay(3, 30))]
    theirs = [sacrebleu.sentence_bleu(text, [other for other in texts if other != text]).score for text in texts]
    assert diversity.self_bleu(texts, rng()) == pytest.approx(sum(theirs) / 300)


def test_equal_texts_are_the_least_diverse() -> None:
    same = diversity.measure([" ".join(essay(1, 30))] * 5, rng())
    other = diversity.measure([" ".join(essay(seed, 30)) for seed in range(5)], rng())
    assert same.self_bleu == pytest.approx(1) and same.repeated == 0.8 and same.distinct_2 == pytest.approx(0.2)
    assert other.self_bleu is not None and other.self_bleu < 0.1 and other.distinct_2 == 1


def test_items_like_training_texts_are_told_by_their_nearest_one() -> None:
    training = [" ".join(essay(seed, 80)) for seed in range(20)]
    like = [" ".join([*training[place].split()[:60], *essay(100 + place, 20)]) for place in range(10)]
    unlike = [" ".join(essay(200 + place, 80)) for place in range(10)]
    shares = measures.nearest_shares(lambda: training, [*like, *unlike, "short"])
    assert min(filter(None, shares[:10])) > 0.6 and shares[10:] == [0.0] * 10 + [None]
    known = [WeightedLoss(nats=1, tokens=1 + place % 2) for place in range(10)]
    found = measures.contrast_nearest([*known, *losses(3, 11)], shares, "nats per token", rng())
    assert found is not None and found.similar.texts == 10 and found.difference > 1 and found.low > 0


def test_items_of_one_kind_are_not_divided() -> None:
    assert measures.contrast_nearest(losses(1, 20), [0.3, 0.32] * 10, "x", rng()) is None
    assert measures.contrast_nearest(losses(1, 20), [0.0] * 20, "x", rng()) is None
    assert measures.contrast_kinds(losses(1, 3), [True, False, False], "x", rng()) is None


def test_items_are_divided_as_the_data_says() -> None:
    values = [WeightedLoss(nats=value, tokens=1) for value in (0.9, 1.0, 0.2, 0.1)]
    found = measures.contrast_kinds(values, [True, True, False, False], "passed", rng())
    assert found is not None and found.difference == pytest.approx(-0.8) and found.of == "passed"


def test_a_prompt_is_the_first_third_of_a_text_as_it_stands() -> None:
    assert measures.prompt_of("def f(x):\n    return x + 1  # one\n") == "def f(x"
    assert measures.prompt_of("word") == "word"


def test_the_worst_sign_comes_first() -> None:
    turn = LossMinimum(step=1, epoch=2, loss=1, rise=0.05, confirmed=True, train_change=-1)
    gap = measures.measure_gap(losses(1.0), losses(2.0, seed=1), rng())
    signs = measures.find_signs(gap, [], turn)
    assert [sign.level for sign in signs] == [Level.SEVERE, Level.REMARK] and measures.worst_level(
        signs
    ) is Level.SEVERE
    assert "epoch 2" in signs[1].what and measures.worst_level([]) is Level.NONE


def test_the_share_of_outputs_with_a_long_copy_counts_from_fifty_tokens() -> None:
    copies = [VerbatimCopy(length=length, start=0, source=0) for length in (49, 50, 51, 0)]
    assert measures.long_share(copies).share == 0.5
