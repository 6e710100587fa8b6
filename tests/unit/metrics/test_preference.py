"""Preferences: other people's numbers, and cases whose answer is plain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from harness.metrics.preference import (
    components,
    davidson,
    davidson_resamples,
    items_needed,
    power_of,
    sign_test,
    smallest_detectable,
    win_share,
)
from harness.stats.proportion import wilson

# Davidson 1970, table 1: chocolate puddings; i, j: wins of i, wins of j, ties
PUDDING = {
    (1, 2): (19, 22, 16), (1, 3): (16, 19, 12), (2, 3): (19, 19, 10), (1, 4): (18, 23, 13), (2, 4): (23, 19, 9),
    (3, 4): (19, 20, 15), (1, 5): (13, 19, 18), (2, 5): (16, 20, 12), (3, 5): (16, 15, 17), (4, 5): (17, 14, 16),
    (1, 6): (18, 21, 12), (2, 6): (22, 20, 12), (3, 6): (13, 18, 10), (4, 6): (14, 19, 18), (5, 6): (11, 21, 12),
}  # fmt: skip
PI = [0.138803, 0.173001, 0.161747, 0.165373, 0.158685, 0.202389]
THETA = [-0.176561, 0.043681, -0.023583, -0.001416, -0.042696, 0.200574]

ERRORS = [0.121949, 0.121818, 0.126823, 0.122003, 0.127054, 0.126594]


def pudding() -> np.ndarray:
    counts = np.zeros((6, 6, 3))
    for (i, j), outcome in PUDDING.items():
        counts[i - 1, j - 1] = outcome
    return counts


def test_davidsons_pudding() -> None:
    found = davidson(pudding())
    assert found.nu == pytest.approx(0.7468229877, abs=1e-9)
    assert found.pi == pytest.approx(PI, abs=1e-6)
    assert found.theta == pytest.approx(THETA, abs=1e-6)
    assert found.errors == pytest.approx(ERRORS, abs=1e-6)
    assert found.log_nu_error == pytest.approx(0.082499, abs=1e-6)
    assert not found.regularized


def test_the_order_in_which_a_pair_is_written_changes_nothing() -> None:
    counts = pudding()
    turned = np.swapaxes(counts, 0, 1)[..., [1, 0, 2]]
    assert davidson(turned).theta == pytest.approx(davidson(counts).theta, abs=1e-9)


def test_two_models_have_a_closed_form() -> None:
    counts = np.zeros((2, 2, 3))
    counts[0, 1] = (30, 20, 10)
    found = davidson(counts)
    assert found.theta[0] - found.theta[1] == pytest.approx(0.405465, abs=1e-6)
    assert found.nu == pytest.approx(0.408248, abs=1e-6)


def test_the_first_sides_advantage_is_found_apart_from_strength() -> None:
    counts = np.zeros((2, 2, 3))
    counts[0, 1], counts[1, 0] = (60, 40, 0), (60, 40, 0)  # equal models, and the first wins 60 of 100
    found = davidson(counts, order_effect=True)
    assert found.order == pytest.approx(math.log(1.5), abs=1e-6)
    assert found.theta == pytest.approx([0, 0], abs=1e-9)


def test_without_ties_nu_is_nought_and_strengths_are_bradley_terrys() -> None:
    counts = np.zeros((3, 3, 3))
    counts[0, 1], counts[1, 2], counts[0, 2] = (6, 4, 0), (7, 3, 0), (8, 2, 0)
    found = davidson(counts)
    chances = [1 / (1 + math.exp(found.theta[j] - found.theta[i])) for i, j in ((0, 1), (0, 2))]
    assert found.nu == 0
    assert 10 * sum(chances) == pytest.approx(14, abs=1e-6)  # expected wins of the first are those observed


def test_a_model_that_never_lost_is_bounded() -> None:
    counts = np.zeros((3, 3, 3))
    counts[0, 1], counts[0, 2], counts[1, 2] = (10, 0, 0), (10, 0, 0), (5, 5, 0)
    found = davidson(counts)
    assert found.regularized
    assert np.isfinite(found.theta).all()
    assert 1 < found.theta[0] - found.theta[1] < 10


def test_votes_that_do_not_connect_are_refused() -> None:
    counts = np.zeros((3, 3, 3))
    counts[0, 1] = (3, 2, 0)
    assert components(counts) == [[0, 1], [2]]
    with pytest.raises(ValueError, match="do not connect"):
        davidson(counts)


def test_resamples_are_what_one_fit_each_gives() -> None:
    rng = np.random.default_rng(0)
    many = rng.poisson(np.repeat(pudding()[None], 5, axis=0)).astype(float)
    each = np.stack([davidson(one).theta for one in many])
    assert davidson_resamples(many) == pytest.approx(each, abs=1e-7)
    ordered = np.stack([davidson(one, order_effect=True).theta for one in many])
    assert davidson_resamples(many, order_effect=True) == pytest.approx(ordered, abs=1e-7)


@pytest.mark.parametrize(("wins", "total", "p"), [(30, 50, 0.202639), (8, 10, 0.109375), (65, 100, 0.003518)])
def test_sign_test_is_scipys(wins: int, total: int, p: float) -> None:
    assert sign_test(wins, total - wins) == pytest.approx(binomtest(wins, total).pvalue, abs=1e-12)
    assert sign_test(wins, total - wins) == pytest.approx(p, abs=1e-6)


@pytest.mark.parametrize(("count", "total"), [(0, 10), (30, 50), (8, 10), (50, 50), (1, 1)])
def test_wilson_is_scipys(count: int, total: int) -> None:
    found, known = wilson(count, total), binomtest(count, total).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-9)


@pytest.mark.parametrize(("share", "items"), [(0.6, 199), (0.65, 90), (0.7, 49), (0.75, 30), (0.8, 20)])
def test_items_needed(share: float, items: int) -> None:
    assert items_needed(share) == items
    assert items_needed(1 - share) == items
    assert power_of(share, items) >= 0.8
    assert items_needed(share, 0.5) == 2 * items


def test_many_votes_and_a_share_near_one_half_take_no_time() -> None:
    assert sign_test(50_400, 49_600) == pytest.approx(binomtest(50_400, 100_000).pvalue, rel=1e-9)
    assert items_needed(0.515) == 8759
    assert power_of(0.515, 8759) >= 0.8 > power_of(0.515, 8700)


def test_what_a_number_of_items_can_show() -> None:
    assert smallest_detectable(5) is None  # even 5 of 5 has p = 0.0625
    found = smallest_detectable(90)
    assert found is not None
    assert found == pytest.approx(0.65, abs=0.005)
    assert items_needed(0.5) is None


@pytest.mark.parametrize("concentration", [2.0, 1.0, 0.5])
def test_intervals_cover_the_true_share_though_judges_of_an_item_agree(concentration: float) -> None:
    """50 items, 3 judges, equal models, item effects Beta(c, c): votes as independent cover .87 to .91 here."""
    rng = np.random.default_rng(round(concentration * 100))
    held = rounds = 0
    for _ in range(600):
        chance = rng.beta(concentration, concentration, 50)
        values = rng.binomial(3, chance) / 3
        found = win_share(list(values), rng)
        held += found.low <= 0.5 <= found.high
        rounds += 1
    assert 0.93 <= held / rounds <= 0.97


def test_all_items_won_does_not_claim_certainty() -> None:
    found = win_share([1.0] * 20, np.random.default_rng(0))
    assert found.value == 1.0
    assert 0.75 < found.low < 0.95
