"""A program that takes the judge's channel over is not accepted, and costs the judge no more than its limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox import Pool, Program, Verdict

from .corpus import LATE, LIMITS, REFUSED, VICTIMS, Attack
from .protocol_frames import FRAMES
from .protocol_values import VALUES
from .protocol_windows import WINDOWS, WINDOWS_CONTROL
from .rogue import CONTROL
from .trials import named, runs_as_expected, the_next_are_judged_right

ATTACKS = [*FRAMES, *VALUES, *WINDOWS]


@pytest.mark.parametrize("attack", ATTACKS, ids=named)
def test_a_rogue_is_refused_and_changes_no_other_verdict(box: Pool, attack: Attack) -> None:
    assert set(attack.expect) <= set(REFUSED)
    execution = runs_as_expected(box, attack)
    assert execution.judge_cpu_s < LIMITS.cpu_s + 3.5, execution
    the_next_are_judged_right(box, attack)


@pytest.mark.parametrize(
    "attack", [pytest.param(each, marks=[pytest.mark.slow] * (each.expect == LATE)) for each in WINDOWS], ids=named
)
def test_a_rogue_is_refused_where_the_right_answers_are_known(box: Pool, attack: Attack) -> None:
    victim = VICTIMS["known"]
    assert box.run(Program(source=victim.right), victim.tests, LIMITS).verdict is Verdict.ACCEPTED
    known = replace(attack, victim="known")
    runs_as_expected(box, known)
    the_next_are_judged_right(box, known)


def test_a_rogue_that_answers_right_is_accepted(box: Pool) -> None:
    """Otherwise the attacks above fail for a fault of their own."""
    for source, victim in (
        (CONTROL, "calls"),
        (CONTROL, "loop"),
        (WINDOWS_CONTROL, "loop"),
        (WINDOWS_CONTROL, "known"),
    ) * 2:
        execution = box.run(Program(source=source), VICTIMS[victim].tests, LIMITS)
        assert execution.verdict is Verdict.ACCEPTED, execution


def test_every_attack_has_a_name_of_its_own() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(set(names)) == len(names) >= 38
