"""Several servers as one engine: who is asked, and what becomes of a request whose server is lost. No Ray, no vLLM:
actors are objects of this process, servers answer what a test says."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from harness.engines import vllm
from harness.engines._vllm_arguments import ServerOptions
from harness.errors import EngineError, RequestRefused
from harness.scale import replicas
from harness.scale.cluster import NodeFacts
from harness.scale.hosts import HostLost
from harness.scale.replicas import ReplicaEngine
from harness.types import Request, SamplingParams
from tests.fixtures.processes import until
from tests.fixtures.servers import Answer, choices, refusal, serving

NODES = [NodeFacts(name=f"node {n}", address="127.0.0.1", id=str(n), cpus=4, gpus=4) for n in range(2)]


class FakeActor:
    """An actor whose methods are called when they are asked for; `dead` is a node that fell silent."""

    def __init__(self, url: str, gpus: float) -> None:
        self.url, self.gpus, self.dead = url, gpus, False

    def __getattr__(self, name: str) -> Any:
        class Method:
            @staticmethod
            def remote(*given: Any) -> Any:
                return self, name, given

        return Method

    def answer(self, name: str, given: tuple[Any, ...]) -> Any:
        if name == "status":
            return ""
        if name == "start" and not self.url:
            return {"fault": "vLLM is not installed here"}
        return {"url": self.url, "key": "EMPTY", "arguments": str(given), "gpus": 0, "restarts": 0}


class FakeCluster:
    """Stands where a connection to Ray does."""

    def __init__(self, urls: list[str]) -> None:
        self.urls, self.actors, self.ray = list(urls), [], self

    actors: list[FakeActor]

    def nodes(self) -> list[NodeFacts]:
        return NODES

    def actor(self, kind: type, node: NodeFacts, *, gpus: float = 0) -> FakeActor:
        actor = FakeActor(self.urls[NODES.index(node)], gpus)
        self.actors.append(actor)
        return actor

    def wait(self, calls: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        return calls, []

    def ask(self, call: tuple[FakeActor, str, tuple[Any, ...]], timeout_s: float) -> Any:
        actor, name, given = call
        if actor.dead:
            raise HostLost("no sign of life")
        return actor.answer(name, given)

    def end(self, actor: FakeActor) -> None:
        actor.dead = True


class Told:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def waiting(self, message: str | None) -> None:
        pass


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "BEAT_S", 0.05)
    monkeypatch.setattr(replicas, "LOOK_S", 0.05)


@contextlib.contextmanager
def opened(urls: list[str], arguments: tuple[str, ...] = ()) -> Iterator[tuple[ReplicaEngine, Any, list[str]]]:
    cluster, told = FakeCluster(urls), Told()
    options = vllm.Options(server=ServerOptions(model="m", name="m", arguments=arguments), concurrency=4, status=told)
    engine = ReplicaEngine(cluster, options, 2)  # type: ignore[arg-type]  # a connection as far as it is used
    try:
        yield engine, cluster, told.notes
    finally:
        engine.close()


def request(name: str = "p") -> Request:
    return Request(problem_id=name, prompt="x", sampling=SamplingParams(n=1))


def slow(gate: threading.Event) -> Callable[[dict[str, Any], int], Answer]:
    def respond(wanted: dict[str, Any], _: int) -> Answer:
        gate.wait(10)
        return choices(wanted)

    return respond


def test_a_request_goes_to_the_replica_that_has_the_fewest() -> None:
    gate = threading.Event()
    with (
        serving(slow(gate)) as (one, asked_one),
        serving(slow(gate)) as (two, asked_two),
        opened([one, two]) as (engine, _, _),
        ThreadPoolExecutor(6) as threads,
    ):
        assert engine.concurrency == 8
        begun = [threads.submit(engine.complete, request(str(n))) for n in range(6)]
        until(lambda: len(asked_one) + len(asked_two) == 6, 10, "all are asked")
        assert len(asked_one) == len(asked_two) == 3
        gate.set()
        assert [future.result(10)[0].text for future in begun] == ["    pass\n"] * 6


def test_what_a_lost_replica_was_asked_is_asked_of_another() -> None:
    gate = threading.Event()
    with (
        serving(slow(gate)) as (silent, asked),
        serving(lambda wanted, _: choices(wanted)) as (two, _),
        opened([silent, two]) as (engine, cluster, notes),
        ThreadPoolExecutor(2) as threads,
    ):
        begun = [threads.submit(engine.complete, request(str(n))) for n in range(2)]
        until(lambda: asked, 10, "the one that will be lost has a request")
        cluster.actors[[each.url for each in cluster.actors].index(silent)].dead = True
        start = time.monotonic()
        assert [future.result(10)[0].problem_id for future in begun] == ["0", "1"]
        assert time.monotonic() - start < 5
        assert engine.complete(request("again"))[0].text == "    pass\n"
        gate.set()
    assert notes == ["the model server on node 0 is lost: no sign of life"]


def test_with_no_replica_left_the_engine_says_so() -> None:
    with serving(lambda wanted, _: choices(wanted)) as (one, _), opened([one, one]) as (engine, cluster, notes):
        for actor in cluster.actors:
            actor.dead = True
        until(lambda: len(notes) == 2, 10, "both are lost")
        with pytest.raises(EngineError, match="no replica of the model server is left"):
            engine.complete(request())


def test_a_request_that_is_refused_loses_nobody() -> None:
    too_long = refusal(400, "This model's maximum context length is 8 tokens. However, you requested 9 tokens")
    with serving(lambda *_: too_long) as (one, _), opened([one, one]) as (engine, _, notes):
        with pytest.raises(RequestRefused):
            engine.complete(request())
        assert notes == []


def test_a_server_that_does_not_start_is_left_out_by_name_and_none_is_an_error() -> None:
    with serving(lambda wanted, _: choices(wanted)) as (one, _), opened([one, ""]) as (engine, _, notes):
        assert notes == ["left out: node 1: vLLM is not installed here"]
        assert engine.complete(request())
    with pytest.raises(EngineError, match="no model server started:\nnode 0: vLLM is not"), opened(["", ""]):
        pass


def test_a_replica_has_the_gpus_that_its_arguments_say() -> None:
    with (
        serving(lambda wanted, _: choices(wanted)) as (one, _),
        opened([one, one], ("tensor-parallel-size=2",)) as (_, cluster, _),
    ):
        assert [actor.gpus for actor in cluster.actors] == [2, 2]
