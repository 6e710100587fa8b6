"""Run with pytest where the package is installed."""

from __future__ import annotations

import pytest
from shouting.metric import upper_case_share

from harness import testing


@pytest.mark.parametrize(("package", "name"), testing.plug_ins("harness-shouting"))
def test_a_plug_in_does_what_the_harness_asks(package: str, name: str) -> None:
    testing.check(package, name)


def test_all_three_are_found() -> None:
    assert {name for _, name in testing.plug_ins("harness-shouting")} == {"indented", "shouting", "upper_case_share"}


def test_the_share_counts_letters_alone() -> None:
    assert upper_case_share("AB c 12!") == 2 / 3
    assert upper_case_share("12") == 0
