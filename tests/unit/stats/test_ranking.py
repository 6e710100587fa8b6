from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from harness.stats import ranking
from harness.stats.ranking import RankRange, rank_ranges


def table(values: np.ndarray) -> list[dict[str, float]]:
    """One mapping per run, from an array of shape (runs, problems)."""
    return [{str(index): float(value) for index, value in enumerate(row)} for row in values]


def draw(abilities: list[float], problems: int, samples: int, rng: np.random.Generator) -> list[dict[str, float]]:
    """The share of `samples` that each simulated model passes, on problems whose ease all models share."""
    ease = rng.normal(0, 1.5, problems)
    chances = 1 / (1 + np.exp(-(np.array(abilities)[:, None] + ease)))
    return table(rng.binomial(samples, chances) / samples)


def test_equal_models_are_separated_in_at_most_five_percent_of_tables() -> None:
    rng = np.random.default_rng(1)
    tables = 150
    wrong = 0
    for _ in range(tables):
        ranges = rank_ranges(draw([0.0] * 5, 40, 4, rng))
        wrong += any(each != RankRange(best=1, worst=5) for each in ranges)
    assert wrong <= scipy.stats.binom.ppf(0.999, tables, 0.05)


def test_two_groups_of_equal_models_share_the_ranks_of_their_group() -> None:
    rng = np.random.default_rng(2)
    right = 0
    for _ in range(40):
        ranges = rank_ranges(draw([2.0, 2.0, 0.0, 0.0, 0.0], 120, 10, rng))
        top, bottom = RankRange(best=1, worst=2), RankRange(best=3, worst=5)
        right += ranges == [top, top, bottom, bottom, bottom]
    # a wrong separation inside a group happens in at most 5 % of tables; between groups none is missed at this size
    assert right >= scipy.stats.binom.ppf(0.001, 40, 0.95)


def test_models_far_apart_are_ordered_as_their_abilities() -> None:
    rng = np.random.default_rng(3)
    ranges = rank_ranges(draw([-2.0, 2.0, 0.0], 150, 10, rng))
    assert ranges == [RankRange(best=rank, worst=rank) for rank in (3, 1, 2)]


def test_the_better_model_has_the_lower_value_where_lower_is_better() -> None:
    rng = np.random.default_rng(4)
    losses = table(np.array([[2.0], [1.0]]) + rng.normal(0, 0.1, (2, 50)))
    assert [each.best for each in rank_ranges(losses, lower_is_better=True)] == [2, 1]


def test_what_a_problem_counts_decides_which_model_is_better() -> None:
    values = table(np.array([[1.0] * 20 + [0.0] * 20, [0.0] * 20 + [1.0] * 20]))
    weights = {str(index): 100.0 if index < 20 else 1.0 for index in range(40)}
    plain = rank_ranges(values)
    weighted = rank_ranges(values, weights=weights)
    assert [each.best for each in plain] == [1, 1]
    assert [each.best for each in weighted] == [1, 2]


def test_one_sample_per_problem_gets_the_exact_mcnemar_test() -> None:
    gap = np.array([1.0] * 9 + [-1.0] * 1 + [0.0] * 30)
    exact = scipy.stats.binomtest(9, 10).pvalue
    assert ranking._p_values(gap[None, :]) == [pytest.approx(exact)]


def test_many_runs_can_still_be_separated_after_holms_correction() -> None:
    rng = np.random.default_rng(8)
    ranges = rank_ranges(draw([4.0] + [-4.0] * 34, 60, 4, rng))
    assert ranges[0] == RankRange(best=1, worst=1)


def test_runs_of_different_problems_are_refused() -> None:
    with pytest.raises(ValueError, match="same problems"):
        rank_ranges([{"a": 1.0}, {"b": 1.0}])


def test_a_single_run_has_rank_1() -> None:
    assert rank_ranges([{"a": 1.0}]) == [RankRange(best=1, worst=1)]


def test_a_clear_winner_among_two_hundred_runs_is_told_apart_from_every_other() -> None:
    rng = np.random.default_rng(9)
    ranges = rank_ranges(draw([3.0] + [0.0] * 199, 164, 10, rng))
    assert ranges[0] == RankRange(best=1, worst=1)
    assert all(each.best >= 2 for each in ranges[1:])


def test_sixty_equal_models_are_separated_in_at_most_five_percent_of_tables() -> None:
    rng = np.random.default_rng(10)
    tables = 25
    wrong = 0
    for _ in range(tables):
        ranges = rank_ranges(draw([0.0] * 60, 100, 10, rng))
        wrong += any(each != RankRange(best=1, worst=60) for each in ranges)
    assert wrong <= scipy.stats.binom.ppf(0.999, tables, 0.05)
