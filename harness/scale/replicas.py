"""Engine of `--replicas N`: vLLM servers of ours on a cluster's nodes, each request to the one that has the fewest.

Theory of operation. An actor for each replica starts a server on its node, on the GPUs that Ray gives it, and hands
back address and key; requests go to the server itself, not through Ray. Each replica has a client of the engine
`openai`, with all that this does about faults: a server that died is started again by its actor. A watcher asks each
actor for a sign of life; a replica that gives none for `SILENT_S` is lost, and what it was asked is asked of another:
a request waits in a thread of its own, so that one which is never answered can be left behind. Its seed goes with a
request, so which replica answers does not decide what is drawn. With none left the run ends with what it has, and goes
on later.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, TypeVar

from harness.config import RunConfig
from harness.engines import Bos, Engine, Opening, StatusListener, _vllm_arguments, openai, vllm
from harness.engines.openai import OpenAIEngine
from harness.errors import EngineError, HarnessError, InputError
from harness.scale.cluster import Connection, NodeFacts
from harness.scale.hosts import BEAT_S, SILENT_S, HostAway, HostLost, HostUnfit
from harness.scale.server_actor import ServerActor
from harness.types import Completion, Request

log = logging.getLogger("harness")

START_S = 1900.0  # for a server to be ready: more than it gives itself
LOOK_S = 0.5
Found = TypeVar("Found")


class RemoteServer:
    """A server on a node, as the client that we have for our own takes it (`harness.engines._restarts`)."""

    def __init__(self, actor: Any, cluster: Connection, said: Mapping[str, Any]) -> None:
        self._actor, self._cluster = actor, cluster
        self._answered = False
        self.restarts = int(said["restarts"])

    def ensure_running(self) -> str:
        """See that it is up, start it again where it died; its address. Raises EngineError."""
        answered, self._answered = self._answered, False
        try:
            said = self._cluster.ask(self._actor.ensure_running.remote(answered), START_S)
        except (HostLost, HostUnfit) as error:
            raise EngineError(f"its node is lost: {error}") from error
        if "fault" in said:
            raise EngineError(said["fault"])
        self.restarts = said["restarts"]
        return str(said["url"])

    def answered(self) -> None:
        """It answered."""
        self._answered = True


class Replica:
    """One server with its client. busy: requests that it has; lost: set once it is of no more use."""

    def __init__(self, node: NodeFacts, actor: Any, client: OpenAIEngine, arguments: str) -> None:
        self.name, self.actor, self.client, self.arguments = node.name, actor, client, arguments
        self.busy = 0
        self.lost = threading.Event()


class ReplicaEngine:
    """Several servers as one engine. Raises InputError where the cluster has no room, EngineError where none starts."""

    def __init__(self, cluster: Connection, options: vllm.Options, count: int) -> None:
        self._cluster, self._note = cluster, options.status.note
        self._lock = threading.Lock()  # protects the counts of the replicas
        self._closed = threading.Event()
        nodes = place(cluster.nodes(), count, gpus_of_one(cluster.nodes(), options.server.arguments))
        with ThreadPoolExecutor(count) as threads:
            begun = [threads.submit(self._start, node, gpus, options) for node, gpus in nodes]
        self._replicas = self._started(begun)
        self.concurrency = options.concurrency * len(self._replicas)
        self._threads = ThreadPoolExecutor(2 * self.concurrency, thread_name_prefix="replica")
        for each in self._replicas:
            threading.Thread(target=self._watch, args=(each,), daemon=True).start()

    def complete(self, request: Request) -> list[Completion]:
        """By the replica that has the fewest requests; by another where it is lost meanwhile."""
        return self._ask(lambda client: client.complete(request))

    def describe(self) -> dict[str, str]:
        """A server's version and its arguments."""
        told = self._ask(lambda client: client.describe())
        return {**told, "arguments": self._replicas[0].arguments}

    def learnt(self) -> dict[str, str]:
        """What the servers do not take, as their clients have found out."""
        return {name: value for each in self._replicas for name, value in each.client.learnt().items()}

    def context(self) -> int | None:
        """As the servers were started."""
        return self._ask(lambda client: client.context())

    def bos(self) -> Bos:
        """As a server tells."""
        return self._ask(lambda client: client.bos())

    def tokenize(self, text: str) -> list[int]:
        """By a server's tokenizer."""
        return self._ask(lambda client: client.tokenize(text))

    def chat_tokens(self, messages: Sequence[Mapping[str, str]], *, answering: bool) -> list[int] | None:
        """By a server's template."""
        return self._ask(lambda client: client.chat_tokens(messages, answering=answering))

    def token_logprobs(self, sequences: Sequence[Sequence[int]]) -> list[list[float]]:
        """By a server's prompt_logprobs."""
        return self._ask(lambda client: client.token_logprobs(sequences))

    def close(self) -> None:
        """End the servers."""
        self._closed.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for each in self._replicas:
            each.client.close()
            if not each.lost.is_set():
                try:
                    self._cluster.ask(each.actor.close.remote(), SILENT_S)
                except (HostLost, HostUnfit) as error:
                    log.info("the server on %s was not ended in order: %s", each.name, error)
            self._cluster.end(each.actor)

    # -- requests

    def _ask(self, call: Callable[[OpenAIEngine], Found]) -> Found:
        """The answer of a replica. Raises what its client raises, and EngineError where no replica is left."""
        while True:
            replica = self._choose()
            try:
                answer = self._threads.submit(call, replica.client)
                while not answer.done():
                    wait([answer], LOOK_S, FIRST_COMPLETED)
                    if replica.lost.is_set() and not answer.done():
                        answer.cancel()  # one that runs is left behind: what it brings is nobody's
                        break
                else:
                    return answer.result()
            except EngineError as error:
                if type(error) is not EngineError:  # of this request, not of the server
                    raise
                self._lose(replica, str(error))
            finally:
                with self._lock:
                    replica.busy -= 1

    def _choose(self) -> Replica:
        with self._lock:
            left = [each for each in self._replicas if not each.lost.is_set()]
            if not left:
                raise EngineError("no replica of the model server is left; what is done is kept")
            chosen = min(left, key=lambda each: each.busy)
            chosen.busy += 1
            return chosen

    def _lose(self, replica: Replica, why: str) -> None:
        if not replica.lost.is_set() and not self._closed.is_set():
            replica.lost.set()
            self._note(f"the model server on {replica.name} is lost: {why}")

    def _watch(self, replica: Replica) -> None:
        """Until it is lost: a sign of life now and then."""
        while not self._closed.wait(BEAT_S) and not replica.lost.is_set():
            try:
                self._cluster.ask(replica.actor.status.remote(), SILENT_S)
            except (HostLost, HostUnfit) as error:
                self._lose(replica, str(error))

    # -- the beginning

    def _start(self, node: NodeFacts, gpus: int, options: vllm.Options) -> Replica:
        """One replica. Raises HarnessError."""
        actor = self._cluster.actor(ServerActor, node, gpus=gpus)
        server = replace(options.server, host=node.address)
        try:
            call = actor.start.remote(server)
            said = self._wait_for(call, actor, options.status)
            if "fault" in said:
                raise EngineError(said["fault"])
            client = openai.open_engine(
                openai.Options(
                    base_url=said["url"],
                    model=server.name,
                    api_key=said["key"],
                    concurrency=options.concurrency,
                    server=RemoteServer(actor, self._cluster, said),
                    gpus=said["gpus"],
                )
            )
        except HarnessError as error:
            self._cluster.end(actor)
            raise EngineError(f"{node.name}: {error}") from error
        return Replica(node, actor, client, said["arguments"])

    def _wait_for(self, call: Any, actor: Any, status: StatusListener) -> Mapping[str, Any]:
        """What a start comes to. A large model takes minutes: its node must give signs of life meanwhile."""
        while True:
            done, _ = self._cluster.ray.wait([call], timeout=BEAT_S)
            if done:
                said: Mapping[str, Any] = self._cluster.ask(call, SILENT_S)
                return said
            status.waiting(self._cluster.ask(actor.status.remote(), max(SILENT_S, 60.0)) or None)

    def _started(self, begun: Sequence[Future[Replica]]) -> list[Replica]:
        """The replicas that came up; those that did not are named. Raises EngineError where none did."""
        found, faults = [], []
        for future in begun:
            try:
                found.append(future.result())
            except EngineError as error:
                faults.append(str(error))
        if not found:
            raise EngineError("no model server started:\n" + "\n".join(faults))
        for fault in faults:
            self._note(f"left out: {fault}")
        return found


def gpus_of_one(nodes: Sequence[NodeFacts], arguments: Sequence[str]) -> int:
    """How many GPUs a replica takes: as many as vLLM's own arguments say, none in a cluster without any."""
    given = _vllm_arguments.gpus_used([part for each in arguments for part in _vllm_arguments.flag(each)])
    return given if any(node.gpus for node in nodes) or given > 1 else 0


def place(nodes: Sequence[NodeFacts], count: int, gpus: int) -> list[tuple[NodeFacts, int]]:
    """A node and a number of GPUs for each replica, spread over the nodes. Raises InputError where they do not fit."""
    fit = {node.name: int(node.gpus // gpus) if gpus else count for node in nodes if node.cpus or gpus}
    room = sum(fit.values())
    if gpus and room < count:
        most = max((node.gpus for node in nodes), default=0)
        advice = f"give --replicas {room}" if room else "give smaller --engine-arg tensor-parallel-size=N, or none"
        raise InputError(
            f"--replicas {count}: each takes {gpus} GPU{'s' if gpus > 1 else ''} of one node, and the cluster has room "
            f"for {room} (the largest node offers Ray {most:g}); {advice}"
        )
    if not room:
        raise InputError(f"--replicas {count}: no node of the cluster offers Ray a CPU or a GPU")
    chosen: list[tuple[NodeFacts, int]] = []
    while len(chosen) < count:
        for node in nodes:
            if fit.get(node.name, 0) and len(chosen) < count:
                fit[node.name] -= 1
                chosen.append((node, gpus))
    return chosen


def opener(cluster: Connection, config: RunConfig) -> Callable[[Opening], Engine]:
    """What opens the engine `vllm` of a run with replicas."""

    def open_engine(opening: Opening) -> Engine:
        try:
            return ReplicaEngine(cluster, vllm.options_of(opening), config.replicas or 1)
        except HostAway as error:
            raise EngineError(str(error)) from error

    return open_engine
