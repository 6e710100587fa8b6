"""Who is let in, in which order, and what becomes of those who hang up: with a runner whose programs end when told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from harness.service.admission import Admission, InternalError, Patience, Refused
from harness.service.metrics import Metrics
from sandbox import Cancellation, Cancelled, Execution, Limits, Program, SandboxError, Tests, Verdict

NOW = Patience(wait_s=0.2)
EVER = Patience(wait_s=None)


class Runner:
    """Runs programs that end by their source text; the others when they are let go, or cancelled."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.go = threading.Event()

    def run(
        self, program: Program, tests: Tests | None = None, limits: Limits | None = None, *,
        cancellation: Cancellation | None = None,
    ) -> Execution:  # fmt: skip
        self.started.append(program.source)
        if program.source == "fails":
            raise SandboxError("no sandbox")
        if program.source == "internal":
            return Execution(verdict=Verdict.INTERNAL_ERROR, detail="lost")
        while program.source.startswith("waits") and not self.go.wait(0.01):
            if cancellation and cancellation.cancelled:
                raise Cancelled("given up")
        return Execution(verdict=Verdict.ACCEPTED, stdout=program.source)


Scene = Callable[[Admission, Runner, Metrics], Awaitable[Any]]


def play(scene: Scene, workers: int = 1) -> Any:
    """Run a scene; whatever it leaves is let go."""

    async def main() -> Any:
        runner, metrics = Runner(), Metrics(workers)
        admission = Admission(runner, workers, metrics)
        try:
            return await asyncio.wait_for(scene(admission, runner, metrics), 20)
        finally:
            runner.go.set()
            admission.close()

    return asyncio.run(main())


def ask(admission: Admission, source: str, client: str = "a", patience: Patience = EVER) -> asyncio.Task[Execution]:
    return asyncio.create_task(admission.run(Program(source=source), None, Limits(), client=client, patience=patience))


async def settled() -> None:
    await asyncio.sleep(0.05)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


def test_no_more_run_than_there_are_sandboxes() -> None:
    async def scene(admission: Admission, runner: Runner, _: Metrics) -> None:
        tasks = [ask(admission, f"waits {number}") for number in range(6)]
        await settled()
        assert len(runner.started) == 2
        runner.go.set()
        assert [each.stdout for each in await asyncio.gather(*tasks)] == [f"waits {number}" for number in range(6)]

    play(scene, workers=2)


def test_keys_take_turns() -> None:
    async def scene(admission: Admission, runner: Runner, _: Metrics) -> None:
        tasks = [ask(admission, "waits first", "a")]
        await settled()
        tasks += [ask(admission, f"many {number}", "a") for number in range(4)]
        tasks += [ask(admission, f"few {number}", "b") for number in range(2)]
        await settled()
        runner.go.set()
        await asyncio.gather(*tasks)
        assert runner.started[1:6] == ["many 0", "few 0", "many 1", "few 1", "many 2"]

    play(scene)


def test_what_would_wait_too_long_is_refused_with_the_code_of_its_client_and_the_time_to_come_again() -> None:
    async def scene(admission: Admission, runner: Runner, metrics: Metrics) -> None:
        tasks = [ask(admission, f"waits {number}") for number in range(400)]
        await settled()
        with pytest.raises(Refused, match="try again in") as refused:
            await ask(admission, "quick", patience=Patience(wait_s=1.0, busy_code=504))
        assert refused.value.code == 504 and refused.value.retry_after_s >= 1
        assert value(metrics, "harness_refusals_total", reason="queue") == 1
        runner.go.set()
        await asyncio.gather(*tasks)

    play(scene)


def test_a_turn_that_does_not_come_in_time_is_a_refusal_and_the_program_never_starts() -> None:
    async def scene(admission: Admission, runner: Runner, metrics: Metrics) -> None:
        first = ask(admission, "waits")
        await settled()
        with pytest.raises(Refused):
            await ask(admission, "late", patience=NOW)
        runner.go.set()
        await first
        await settled()
        assert runner.started == ["waits"]
        assert value(metrics, "harness_queued") == 0

    play(scene)


def test_an_answer_that_does_not_come_in_time_is_a_refusal_and_the_sandbox_is_free_again() -> None:
    async def scene(admission: Admission, runner: Runner, metrics: Metrics) -> None:
        with pytest.raises(Refused):
            await ask(admission, "waits", patience=Patience(wait_s=0.1, answer_s=0.2))
        assert (await ask(admission, "next")).stdout == "next"
        assert value(metrics, "harness_abandoned_total", state="running") == 1

    play(scene)


def test_equal_programs_in_flight_run_once_and_a_later_one_runs_again() -> None:
    async def scene(admission: Admission, runner: Runner, _: Metrics) -> None:
        tasks = [ask(admission, "waits", client) for client in "abc"]
        await settled()
        runner.go.set()
        await asyncio.gather(*tasks)
        assert runner.started == ["waits"]
        await ask(admission, "waits")
        assert runner.started == ["waits", "waits"]

    play(scene, workers=3)


def test_a_client_that_hangs_up_frees_its_place_in_the_queue() -> None:
    async def scene(admission: Admission, runner: Runner, metrics: Metrics) -> None:
        first, gone, last = ask(admission, "waits"), ask(admission, "gone"), ask(admission, "last")
        await settled()
        gone.cancel()
        await settled()
        runner.go.set()
        await asyncio.gather(first, last)
        assert runner.started == ["waits", "last"]
        assert value(metrics, "harness_abandoned_total", state="queued") == 1

    play(scene)


def test_a_client_that_hangs_up_frees_the_sandbox_that_runs_its_program() -> None:
    async def scene(admission: Admission, runner: Runner, metrics: Metrics) -> None:
        gone, last = ask(admission, "waits"), ask(admission, "last")
        await settled()
        gone.cancel()
        assert (await last).stdout == "last"
        assert not runner.go.is_set()
        assert value(metrics, "harness_internal_errors_total") == 0

    play(scene)


def test_who_shares_a_program_keeps_it_when_another_hangs_up() -> None:
    async def scene(admission: Admission, runner: Runner, _: Metrics) -> None:
        gone, stays = ask(admission, "waits", "a"), ask(admission, "waits", "b")
        await settled()
        gone.cancel()
        await asyncio.sleep(0.8)
        runner.go.set()
        assert (await stays).verdict is Verdict.ACCEPTED

    play(scene)


@pytest.mark.parametrize("source", ["fails", "internal"])
def test_a_failure_of_ours_is_no_verdict(source: str) -> None:
    async def scene(admission: Admission, runner: Runner, metrics: Metrics) -> None:
        with pytest.raises(InternalError):
            await ask(admission, source)
        assert value(metrics, "harness_internal_errors_total") == 1
        assert (await ask(admission, "next")).stdout == "next"

    play(scene)


def test_nothing_is_left_after_a_thousand_programs_of_which_many_hang_up() -> None:
    async def scene(admission: Admission, runner: Runner, metrics: Metrics) -> None:
        tasks = [ask(admission, f"quick {number}", str(number % 7)) for number in range(1000)]
        await asyncio.sleep(0)
        for task in tasks[::10]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await settled()
        assert not admission._jobs and not admission._queues and not admission._queued and not admission._running

    play(scene, workers=3)


def test_a_program_that_may_open_sockets_is_not_equal_to_one_that_may_not() -> None:
    async def scene(admission: Admission, runner: Runner, _: Metrics) -> None:
        tasks = [
            asyncio.create_task(
                admission.run(Program(source="waits", loopback=loopback), None, Limits(), client="a", patience=EVER)
            )
            for loopback in (False, True)
        ]
        await settled()
        assert runner.started == ["waits", "waits"]
        runner.go.set()
        await asyncio.gather(*tasks)

    play(scene, workers=2)


def test_who_asks_for_what_is_just_being_destroyed_has_a_run_of_its_own() -> None:
    async def scene(admission: Admission, runner: Runner, _: Metrics) -> None:
        gone = ask(admission, "waits")
        await settled()
        gone.cancel()
        await asyncio.sleep(0)
        job = next(iter(admission._jobs.values()))
        admission._destroy(job)  # its sandbox is about to end
        late = ask(admission, "waits")
        await asyncio.sleep(0.1)
        runner.go.set()
        assert (await late).verdict is Verdict.ACCEPTED

    play(scene, workers=2)


def test_failures_of_ours_are_counted_until_a_program_has_a_verdict() -> None:
    async def scene(admission: Admission, runner: Runner, _: Metrics) -> None:
        for source in ("fails", "internal"):
            with pytest.raises(InternalError):
                await ask(admission, source)
        assert admission.failures_in_a_row == 2
        await ask(admission, "ends")
        assert admission.failures_in_a_row == 0

    play(scene)
