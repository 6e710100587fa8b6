"""The result's page: names that a drawing has room for, and numbers at the right."""

from __future__ import annotations

from harness.review.report import LONGEST_NAME, numeric_columns, shortened


def test_long_names_of_one_family_stay_apart_and_wide_signs_count_twice() -> None:
    one, other = (shortened(f"Qwen__Qwen2.5-Coder-32B-Instruct-epoch-{n}") for n in (3, 4))
    assert one != other and len(one) == LONGEST_NAME and one.endswith("-epoch-3")
    assert shortened("nano") == "nano"
    assert len(shortened("モデル名前・日本語の大きなコードモデル")) <= LONGEST_NAME / 2 + 1


def test_columns_of_numbers_intervals_and_dashes_stand_at_the_right() -> None:
    rows = [
        ["nano", "14", "85.0%", "75.0% to 95.0%", "< 0.0001", "0 of 3", "1-2", "-", "no evidence"],
        ["x", "1,204", "-", "-0.12 to +0.30", "0.0312", "1 of 3", "2", "-", "3"],
    ]
    assert numeric_columns(rows) == [False, True, True, True, True, True, True, True, False]
