"""pass^k, G-Pass@k and maj@k against counting every set of k samples, and against their papers' identities."""

from __future__ import annotations

import itertools
from collections import Counter
from math import comb

import pytest

from harness.metrics import find_metric
from harness.metrics.g_pass_at_k import g_pass_at_k
from harness.metrics.majority_at_k import majority_at_k
from harness.metrics.pass_at_k import pass_at_k
from harness.metrics.pass_hat_k import pass_hat_k

CASES = [(n, c, k) for n in range(1, 8) for c in range(n + 1) for k in range(1, n + 1)]


@pytest.mark.parametrize(("n", "c", "k"), CASES)
def test_each_is_the_share_of_all_sets_of_k_samples(n: int, c: int, k: int) -> None:
    sets = list(itertools.combinations([1] * c + [0] * (n - c), k))
    assert pass_hat_k(n, c, k) == pytest.approx(sum(all(each) for each in sets) / len(sets))
    for tau in (0.25, 0.5, 0.7, 1.0):
        share = sum(sum(each) >= tau * k - 1e-9 for each in sets) / len(sets)
        assert g_pass_at_k(n, c, k, tau) == pytest.approx(share), tau
    assert g_pass_at_k(n, c, k, 1.0) == pytest.approx(pass_hat_k(n, c, k))
    assert g_pass_at_k(n, c, k, 1 / k) == pytest.approx(pass_at_k(n, c, k))


@pytest.mark.parametrize(
    "answers", [{"a": 3, "b": 2}, {"a": 2, "b": 2, "c": 2}, {"a": 1, "b": 4, "?": 2}, {"b": 3}, {"a": 2, "?": 5}]
)
def test_a_vote_is_the_mean_over_all_sets_of_k_samples_with_ties_by_lot(answers: dict[str, int]) -> None:
    samples = [answer for answer, count in answers.items() for _ in range(count)]
    for k in range(1, len(samples) + 1):
        won = 0.0
        for each in itertools.combinations(samples, k):
            votes = Counter(answer for answer in each if answer != "?")
            best = [answer for answer, count in votes.items() if count == max(votes.values())]
            won += ("a" in best) / len(best) if best else 0
        assert majority_at_k(answers, "a", k, unread="?") == pytest.approx(won / comb(len(samples), k)), k


def test_large_counts_stay_exact() -> None:
    assert pass_hat_k(1000, 999, 500) == 0.5
    assert g_pass_at_k(2000, 1000, 1999, 0.5) == pytest.approx(0.5)
    assert majority_at_k({"a": 200, "b": 200}, "a", 101) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["pass^3", "g-pass@10_0.75", "g-pass@4_1", "maj@5"])
def test_a_name_finds_its_metric(name: str) -> None:
    found = find_metric(name)
    assert found is not None and found.name == name and found.is_share


@pytest.mark.parametrize(
    "name", ["pass^0", "pass^", "g-pass@0_0.5", "g-pass@3_0", "g-pass@3_1.5", "maj@0", "maj@x", "pass^\u0663"]
)
def test_other_names_are_no_metric(name: str) -> None:
    assert find_metric(name) is None


@pytest.mark.parametrize("wrong", [(0, 0, 1), (3, 4, 1), (3, 2, 4), (3, 2, 0)])
def test_counts_that_cannot_be_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must be between"):
        pass_hat_k(*wrong)
    with pytest.raises(ValueError, match="must be between"):
        g_pass_at_k(*wrong, 0.5)
