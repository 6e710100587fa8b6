"""Odd but right programs are accepted."""

from __future__ import annotations

import pytest

from sandbox import CallTests, Limits, Pool, Program, Verdict

from .corpus import VICTIMS
from .innocents import CALLS, READERS, SCRIPTS

LIMITS = Limits(cpu_s=4.0, wall_s=8.0)


@pytest.mark.parametrize("name", CALLS)
def test_an_odd_but_right_function_is_accepted(box: Pool, name: str) -> None:
    source, tests = CALLS[name]
    execution = box.run(Program(source=source), CallTests(source=tests, entry_point="solve"), LIMITS)
    assert execution.verdict is Verdict.ACCEPTED and not execution.refused, execution


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_odd_but_right_script_is_accepted(box: Pool, name: str) -> None:
    execution = box.run(Program(source=SCRIPTS[name]), limits=LIMITS)
    assert execution.verdict is Verdict.ACCEPTED and not execution.refused, execution


@pytest.mark.parametrize("name", READERS)
def test_every_way_to_read_and_print_is_accepted(box: Pool, name: str) -> None:
    execution = box.run(Program(source=READERS[name]), VICTIMS["stdio"].tests, LIMITS)
    assert execution.verdict is Verdict.ACCEPTED and not execution.refused, execution


def test_there_are_enough_of_them() -> None:
    assert len(CALLS) + len(SCRIPTS) + len(READERS) >= 44
