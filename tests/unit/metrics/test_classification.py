"""Accuracy, F1, MCC and kappa are scikit-learn's, and so is what the bootstrap resamples."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics

from harness.html.confusion_matrix import picture
from harness.metrics import classification
from harness.metrics.classification import UNREAD, LabeledItem
from harness.stats import bootstrap

# of a single class, whose kappa is 0/0
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:sklearn.*", "ignore::RuntimeWarning:sklearn.*")
few = settings(max_examples=25, deadline=None)
LABELS = ["a", "b", "c"]
ITEM = st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, UNREAD]))
ITEMS = st.lists(ITEM, min_size=1, max_size=30).map(
    lambda pairs: [LabeledItem(truth=truth, predicted=(predicted,)) for truth, predicted in pairs]
)


def pairs_of(items: list[LabeledItem]) -> tuple[list[str], list[str]]:
    return [item.truth for item in items], [item.predicted[0] for item in items]


@few
@given(ITEMS)
def test_the_measures_are_those_of_scikit_learn(items: list[LabeledItem]) -> None:
    truth, predicted = pairs_of(items)
    found = classification.measures(items, LABELS)
    assert found["accuracy"] == metrics.accuracy_score(truth, predicted)
    for average in ("macro", "micro", "weighted"):
        expected = metrics.f1_score(truth, predicted, labels=LABELS, average=average, zero_division=0)
        assert found[f"{average}_f1"] == expected
    assert found["mcc"] == metrics.matthews_corrcoef(truth, predicted)
    if "cohen_kappa" in found:
        assert found["cohen_kappa"] == metrics.cohen_kappa_score(truth, predicted)


@few
@given(ITEMS)
def test_report_and_confusion_are_those_of_scikit_learn(items: list[LabeledItem]) -> None:
    truth, predicted = pairs_of(items)
    report = metrics.classification_report(truth, predicted, labels=LABELS, zero_division=0, output_dict=True)
    for label, row in classification.report(items, LABELS).items():
        assert row["f1"] == report[label]["f1-score"] and row["support"] == report[label]["support"]
        assert (row["precision"], row["recall"]) == (report[label]["precision"], report[label]["recall"])
    whole = metrics.confusion_matrix(truth, predicted, labels=[*LABELS, UNREAD])
    assert classification.confusion(items, LABELS) == whole[:-1].tolist()


@few
@given(ITEMS)
def test_what_a_resample_is_worth_is_what_scikit_learn_says_of_it(items: list[LabeledItem]) -> None:
    truth, predicted = pairs_of(items)
    assume(len(set(truth) | set(predicted)) > 1)
    table = classification._contributions(items, LABELS).sum(axis=0).reshape(1, 3, 4)
    found = {name: float(values[0]) for name, values in classification._from_confusion(table).items()}
    assert found == pytest.approx(
        {"cohen_kappa": found["cohen_kappa"], **classification.measures(items, LABELS)}, nan_ok=True
    )


@settings(max_examples=5, deadline=None)
@given(ITEMS, st.randoms())
def test_the_order_of_the_items_changes_nothing(items: list[LabeledItem], order: random.Random) -> None:
    turned = list(items)
    order.shuffle(turned)
    assert classification.measures(turned, LABELS) == classification.measures(items, LABELS)
    ends = [classification.intervals(each, LABELS, np.random.default_rng(0)) for each in (items, turned)]
    assert ends[0] == ends[1]


def test_the_interval_of_the_accuracy_agrees_with_the_bootstrap_of_its_mean() -> None:
    items = [LabeledItem(truth="a" if place % 2 else "b", predicted=("a",)) for place in range(200)]
    low, high = classification.intervals(items, LABELS, np.random.default_rng(0))["accuracy"]
    mean = bootstrap.mean_interval([float(item.truth == "a") for item in items], np.random.default_rng(1))
    assert (low, high) == (pytest.approx(mean.low, abs=0.01), pytest.approx(mean.high, abs=0.01))


def test_twenty_right_answers_of_twenty_do_not_claim_certainty() -> None:
    items = [
        LabeledItem(truth="a" if place % 2 else "b", predicted=("a" if place % 2 else "b",)) for place in range(20)
    ]
    low, high = classification.intervals(items, ["a", "b"], np.random.default_rng(0))["macro_f1"]
    assert (low, high) == (pytest.approx(0.8316, abs=1e-4), 1.0)  # Clopper and Pearson, 20 of 20


def test_a_model_that_always_says_the_same_has_no_correlation_whatever_is_drawn() -> None:
    items = [LabeledItem(truth="a" if place % 3 else "b", predicted=("a",)) for place in range(20)]
    ends = classification.intervals(items, ["a", "b"], np.random.default_rng(0))
    assert ends["mcc"] == (0.0, 0.0) and ends["accuracy"][0] < 13 / 20 < ends["accuracy"][1]


def test_samples_of_one_item_are_drawn_together() -> None:
    one = [LabeledItem(truth="a" if place % 2 else "b", predicted=("a",)) for place in range(40)]
    five = [LabeledItem(truth=item.truth, predicted=item.predicted * 5) for item in one]
    ends = [classification.intervals(each, LABELS, np.random.default_rng(0)) for each in (one, five)]
    assert all(ends[0][name] == pytest.approx(ends[1][name]) for name in ends[0])


def test_unread_answers_are_wrong() -> None:
    items = [LabeledItem(truth="a", predicted=(UNREAD,)), LabeledItem(truth="b", predicted=("b",))]
    assert classification.measures(items, ["a", "b"])["accuracy"] == 0.5


def test_the_majority_baseline_is_the_share_of_the_largest_class() -> None:
    items = [LabeledItem(truth=truth, predicted=("a",)) for truth in "bbac"]
    assert classification.majority(items) == ("b", 0.5)


def test_the_picture_has_every_count_and_escapes_labels() -> None:
    svg = picture([[7, 1, 0], [2, 31, 4]], ["<a&b>", "x" * 40])
    assert svg.startswith("<svg") and "&lt;a&amp;b&gt;" in svg and "<a&b>" not in svg
    assert all(f">{count}</text>" in svg for count in (7, 1, 0, 2, 31, 4)) and "7 of 8" in svg
