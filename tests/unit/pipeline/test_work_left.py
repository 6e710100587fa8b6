"""How long the rest of a run takes."""

from __future__ import annotations

import pytest

from harness.pipeline.work_left import WorkLeft


def test_hard_problems_that_are_left_count_what_they_cost() -> None:
    left = WorkLeft({"easy": 100, "hard": 10})
    left.done("easy", 9.0, 90)
    left.done("hard", 10.0)
    # one thread took 19 s for 91 of 110; the nine hard ones that are left take 10 s each: by the mean it would be 4 s
    assert left.seconds(19.0) == pytest.approx(91.0, rel=0.1)
    assert left.count == 19


def test_a_problem_of_which_nothing_is_done_counts_what_a_problem_takes_on_average() -> None:
    left = WorkLeft({"a": 1, "b": 1, "c": 2})
    left.done("a", 1.0)
    left.done("b", 3.0)
    assert left.seconds(4.0) == pytest.approx(4.0, rel=0.01)


def test_threads_that_work_at_once_shorten_it() -> None:
    left = WorkLeft({"a": 20})
    left.done("a", 10.0, 10)
    assert left.seconds(5.0) == pytest.approx(5.0)


def test_before_anything_is_done_nobody_knows_and_at_the_end_nothing_is_left() -> None:
    left = WorkLeft({"a": 1})
    assert left.seconds(3.0) is None
    left.done("a", 0.0)
    assert left.seconds(3.0) == 0
