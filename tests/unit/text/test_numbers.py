"""A value is written one way, whichever command or page shows it."""

from __future__ import annotations

import math

import pytest

from harness.metrics import find_metric
from harness.text import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"), (-0.0, "0.000"), (7.2531, "7.253"), (152.549, "152.5"), (999.94, "999.9"), (999.96, "1,000"),
        (18893.2, "18,893"), (9_999_499.0, "9,999,499"), (1e7, "1.000e+07"), (3.15e11, "3.150e+11"),
        (-2729.4, "-2,729"), (0.000051, "5.100e-05"), (math.inf, "inf"), (math.nan, "nan"),
    ],
)  # fmt: skip
def test_a_number_has_four_digits_and_large_ones_are_whole(value: float, text: str) -> None:
    assert numbers.amount(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.577, "57.7%"), (0.0, "0.0%"), (-0.0001, "0.0%"), (1.0, "100.0%")])
def test_a_share_is_in_per_cent_with_one_decimal(value: float, text: str) -> None:
    assert numbers.amount(value, share=True) == text


def test_an_interval_with_a_negative_end_has_no_dash() -> None:
    assert numbers.interval(0.467, 0.684, share=True) == "46.7% - 68.4%"
    assert numbers.interval(-0.2136, 0.12) == "-0.2136 to 0.1200"
    assert numbers.with_interval(0.1, -0.2136, 0.12) == "0.1000 (-0.2136 to 0.1200)"


def test_a_difference_has_its_sign_and_is_never_minus_nothing() -> None:
    assert numbers.difference(0.203, share=True) == "+20.3"
    assert numbers.difference(-0.00001, share=True) == "+0.0"
    assert numbers.difference(1.93481) == "+1.9348"


def test_a_metric_writes_its_values_by_its_unit() -> None:
    perplexity, accuracy = find_metric("perplexity"), find_metric("accuracy")
    assert perplexity is not None and accuracy is not None
    assert perplexity.with_interval(18893.2, 17396.0, 20592.4) == "18,893 (17,396-20,592)"
    assert accuracy.with_interval(0.5, 0.25, 0.75) == "50.0% (25.0-75.0)"
    assert perplexity.problem_unit == "nats per token" and accuracy.problem_unit == "accuracy"
