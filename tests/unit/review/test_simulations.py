"""Simulated judges whose truth is known: a few of each; `python -m tests.bench.review_simulations` has many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench import review_simulations as simulated

FEW = 60


@pytest.mark.parametrize("name", simulated.INTERVALS)
def test_intervals_hold_the_truth_about_as_often_as_they_say(name: str) -> None:
    held = simulated.coverage(simulated.INTERVALS[name](), FEW)
    assert all(0.88 <= each <= 1.0 for each in held), held


@pytest.mark.parametrize("name", simulated.EQUAL)
def test_what_is_equal_is_seldom_told_apart(name: str) -> None:
    assert simulated.coverage(simulated.EQUAL[name], FEW)[0] <= 0.1


def test_a_judge_who_leans_to_a_side_and_a_careless_one_are_named_and_a_good_one_is_not(tmp_path: Path) -> None:
    for number, rng in enumerate(np.random.default_rng(0).spawn(2)):
        (tmp_path / str(number)).mkdir()
        assert simulated.judges_found(tmp_path / str(number), rng) == (True, True, False)
