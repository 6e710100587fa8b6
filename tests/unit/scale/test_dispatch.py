"""The one queue before many hosts: everything is settled once, whatever becomes of the hosts. No program is run here."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from harness.errors import HostsLost
from harness.scale import dispatch
from harness.scale.dispatch import Dispatcher
from harness.scale.hosts import HostAway, HostLost, HostUnfit
from sandbox import CallTests, Execution, Limits, Program, SandboxError, Verdict, parcels
from sandbox.parcels import Answer, Batch
from tests.fixtures.processes import until

LIMITS = Limits()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "LOOK_S", 0.02)
    monkeypatch.setattr(dispatch, "RETRY_S", 0.1)
    monkeypatch.setattr(dispatch, "NONE_LEFT_S", 0.5)


def echo(batch: Batch) -> Iterator[Sequence[Answer]]:
    """Every program is accepted; its output is its source."""
    for at, item in enumerate(batch.items):
        time.sleep(0.001)
        yield []
        yield [Answer(index=at, execution=Execution(verdict=Verdict.ACCEPTED, stdout=item.program.source))]


class FakeLink:
    """A host whose work is a function of the batch."""

    def __init__(self, name: str, workers: int, work: Callable[[Batch], Iterator[Sequence[Answer]]]) -> None:
        self.name, self.workers, self._work = name, workers, work
        self.batches: list[Batch] = []
        self.sizes: list[int] = []
        self.closed = threading.Event()

    def execute(self, batch: bytes, items: int) -> Iterator[Sequence[Answer]]:
        self.sizes.append(len(batch))
        self.batches.append(parcels.read_batch(batch))
        yield from self._work(self.batches[-1])

    def close(self) -> None:
        self.closed.set()


class Hosts:
    """A source of such hosts; `there` changes while it is used."""

    def __init__(self, **work: Callable[[Batch], Iterator[Sequence[Answer]]]) -> None:
        self.work = work
        self.links: list[FakeLink] = []
        self.unfit: dict[str, str] = {}

    def present(self) -> Sequence[str]:
        return list(self.work)

    def open_link(self, name: str) -> FakeLink:
        if name in self.unfit:
            raise HostUnfit(self.unfit[name])
        self.links.append(FakeLink(name, 2, self.work[name]))
        return self.links[-1]

    def seen(self, name: str) -> list[str]:
        """The programs that a host was given."""
        return [
            item.program.source
            for link in self.links
            if link.name == name
            for each in link.batches
            for item in each.items
        ]


def submit(pool: Dispatcher, sources: Sequence[str], tests: Any = None) -> list[Future[Execution]]:
    return [pool.submit(Program(source=source), tests, LIMITS) for source in sources]


def outputs(futures: Sequence[Future[Execution]]) -> list[str]:
    return [future.result(10).stdout for future in futures]


NAMES = [str(n) for n in range(200)]


def test_each_program_is_executed_once_and_has_its_own_answer() -> None:
    hosts = Hosts(a=echo, b=echo)
    with Dispatcher(hosts, LIMITS) as pool:
        assert outputs(submit(pool, NAMES)) == NAMES
    assert sorted(hosts.seen("a") + hosts.seen("b")) == sorted(NAMES)
    assert hosts.seen("a") and hosts.seen("b")


def test_quick_programs_of_many_idle_hosts_travel_together() -> None:
    hosts = Hosts(**{f"host{n}": echo for n in range(40)})
    with Dispatcher(hosts, LIMITS) as pool:
        outputs(submit(pool, NAMES))  # the dispatcher has seen that they are quick
        before = sum(len(link.batches) for link in hosts.links)
        assert outputs(submit(pool, NAMES)) == NAMES
        assert sum(len(link.batches) for link in hosts.links) - before < len(NAMES) / 4


def test_a_batch_stays_below_what_a_call_takes_and_tests_go_to_a_host_once() -> None:
    hosts = Hosts(a=echo)
    tests = [CallTests(source="x" * 1000 + str(n), entry_point="f") for n in range(3)]
    with Dispatcher(hosts, LIMITS) as pool:
        futures = [pool.submit(Program(source="y" * 5000), tests[n % 3], LIMITS) for n in range(300)]
        for future in futures:
            future.result(10)
    (link,) = hosts.links
    assert max(link.sizes) < 100_000
    assert max(len(each.items) for each in link.batches) > 1
    assert sorted(key for each in link.batches for key in each.tests) == sorted(
        parcels.pack_tests(t).key for t in tests
    )


def test_tests_that_a_host_has_no_longer_are_sent_again() -> None:
    tests, asked = CallTests(source="x", entry_point="f"), []

    def forgetful(batch: Batch) -> Iterator[Sequence[Answer]]:
        asked.append(batch)
        if len(asked) == 2:
            yield [Answer(index=0, missing=parcels.pack_tests(tests).key)]
        else:
            yield from echo(batch)

    with Dispatcher(Hosts(a=forgetful), LIMITS) as pool:
        assert [pool.run(Program(source=name), tests, LIMITS).stdout for name in "abc"] == ["a", "b", "c"]
    assert [len(batch.tests) for batch in asked] == [1, 0, 1, 0]


def test_a_program_that_another_lane_of_its_host_asks_again_costs_no_host() -> None:
    tests, first, second = CallTests(source="x", entry_point="f"), threading.Event(), threading.Event()

    def overtaken(batch: Batch) -> Iterator[Sequence[Answer]]:
        """Tests are missing, for the batch that brings them is behind; who says so is at its end after the next begins."""
        if not first.is_set():
            first.set()
            yield [Answer(index=0, missing=parcels.pack_tests(tests).key)]
            second.wait(5)
            return
        second.set()
        time.sleep(0.2)
        yield from echo(batch)

    notes: list[str] = []
    hosts = Hosts(a=overtaken)
    with Dispatcher(hosts, LIMITS, notes.append) as pool:
        assert pool.run(Program(source="x"), tests, LIMITS).stdout == "x"
    assert notes == ["a: 2 sandboxes"] and hosts.seen("a") == ["x", "x"]


def test_where_a_host_has_work_its_next_batch_is_half_of_what_is_under_way() -> None:
    """Callers that wait for each program keep few of them under way: in small batches each costs most of a call."""

    def busy(batch: Batch) -> Iterator[Sequence[Answer]]:
        time.sleep(0.01 * len(batch.items))
        quick = Execution(verdict=Verdict.ACCEPTED, wall_s=0.01)
        yield [Answer(index=at, execution=quick) for at in range(len(batch.items))]

    hosts = Hosts(a=busy)
    with Dispatcher(hosts, LIMITS) as pool, ThreadPoolExecutor(pool.workers) as threads:
        assert pool.workers == 16
        list(threads.map(lambda name: pool.run(Program(source=name)), NAMES))
        before = len(hosts.links[0].batches)
        list(threads.map(lambda name: pool.run(Program(source=name)), NAMES))
    assert len(hosts.links[0].batches) - before < 55  # 70 where a batch is what 20 ms take


def test_no_run_ends_for_want_of_hosts_while_one_is_being_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(batch: Batch) -> Iterator[Sequence[Answer]]:
        raise HostLost("it ended")
        yield

    hosts = Hosts(a=dying)
    opened = hosts.open_link

    def slowly(name: str) -> FakeLink:
        if hosts.links:
            time.sleep(3 * dispatch.NONE_LEFT_S)
            hosts.work["a"] = echo
        return opened(name)

    monkeypatch.setattr(hosts, "open_link", slowly)
    with Dispatcher(hosts, LIMITS) as pool:
        assert pool.run(Program(source="x")).stdout == "x"


def test_the_work_of_a_host_that_is_lost_is_asked_elsewhere_and_its_late_answers_are_dropped() -> None:
    lost = threading.Event()

    def mute(batch: Batch) -> Iterator[Sequence[Answer]]:
        if lost.is_set():  # another lane's batch, answered after the host was given up
            time.sleep(0.2)
            yield from echo(batch)
        lost.set()
        time.sleep(0.1)
        raise HostLost("no sign of life")

    def patient(batch: Batch) -> Iterator[Sequence[Answer]]:
        lost.wait(5)
        yield from echo(batch)

    notes: list[str] = []
    hosts = Hosts(a=mute, b=patient)
    with Dispatcher(hosts, LIMITS, notes.append) as pool:
        del hosts.work["a"]
        counts: list[str] = []
        futures = submit(pool, NAMES)
        for future in futures:
            future.add_done_callback(lambda ended: counts.append(ended.result().stdout))
        assert outputs(futures) == NAMES
    assert sorted(counts) == sorted(NAMES)  # each was settled once
    assert set(hosts.seen("a")) <= set(hosts.seen("b"))
    assert any(note.startswith("a is lost: no sign of life; ") for note in notes), notes


def test_a_program_that_was_on_two_lost_hosts_runs_alone_then_is_our_failure() -> None:
    running: set[str] = set()
    beside: list[set[str]] = []
    lock = threading.Lock()

    def fragile(batch: Batch) -> Iterator[Sequence[Answer]]:
        names = {item.program.source for item in batch.items}
        with lock:
            running.update(names)
            if "bad" in names:
                beside.append(set(running))
        time.sleep(0.01)
        with lock:
            running.difference_update(names)
        if "bad" in names:
            raise HostLost("it ended")
        yield from echo(batch)

    hosts = Hosts(a=fragile)
    with Dispatcher(hosts, LIMITS) as pool:
        futures = submit(pool, [*NAMES[:20], "bad", *NAMES[20:60]])
        assert outputs(futures[:20] + futures[21:]) == NAMES[:60]
        execution = futures[20].result(10)
    assert execution.verdict is Verdict.INTERNAL_ERROR
    assert execution.detail == "each host that ran it was lost: a, a, a"
    assert hosts.seen("a").count("bad") == 3 and beside[-1] == {"bad"}


def test_work_that_a_host_did_not_take_blames_nobody() -> None:
    def stopping(batch: Batch) -> Iterator[Sequence[Answer]]:
        raise HostAway("it is stopping")
        yield

    hosts = Hosts(a=stopping)
    with Dispatcher(hosts, LIMITS) as pool:
        future = pool.submit(Program(source="x"), None, LIMITS)
        until(lambda: hosts.seen("a").count("x") >= 4, 10, "it is offered again")
        hosts.work["b"] = echo
        assert future.result(10).stdout == "x"


def test_a_host_that_comes_later_is_used_and_one_that_does_not_fit_is_named_once() -> None:
    notes: list[str] = []
    gate = threading.Event()

    def slow(batch: Batch) -> Iterator[Sequence[Answer]]:
        gate.wait(10)
        yield from echo(batch)

    hosts = Hosts(a=slow, other=echo)
    hosts.unfit["other"] = "it has another image"
    with Dispatcher(hosts, LIMITS, notes.append) as pool:
        futures = submit(pool, NAMES[:60])
        hosts.work["b"] = echo
        until(lambda: hosts.seen("b"), 10, "the new host works")
        time.sleep(0.5)  # in which the one that does not fit is tried again
        gate.set()
        assert outputs(futures) == NAMES[:60]
        assert set(pool.hosts()) == {"a", "b"}
    assert notes.count("other is left out: it has another image") == 1
    assert not hosts.seen("other")


def test_without_any_host_the_run_ends_and_says_so() -> None:
    def dying(batch: Batch) -> Iterator[Sequence[Answer]]:
        raise HostLost("it ended")
        yield

    hosts = Hosts(a=dying)
    with Dispatcher(hosts, LIMITS) as pool:
        hosts.work.clear()
        future = pool.submit(Program(source="x"), None, LIMITS)
        with pytest.raises(HostsLost, match="no host of sandboxes is left"):
            future.result(10)
        with pytest.raises(HostsLost):
            pool.run(Program(source="y"))


def test_hosts_that_cannot_be_used_are_named_with_their_reasons() -> None:
    hosts = Hosts(a=echo, b=echo)
    hosts.unfit = {"a": "another image", "b": "its sandbox does not hold"}
    with pytest.raises(HostsLost) as none:
        Dispatcher(hosts, LIMITS)
    assert str(none.value) == "no host can be used:\n  a: another image\n  b: its sandbox does not hold"


def test_programs_wait_outside_while_enough_of_them_wait_inside() -> None:
    gate, done = threading.Event(), queue.SimpleQueue[int]()

    def slow(batch: Batch) -> Iterator[Sequence[Answer]]:
        gate.wait(10)
        yield from echo(batch)

    with Dispatcher(Hosts(a=slow), LIMITS) as pool, ThreadPoolExecutor(1) as threads:

        def all_of_them() -> list[Future[Execution]]:
            futures = []
            for name in NAMES * 10:
                futures += submit(pool, [name])
                done.put(1)
            return futures

        begun = threads.submit(all_of_them)
        time.sleep(0.5)
        assert done.qsize() < 200
        gate.set()
        assert outputs(begun.result(20)) == NAMES * 10


def test_an_answer_to_nothing_that_was_asked_is_a_lost_host() -> None:
    def confused(batch: Batch) -> Iterator[Sequence[Answer]]:
        yield [parcels.read_answer(json.dumps({"index": 99}).encode())]

    notes: list[str] = []
    hosts = Hosts(a=confused)
    with Dispatcher(hosts, LIMITS, notes.append) as pool:
        future = pool.submit(Program(source="x"), None, LIMITS)
        hosts.work["a"] = echo
        assert future.result(10).stdout == "x"
    assert "a is lost: an answer to item 99 of 1; 1 programs are asked elsewhere" in notes


def test_closing_ends_what_waits() -> None:
    gate = threading.Event()

    def slow(batch: Batch) -> Iterator[Sequence[Answer]]:
        gate.wait(10)
        yield from echo(batch)

    hosts = Hosts(a=slow)
    pool = Dispatcher(hosts, LIMITS)
    futures = submit(pool, NAMES[:10])
    pool.close()
    gate.set()
    for future in futures:
        with pytest.raises(SandboxError, match="given up"):
            future.result(10)
    assert hosts.links[0].closed.is_set()
