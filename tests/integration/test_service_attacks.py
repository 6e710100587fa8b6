"""The attack suite through /v1/judge and /run_code: nothing forged, nothing late, the next program judged right."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import pytest

from sandbox import CallTests, StdioTests
from tests.attacks.channels import CHANNELS
from tests.attacks.corpus import LIMITS, VICTIMS, Attack, Victim
from tests.attacks.ends import ENDS
from tests.attacks.equality import EQUALITY
from tests.attacks.exhaustion import EXHAUSTION
from tests.attacks.frameworks import FRAMEWORKS
from tests.attacks.interpreter import INTERPRETER
from tests.attacks.leaks import LEAKS
from tests.attacks.patches import PATCHES
from tests.attacks.ruin import RUIN
from tests.attacks.trials import named
from tests.fixtures.service import Running

FORGERIES = [*EQUALITY, *INTERPRETER, *ENDS, *PATCHES, *FRAMEWORKS, *CHANNELS, *LEAKS, *RUIN]
OTHERS = [*EXHAUSTION]
STEP = 6  # one in so many is quick enough for every run of the suite; the others are slow
SAMPLE = {attack.name for attacks in (FORGERIES, OTHERS) for attack in attacks[::STEP]}
LATE_S = 6.0  # beyond the limits: the queue, and a sandbox that is thrown away on a busy machine


def each(attacks: list[Attack]) -> Any:
    return pytest.mark.parametrize(
        "attack",
        [pytest.param(a, id=named(a), marks=() if a.name in SAMPLE else pytest.mark.slow) for a in attacks],
    )


def sent_tests(victim: Victim) -> dict[str, Any]:
    tests = victim.tests
    if isinstance(tests, StdioTests):
        cases = [{"stdin": case.stdin, "stdout": case.stdout} for case in tests.cases]
        return {"kind": "stdio", "cases": cases, "compare": tests.compare, "tolerance": tests.tolerance}
    assert isinstance(tests, CallTests)
    return {"kind": "call", "source": tests.source, "entry_point": tests.entry_point, "prompt": tests.prelude,
            "integrity": tests.integrity}  # fmt: skip


def judge(service: Running, source: str, victim: Victim) -> dict[str, Any]:
    limits = {
        "wall_s": LIMITS.wall_s,
        "cpu_s": LIMITS.cpu_s,
        "memory_bytes": LIMITS.memory_bytes,
        "output_bytes": LIMITS.output_bytes,
    }
    answer = httpx.post(
        f"{service.url}/v1/judge", json={"source": source, "tests": sent_tests(victim), "limits": limits}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@each(FORGERIES)
def test_a_forgery_is_refused_and_the_next_are_judged_right(service: Running, attack: Attack) -> None:
    victim = VICTIMS[attack.victim]
    start = time.monotonic()
    found = judge(service, attack.source, victim)
    assert found["verdict"] not in ("ACCEPTED", "INTERNAL_ERROR") and found["passed"] < found["total"], found
    assert time.monotonic() - start < (attack.seconds or LIMITS.wall_s) * 4 + LATE_S
    assert judge(service, victim.right, victim)["verdict"] == "ACCEPTED"
    assert judge(service, victim.wrong, victim)["verdict"] == "WRONG_ANSWER"


@each([*FORGERIES, *OTHERS])
def test_run_code_contains_it(service: Running, attack: Attack) -> None:
    body = {"code": attack.source, "language": "python", "run_timeout": LIMITS.wall_s, "memory_limit_MB": 256,
            "fetch_files": ["link", "a"], "files": {"a": base64.b64encode(b"x").decode()}}  # fmt: skip
    start = time.monotonic()
    answer = httpx.post(f"{service.url}/run_code", json=body, timeout=60)
    assert answer.status_code == 200 and answer.json()["status"] in ("Success", "Failed"), answer.text[:500]
    assert time.monotonic() - start < (attack.seconds or LIMITS.wall_s) * 4 + LATE_S
    answer.content.decode("ascii")
    after = httpx.post(f"{service.url}/run_code", json={"code": "print(6 * 7)", "language": "python"}, timeout=60)
    assert json.loads(after.text)["run_result"]["stdout"] == "42\n"


def test_a_link_is_not_fetched(service: Running) -> None:
    code = "import os\nos.symlink('/etc/passwd', 'link')\nos.symlink('/proc/self/environ', 'a')\nos.mkfifo('pipe')"
    body = {"code": code, "language": "python", "fetch_files": ["link", "a", "pipe"]}
    assert httpx.post(f"{service.url}/run_code", json=body, timeout=60).json()["files"] == {}
