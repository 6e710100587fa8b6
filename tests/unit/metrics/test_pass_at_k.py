"""pass@k against enumeration."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics import find_metric
from harness.metrics.pass_at_k import pass_at_k


@pytest.mark.parametrize("n", range(1, 9))
def test_pass_at_k_is_the_share_of_k_subsets_with_a_pass(n: int) -> None:
    for c, k in itertools.product(range(n + 1), range(1, n + 1)):
        subsets = list(itertools.combinations([True] * c + [False] * (n - c), k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets), abs=1e-12)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_a_probability_that_grows_with_k(nck: tuple[int, int, int]) -> None:
    n, c, k = nck
    value = pass_at_k(n, c, k)
    assert 0 <= value <= 1
    assert k == n or pass_at_k(n, c, k + 1) >= value - 1e-12


def test_pass_at_1_is_the_share_that_passed() -> None:
    assert pass_at_k(200, 37, 1) == pytest.approx(37 / 200)


@pytest.mark.parametrize(("n", "c", "k"), [(10, 3, 11), (10, 3, 0), (10, 11, 1), (0, 0, 1), (10, -1, 1)])
def test_pass_at_k_refuses_what_has_no_meaning(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match=rf"n is {n}"):
        pass_at_k(n, c, k)


def test_every_k_is_a_metric_and_other_names_are_none() -> None:
    metric = find_metric("pass@7")
    assert metric is not None and metric.of({"n": 14, "c": 1}) == pytest.approx(0.5)
    assert metric.values({"few": {"n": 6, "c": 1}}) is None  # fewer than k samples have no pass@k
    assert [find_metric(name) for name in ("pass@0", "pass@", "pass@x", "pass@-1", "pass")] == [None] * 5
