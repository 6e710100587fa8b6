"""Printed output against expected output."""

from __future__ import annotations

import pytest

from sandbox.guest.compare import difference


@pytest.mark.parametrize(
    ("printed", "expected", "mode", "tolerance", "same"),
    [
        ("a\n", "a\n", "exact", 0, True),
        ("a", "a\n", "exact", 0, False),
        ("a  \nb\n\n", "a\nb", "trimmed", 0, True),
        ("a\n\nb", "a\nb", "trimmed", 0, False),
        (" a", "a", "trimmed", 0, False),
        ("1  2\n3", "1 2 3", "tokens", 0, True),
        ("1.0", "1", "tokens", 0, False),
        ("1.0000001", "1", "tokens", 1e-6, True),
        ("1.1", "1", "tokens", 1e-6, False),
        ("1000001", "1000000", "tokens", 1e-5, True),
        ("nan", "1", "tokens", 1e-6, False),
        ("inf", "1", "tokens", 1e-6, False),
        ("x", "1", "tokens", 1e-6, False),
        ("1 2", "1", "tokens", 0, False),
        ("", "", "trimmed", 0, True),
        ("\u00e9", "\u00e9", "exact", 0, True),
    ],
)
def test_outputs_agree_as_the_mode_says(printed: str, expected: str, mode: str, tolerance: float, same: bool) -> None:
    assert (difference(printed.encode(), expected, mode, tolerance) == "") is same


def test_a_difference_names_its_place_and_not_the_answer() -> None:
    told = difference(b"1\n3", "1\n42", "trimmed", 0)
    assert "line 2" in told and "42" not in told


SAME = [("3\n", "3"), (" 3 \n\n", "3"), ("9.0 1.50", "9 1.5"), ("a b", "a b"), ("1e2", "100"), ("-0", "0"), ("", "\n")]
OTHER = [
    ("3", "4"), ("3\n\n4", "3\n4"), ("a  b", "a b"), ("50000000000000001", "50000000000000000"), ("nan", "1"),
    ("1 x", "1.0 x"), ("sNaN", "1"), ("0.1", "0.10000001"), ("1 1", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("printed", "expected"), SAME)
def test_the_same_numbers_agree_however_they_are_written(printed: str, expected: str) -> None:
    assert difference(printed.encode(), expected, "decimals", 0.0) == ""


@pytest.mark.parametrize(("printed", "expected"), OTHER)
def test_other_numbers_and_other_lines_do_not(printed: str, expected: str) -> None:
    assert difference(printed.encode(), expected, "decimals", 0.0)
