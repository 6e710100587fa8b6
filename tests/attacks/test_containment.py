"""Nothing gets out, nothing stays behind, nothing takes more than its limits; and the report holds what was printed."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, replace

import pytest

import sandbox
from sandbox import CallTests, Pool, Program, Verdict
from tests.fixtures.sandboxes import own_uids

from .corpus import LIMITS, VICTIMS, Attack
from .escapes import ESCAPES, script
from .exhaustion import EXHAUSTION
from .leftovers import LEFTOVERS, LOOK
from .reports import TEXTS
from .trials import in_time, named

ROOMY = replace(LIMITS, cpu_s=5.0, wall_s=10.0, processes=32)


@pytest.fixture(scope="session")
def fresh_look(backend: str) -> str:
    """What the first program of a sandbox sees."""
    with sandbox.open(backend, workers=1) as pool:
        return _look(pool)


def _look(box: Pool) -> str:
    """Behind programs of a problem, so that the judge has the processes that it has then."""
    victim = VICTIMS["calls"]
    assert box.run(Program(source=victim.right), victim.tests, LIMITS).verdict is Verdict.ACCEPTED
    assert box.run(Program(source=victim.wrong), victim.tests, LIMITS).verdict is Verdict.WRONG_ANSWER
    execution = box.run(Program(source=LOOK), limits=ROOMY)
    assert execution.verdict is Verdict.ACCEPTED, execution
    return execution.stdout


@pytest.mark.parametrize("name", ESCAPES)
def test_a_program_is_refused_what_is_not_its_own(box: Pool, name: str) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("the numbers of system calls are those of x86-64")
    if name == "the permissions of /tmp" and not own_uids(box.backend):
        pytest.skip("bubblewrap: not as root, a program owns its /tmp, which is thrown away with its sandbox")
    execution = box.run(Program(source=script(ESCAPES[name])), limits=LIMITS)
    assert execution.stdout == "denied\n" and execution.verdict is Verdict.ACCEPTED, execution


@pytest.mark.parametrize("attack", EXHAUSTION, ids=named)
def test_a_program_gets_no_more_than_its_limits(box: Pool, attack: Attack, fresh_look: str) -> None:
    execution = in_time(attack, lambda: box.run(Program(source=attack.source), limits=replace(LIMITS, processes=32)))
    assert execution.verdict in attack.expect, execution
    assert len(execution.stdout) + len(execution.stderr) <= LIMITS.output_bytes
    assert _look(box) == fresh_look


@pytest.mark.parametrize("name", LEFTOVERS)
def test_a_program_leaves_nothing_to_the_next(box: Pool, name: str, fresh_look: str) -> None:
    planted = box.run(Program(source=LEFTOVERS[name]), limits=ROOMY)
    breaks_itself = name == "changed code of the sandbox"
    assert planted.verdict is (Verdict.RUNTIME_ERROR if breaks_itself else Verdict.ACCEPTED), planted
    assert _look(box) == fresh_look


@pytest.mark.parametrize("name", LEFTOVERS)
def test_a_program_leaves_nothing_to_the_next_when_it_was_tested(box: Pool, name: str, fresh_look: str) -> None:
    source = (
        f"{VICTIMS['calls'].right}\nimport os\nif os.fork() == 0:\n    exec({LEFTOVERS[name]!r})\n    os._exit(0)\n"
    )
    tests: CallTests = VICTIMS["calls"].tests  # type: ignore[assignment]
    assert box.run(Program(source=source), tests, ROOMY).verdict is Verdict.ACCEPTED
    assert _look(box) == fresh_look


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_printed_and_raised_is_handed_over_and_can_be_kept(box: Pool, name: str) -> None:
    text = TEXTS[name]
    source = f"import sys\nsys.stdout.write({text!r})\nsys.stdout.flush()\nraise ValueError({text!r})\n"
    execution = box.run(Program(source=source), limits=replace(LIMITS, output_bytes=900_000))
    assert execution.verdict is Verdict.RUNTIME_ERROR
    assert execution.stdout == text and len(execution.detail) < 1200
    kept = json.dumps(asdict(execution)).encode("ascii")
    assert b"\n" not in kept and json.loads(kept)["stdout"] == text
