"""A sandbox that is begun before it is known what will run: proved first, taken over where it fits, never left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sandbox
from sandbox import Limits, Pool, Program, Verdict, preflight, prestart
from sandbox.preflight import Finding
from tests.contract.test_sandbox import _alive
from tests.fixtures.processes import until


@pytest.fixture(autouse=True)
def _nothing_begun() -> Iterator[None]:
    sandbox.end()
    yield
    sandbox.end()


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[Pool]:
    """Grows by one with each round of proofs."""
    found: list[Pool] = []
    prove = Pool.prove_denials

    def counted(pool: Pool) -> list[Finding]:
        findings = prove(pool)
        found.append(pool)
        return findings

    monkeypatch.setattr(Pool, "prove_denials", counted)
    return found


def begun() -> Pool:
    """The pool that was begun, and is not taken yet."""
    assert prestart._begun is not None
    pool = prestart._begun.pool()
    assert pool is not None
    return pool


def test_the_next_open_takes_it_over_and_it_is_proved_once(backend: str, proofs: list[Pool]) -> None:
    sandbox.begin(backend)
    pool = begun()
    with sandbox.open(backend, workers=2, ceiling=Limits(cpu_s=3.0)) as box:
        assert box is pool and box.workers == 2 and box.ceiling.cpu_s == 3.0
        assert box.run(Program(source="print(1)")).verdict is Verdict.ACCEPTED
        assert proofs == [box]


def test_no_program_runs_before_the_proofs(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> list[Finding]:
        time.sleep(0.5)
        return [Finding(name="network", fault="granted")]

    monkeypatch.setattr(preflight, "prove_denials", slow)
    sandbox.begin(backend)
    with sandbox.open(backend, workers=1) as box:
        for _ in range(2):
            with pytest.raises(sandbox.SandboxUnavailable, match="network: granted"):
                box.run(Program(source="print(1)"))


@pytest.mark.parametrize("other", ["memory", "isolation"])
def test_an_open_for_others_ends_it(backend: str, other: str) -> None:
    sandbox.begin(backend)
    pool = begun()
    ceiling = Limits(memory_bytes=256 * 2**20) if other == "memory" else Limits()
    isolation = sandbox.Isolation.CONTAINER if other == "isolation" else sandbox.Isolation.POOL
    with sandbox.open(backend, workers=1, ceiling=ceiling, isolation=isolation) as box:
        assert box is not pool
        with pytest.raises(sandbox.SandboxError, match="is closed"):
            pool.run(Program(source=""))


def test_what_nobody_took_is_ended(backend: str) -> None:
    sandbox.begin(backend)
    pool = begun()
    until(lambda: pool._live, 30, "it starts")
    names = [worker.name for worker in pool._live]
    sandbox.end()
    assert names and not any(_alive(name) for name in names)
    with sandbox.open(backend, workers=1) as box:
        assert box is not pool and box.run(Program(source="")).verdict is Verdict.ACCEPTED


def test_what_is_amiss_is_said_by_open(tmp_path: Path) -> None:
    code = (
        "import sandbox\nsandbox.begin('docker')\n"
        "try: sandbox.open('docker')\nexcept sandbox.SandboxUnavailable as error: print(error)\nsandbox.end()"
    )
    environment = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "nothing listens at its socket" in answer.stdout and not answer.stderr


@pytest.mark.usefixtures("lasting")
def test_kill_minus_nine_leaves_nothing(backend: str) -> None:
    code = (
        f"import sandbox, time\nfrom sandbox import prestart\nsandbox.begin({backend!r})\n"
        "pool = prestart._begun.pool()\nwhile not pool._live: time.sleep(0.001)\n"
        "print(next(iter(pool._live)).name, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        name = process.stdout.readline().strip()
        process.kill()
    until(lambda: not _alive(name), 20, f"{name} ends")


def test_it_is_closed_while_it_proves_itself(backend: str) -> None:
    sandbox.begin(backend)
    with sandbox.open(backend, workers=1) as box:
        until(lambda: box._live, 30, "it starts")
        names = [worker.name for worker in box._live]
    assert not any(_alive(name) for name in names)
    assert box._prover is not None and not box._prover.is_alive()
