"""How an attack is tried: on a worker, in its limits, with the next programs on the same worker judged right."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict

from sandbox import Execution, Pool, Program, Verdict
from tests.fixtures.sandboxes import own_uids

from .corpus import LIMITS, REFUSED, SLACK_S, VICTIMS, Attack

ATTEMPTS = 3


def named(attack: Attack) -> str:
    """The name under which pytest shows it."""
    return attack.name


def in_time(attack: Attack, run: Callable[[], Execution]) -> Execution:
    """The execution, which must come soon enough; once, of a few attempts: a busy machine makes the first ones late.

    Where more processes want a processor than there are, it may take as many times longer. What is late by a multiple
    of that is late for another reason, and is not tried again.
    """
    for _ in range(ATTEMPTS):
        busy = max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0)
        allowed_s = (attack.seconds or LIMITS.wall_s + SLACK_S) * busy
        start = time.monotonic()
        execution = run()
        took_s = time.monotonic() - start
        if took_s < allowed_s or took_s > 3 * allowed_s:
            break
    assert took_s < allowed_s, f"{took_s:.1f} s: {execution}"
    return execution


def runs_as_expected(box: Pool, attack: Attack) -> Execution:
    """Run it against its victim: one of the verdicts that are right, soon enough, in a record that can be kept."""
    tests = VICTIMS[attack.victim].tests
    execution = in_time(attack, lambda: box.run(Program(source=attack.source), tests, LIMITS))
    # where all have one user id, a program may end or stop its own sandbox, and is refused for that
    expect = attack.expect if own_uids(box.backend) else (*attack.expect, *REFUSED)
    assert execution.verdict in expect, execution
    json.dumps(asdict(execution)).encode("ascii")
    assert len(execution.detail) < 1200
    return execution


def the_next_are_judged_right(box: Pool, attack: Attack) -> None:
    """A right and a wrong program after it, for the same problem: its judge may be the one that the attack had."""
    victim = VICTIMS[attack.victim]
    right = box.run(Program(source=victim.right), victim.tests, LIMITS)
    wrong = box.run(Program(source=victim.wrong), victim.tests, LIMITS)
    assert right.verdict is Verdict.ACCEPTED, right
    assert wrong.verdict is Verdict.WRONG_ANSWER, wrong
