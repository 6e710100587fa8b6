"""Scales of drawings: values to places."""

from __future__ import annotations

import pytest

from harness.html.svg import AxisScale, Scale, round_up


@pytest.mark.parametrize(("value", "place"), [(0.0, 0.0), (0.5, 50.0), (1.0, 100.0), (-1.0, 0.0), (7.0, 100.0)])
def test_a_value_outside_the_scale_stays_inside_the_bar(value: float, place: float) -> None:
    assert Scale(low=0.0, high=1.0).at(value) == place


def test_a_single_value_has_a_place() -> None:
    assert Scale(low=2.0, high=2.0).at(2.0) == 0.0
    assert AxisScale(3.0, 3.0, 10.0, 90.0).at(3.0) == 10.0


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 3.7), (950.0, 1000.0), (0.0, 8e-5)])
def test_ticks_are_four_to_eleven_round_values_in_the_range(low: float, high: float) -> None:
    ticks = AxisScale(low, high, 0.0, 1.0).ticks()
    assert 4 <= len(ticks) <= 11 and low <= ticks[0] and ticks[-1] <= high * (1 + 1e-12)


@pytest.mark.parametrize(
    ("value", "above"), [(0.0, 1.0), (-3.0, 1.0), (3.0, 4.0), (4.0, 4.0), (61.0, 80.0), (0.09, 0.1)]
)
def test_a_number_is_rounded_up_to_a_round_one(value: float, above: float) -> None:
    assert round_up(value) == pytest.approx(above)
