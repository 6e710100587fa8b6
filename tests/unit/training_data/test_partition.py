"""Which rows are held out."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from harness.training_data.partition import PartSizes, group_split, random_split, stratified_split, time_split

SEED = 7


def keys(count: int) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, 2**63, count).astype(np.uint64)


def test_by_chance_gives_the_wanted_sizes_without_a_row_in_two_parts() -> None:
    held = random_split(keys(100), PartSizes(test=10, validation=5))
    assert len(held.test) == 10 and len(held.validation) == 5 and not set(held.test) & set(held.validation)


def test_by_time_the_latest_are_the_test_part() -> None:
    moments = np.array([5.0, 1, 4, 2, 3, 6, 8, 7, 9, 10])
    held = time_split(moments, PartSizes(test=2, validation=2))
    assert sorted(moments[held.test]) == [9, 10] and sorted(moments[held.validation]) == [7, 8]


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40), st.integers(1, 10), st.integers(0, 10))
def test_by_time_no_moment_is_in_two_parts_and_parts_follow_each_other(
    moments: list[int], test: int, validation: int
) -> None:
    times = np.array(moments, dtype=float)
    held = time_split(times, PartSizes(test=test, validation=validation))
    train = np.setdiff1d(np.arange(len(times)), [*held.test, *held.validation])
    ordered = [times[part] for part in (train, held.validation, held.test) if len(part)]
    for before, after in itertools.pairwise(ordered):
        assert before.max() < after.min()


def test_by_time_a_part_begins_at_the_change_nearest_to_the_wanted_size() -> None:
    held = time_split(np.array([1.0, 1, 2, 2, 2, 2, 2, 3, 3, 3]), PartSizes(test=2))
    assert held.test.tolist() == [7, 8, 9]


def test_by_class_agrees_with_scikit_learn_in_counts() -> None:
    classes = ["a"] * 50 + ["b"] * 30 + ["c"] * 20
    held = stratified_split(classes, keys(100), PartSizes(test=10))
    _, theirs = next(StratifiedShuffleSplit(n_splits=1, test_size=10, random_state=0).split(classes, classes))
    assert (
        Counter(classes[row] for row in held.test)
        == Counter(classes[row] for row in theirs)
        == {"a": 5, "b": 3, "c": 2}
    )


@given(st.lists(st.sampled_from("abcdefg"), min_size=6, max_size=120), st.integers(1, 20), st.integers(0, 20))
def test_by_class_each_class_is_in_every_part_or_only_in_train(classes: list[str], test: int, validation: int) -> None:
    held = stratified_split(classes, keys(len(classes)), PartSizes(test=test, validation=validation))
    assert not set(held.test) & set(held.validation)
    train = set(range(len(classes))) - set(held.test) - set(held.validation)
    parts = [held.test, held.validation] if validation else [held.test]
    least = len(parts) + 1
    for name, count in Counter(classes).items():
        has = [any(classes[row] == name for row in part) for part in parts]
        assert all(has) if count >= least else not any(has)
        assert any(classes[row] == name for row in train)


def test_by_class_rounds_by_largest_remainder_to_the_wanted_size() -> None:
    classes = ["a"] * 33 + ["b"] * 33 + ["c"] * 34
    held = stratified_split(classes, keys(100), PartSizes(test=10))
    assert Counter(classes[row] for row in held.test) == {"a": 3, "b": 3, "c": 4}


@given(st.lists(st.integers(0, 8), min_size=3, max_size=60), st.integers(1, 10), st.integers(0, 10))
def test_by_group_no_group_is_divided_and_no_part_is_larger_than_wanted(
    groups: list[int], test: int, validation: int
) -> None:
    held = group_split(np.array(groups), keys(len(groups)), PartSizes(test=test, validation=validation))
    train = np.setdiff1d(np.arange(len(groups)), [*held.test, *held.validation])
    parts = [{groups[row] for row in part} for part in (train, held.validation, held.test)]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert len(held.test) <= test and len(held.validation) <= validation


@pytest.mark.parametrize("strategy", [group_split, stratified_split])
def test_the_order_of_rows_does_not_count(strategy: object) -> None:
    names = np.arange(60)
    groups, drawn = names // 3, keys(60)
    shuffled = np.random.default_rng(1).permutation(60)
    if strategy is group_split:
        one, two = (
            group_split(groups, drawn, PartSizes(test=9)),
            group_split(groups[shuffled], drawn[shuffled], PartSizes(test=9)),
        )
    else:
        one = stratified_split([str(each) for each in groups], drawn, PartSizes(test=9))
        two = stratified_split([str(each) for each in groups[shuffled]], drawn[shuffled], PartSizes(test=9))
    assert set(names[one.test]) == set(names[shuffled][two.test])
