"""No program is accepted that does not solve its problem, and none spoils the verdict of the next."""

from __future__ import annotations

import secrets

import pytest

import sandbox
from sandbox import Limits, Pool, Program, Verdict

from .channels import CHANNELS
from .corpus import REFUSED, VICTIMS, Attack
from .ends import ENDS
from .equality import EQUALITY
from .frameworks import FRAMEWORKS
from .graders import NAMES, script
from .interpreter import INTERPRETER
from .leaks import LEAKS
from .patches import PATCHES
from .ruin import RUIN
from .trials import named, runs_as_expected, the_next_are_judged_right

ATTACKS = [*EQUALITY, *INTERPRETER, *ENDS, *PATCHES, *FRAMEWORKS, *CHANNELS, *LEAKS, *RUIN]
FOOLED = [(grader, attack) for attack in ATTACKS for grader in attack.fools]


@pytest.mark.parametrize("attack", ATTACKS, ids=named)
def test_a_forgery_is_refused_and_changes_no_other_verdict(box: Pool, attack: Attack) -> None:
    assert set(attack.expect) <= set(REFUSED)
    runs_as_expected(box, attack)
    the_next_are_judged_right(box, attack)


@pytest.mark.parametrize(("grader", "attack"), FOOLED, ids=[f"{grader}: {attack.name}" for grader, attack in FOOLED])
def test_a_naive_grader_accepts_it(yard: Pool, grader: str, attack: Attack) -> None:
    """Otherwise the attack is dead, and shows nothing."""
    assert _graded(yard, grader, attack) == "passed"


@pytest.mark.parametrize("grader", NAMES)
def test_a_naive_grader_tells_right_from_wrong_where_nobody_cheats(yard: Pool, grader: str) -> None:
    victim = {"outputs": "stdio", "unittest": "suite"}.get(grader, "calls")
    right, wrong = VICTIMS[victim].right, VICTIMS[victim].wrong
    assert _graded(yard, grader, Attack("right", right, (Verdict.ACCEPTED,), victim=victim)) == "passed"
    assert _graded(yard, grader, Attack("wrong", wrong, REFUSED, victim=victim)) == "failed"


def test_every_attack_has_a_name_of_its_own() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(set(names)) == len(names) >= 85
    assert {grader for grader, _ in FOOLED} == set(NAMES)


def _graded(yard: Pool, grader: str, attack: Attack) -> str:
    token = secrets.token_hex(8)
    limits = Limits(cpu_s=8, wall_s=10)
    execution: sandbox.Execution = yard.run(Program(source=script(grader, attack, token)), limits=limits)
    last = [line for line in execution.stdout.splitlines() if line.startswith(token)]
    return last[-1].removeprefix(token).strip() if last else f"no verdict: {execution}"
