"""A Ray cluster's nodes as hosts: `--cluster ADDRESS`. The one module that knows Ray.

Theory of operation. Ray says which nodes there are, starts one actor on each (`harness.scale.node`), and carries calls.
Everything else is ours. Ray's own retries and restarts are off, for a call that Ray repeats is a program that runs
twice; a node counts as lost after `SILENT_S` without an answer, for Ray takes a minute to notice a partition. The actor
takes no CPU of Ray's account: it starts at once, and what else runs on the node is its owner's to arrange. A node that
offers Ray no CPU (`--num-cpus 0`, as heads often are started) gets no programs.

The reference for what programs find is this machine's sandbox where one works here, else what most nodes have. A node
with another harness, guest or image is left out by name.
"""

from __future__ import annotations

import itertools
import logging
import re
import socket
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import sandbox
from harness import __version__, extras
from harness.errors import InputError
from harness.pipeline.execute import Identity, LocalSandboxes
from harness.scale.dispatch import LANES, Dispatcher
from harness.scale.hosts import BEAT_S, SILENT_S, HostAway, HostLost, HostUnfit
from harness.scale.node import Node
from sandbox import SandboxError
from sandbox.parcels import Answer, read_answer

log = logging.getLogger("harness")

KEY_HINT = (
    "copy its head's ~/.ray/auth_token to this machine, or give the key in $RAY_AUTH_TOKEN with RAY_AUTH_MODE=token"
)
# of Ray's words about versions, which follow one another in lines
_VERSIONS = re.compile(
    r"started with: Ray: (\S+) Python: (\S+) This process on (.+?) was started with: Ray: (\S+) Python: (\S+)"
)
HANDING_OVER = 4  # threads
START_S = 60.0  # for an actor to answer first: Ray starts a process, which imports what it needs
PROOF_S = 120.0  # for a sandbox to be made ready and to prove itself
PROBE_S = 5.0
LONGEST_LINE = 300  # of Ray's words in the log


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """A node as Ray lists it. name: for people, and one for each life of a node."""

    name: str
    address: str
    id: str
    cpus: float
    gpus: float


def load_ray() -> Any:
    """The library. Raises InputError where it is not installed."""
    try:
        import ray  # measured: 0.7 s, and an extra
    except ModuleNotFoundError as error:
        raise InputError(
            f"--cluster: Ray is not installed here ({error.name} is missing): {extras.install('ray')}"
        ) from error
    return ray


class Connection:
    """This process as a driver of the cluster at `address`. A context manager; at its end every actor ends.

    Raises InputError where there is no Ray, or one of another version.
    """

    def __init__(self, address: str) -> None:
        self.ray = load_ray()
        self.address = address
        _probe(address)
        # Ray writes to stdout that a raylet ended, whatever log_to_driver says: there it would stand in the JSON
        self.ray._private.worker.print_to_stdstream = _to_log
        try:
            self.ray.init(
                address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=True,
            )  # fmt: skip
        except (ConnectionError, RuntimeError, ValueError, OSError, AssertionError) as error:
            raise InputError(f"--cluster {address}: {_why_not(address, error, self.ray.__version__)}") from error
        except self.ray.exceptions.AuthenticationError as error:
            raise InputError(f"--cluster {address}: this process has no key of the cluster; {KEY_HINT}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ray.shutdown()

    def nodes(self) -> list[NodeFacts]:
        """Those that Ray takes for alive. Raises HostAway where Ray does not answer."""
        try:
            listed = self.ray.nodes()
        except Exception as error:  # of many classes: the cluster's head is gone
            raise HostAway(f"Ray does not list its nodes: {_first_line(error)}") from error
        return sorted((_facts(each) for each in listed if each["Alive"]), key=lambda each: each.name)

    def actor(self, kind: type, node: NodeFacts, *, gpus: float = 0, calls: int = 4) -> Any:
        """An actor on a node, that ends with this process and is never started again. calls: at once."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # as ray itself: an extra

        place = NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)
        made = self.ray.remote(kind).options(
            num_cpus=0, num_gpus=gpus, max_restarts=0, max_task_retries=0, max_concurrency=calls,
            scheduling_strategy=place,
        )  # fmt: skip
        return made.remote()

    def ask(self, call: Any, timeout_s: float) -> Any:
        """The answer of an actor's call. Raises HostLost where none comes, HostUnfit where the actor cannot start."""
        try:
            return self.ray.get(call, timeout=timeout_s)
        except self.ray.exceptions.GetTimeoutError as error:
            raise HostLost(f"no sign of life for {timeout_s:.0f} s") from error
        except self.ray.exceptions.RayTaskError as error:  # our code failed there
            cause = error.cause or error
            raise HostUnfit(f"{type(cause).__name__}: {_first_line(cause)}") from error
        except self.ray.exceptions.RayError as error:
            if "No module named" in str(error) or "failed to import" in str(error):
                raise HostUnfit(f"harness {__version__} cannot be imported there: {_import_fault(error)}") from error
            raise HostLost(f"its actor ended ({_first_line(error)})") from error
        except Exception as error:  # the connection to the cluster broke: Ray has no class for it
            raise HostLost(f"Ray does not answer ({_first_line(error)})") from error

    def end(self, actor: Any) -> None:
        """End an actor; of one that is gone already nothing is left."""
        try:
            self.ray.kill(actor)
        except Exception as error:
            log.info("an actor could not be ended: %s", _first_line(error))


class Cluster:
    """The nodes of a cluster, as the sandboxes of a run. local: what is asked for. count: sandboxes of each node."""

    def __init__(self, connection: Connection, local: LocalSandboxes) -> None:
        self._cluster, self._local = connection, local
        self._identity: Identity = {}
        self._ready: dict[str, Any] = {}  # name -> an actor that fits
        self._needed = sandbox.Limits()
        self._note: Callable[[str], None] = lambda _: None

    def identity(self, note: Callable[[str], None], language: str = "python") -> Identity:
        """What programs run in. Raises InputError where no node can be used, with each one's reason."""
        self._note, self._local.language = note, language
        asked, reasons = self._described()
        found = self._reference(list(asked.values()), note)
        for name, (actor, said) in asked.items():
            try:
                _check(said, found)
            except HostUnfit as error:
                reasons[name] = str(error)
                self._cluster.end(actor)
            else:
                self._ready[name] = actor
        self._identity = found
        if not self._ready:
            listed = "".join(f"\n  {name}: {why}" for name, why in sorted(reasons.items()))
            raise InputError(f"--cluster {self._cluster.address}: no node can be used:{listed or ' there is none'}")
        return found

    def workers(self) -> int:
        """A few threads hand programs over."""
        return HANDING_OVER

    def open(self, limits: Iterable[sandbox.Limits], most: int) -> Dispatcher:  # noqa: ARG002 - nodes have their count
        """All nodes behind one queue. Raises HostsLost where no sandbox holds on any of them."""
        return Dispatcher(self.for_limits(limits), self._needed, self._note)

    def for_limits(self, limits: Iterable[sandbox.Limits]) -> Self:
        """Itself, whose links from now on take programs under any of the limits."""
        self._needed = sandbox.ceiling(list(limits))
        return self

    def present(self) -> Sequence[str]:
        """The nodes that are there now, and offer CPUs."""
        return [node.name for node in self._cluster.nodes() if node.cpus]

    def open_link(self, name: str) -> NodeLink:
        """A node's actor, its sandboxes open and proved. Raises HostUnfit, HostAway."""
        actor = self._ready.pop(name, None)
        try:
            if actor is None:
                actor, said = self._describe(self._find(name))
                _check(said, self._identity)
            call = actor.open.remote(self._identity, self._needed, self._local.count)
            opened = self._cluster.ask(call, PROOF_S)
        except HostLost as error:
            raise HostAway(str(error)) from error
        if "fault" in opened:
            self._cluster.end(actor)
            raise HostUnfit(opened["fault"])
        return NodeLink(name, opened["workers"], actor, self._cluster)

    def _find(self, name: str) -> NodeFacts:
        found = next((node for node in self._cluster.nodes() if node.name == name), None)
        if found is None:
            raise HostAway("it has left the cluster")
        return found

    def _describe(self, node: NodeFacts) -> tuple[Any, Mapping[str, Any]]:
        """An actor on a node, and what it says of itself. Raises HostUnfit, HostLost."""
        actor = self._cluster.actor(Node, node, calls=2 * LANES)
        local = self._local
        call = actor.describe.remote(local.backend, local.isolation.value, local.runtime, local.language)
        try:
            return actor, self._cluster.ask(call, START_S)
        except (HostLost, HostUnfit):
            self._cluster.end(actor)
            raise

    def _described(self) -> tuple[dict[str, tuple[Any, Mapping[str, Any]]], dict[str, str]]:
        """Name -> actor and what it says, of all nodes at once; and name -> why not, of those that say nothing."""
        nodes = [node for node in self._cluster.nodes() if node.cpus]
        found, reasons = {}, {}
        with ThreadPoolExecutor(max(1, len(nodes))) as threads:
            for node, future in [(node, threads.submit(self._describe, node)) for node in nodes]:
                try:
                    found[node.name] = future.result()
                except (HostLost, HostUnfit) as error:
                    reasons[node.name] = str(error)
        return found, reasons

    def _reference(self, asked: list[tuple[Any, Mapping[str, Any]]], note: Callable[[str], None]) -> Identity:
        """What programs must find on every node."""
        try:
            return self._local.identity(note, self._local.language)
        except SandboxError as error:
            told = [tuple(said["identity"].items()) for _, said in asked if "identity" in said]
            if not told:
                reasons = "; ".join(sorted({str(said.get("fault")) for _, said in asked})) or str(error)
                raise InputError(
                    f"--cluster {self._cluster.address}: no sandbox works on any node: {reasons}"
                ) from error
            return dict(max(Counter(told).items(), key=lambda each: (each[1], str(each[0])))[0])


class NodeLink:
    """One node's actor with its sandboxes open."""

    _numbers = itertools.count()

    def __init__(self, name: str, workers: int, actor: Any, cluster: Connection) -> None:
        self.name, self.workers = name, workers
        self._actor, self._cluster = actor, cluster
        self._closed = threading.Event()

    def execute(self, batch: bytes, items: int) -> Iterator[Sequence[Answer]]:
        """See `harness.scale.hosts.Link`."""
        number = next(self._numbers)
        given: bytes | None = batch
        while items > 0 and not self._closed.is_set():
            try:
                lines: bytes = self._cluster.ask(self._actor.exchange.remote(number, BEAT_S, given), SILENT_S)
            except HostUnfit as error:
                raise HostLost(str(error)) from error
            answers = [read_answer(line) for line in lines.splitlines()]
            items, given = items - len(answers), None
            yield answers

    def close(self) -> None:
        """End the actor, and its sandboxes with it."""
        self._closed.set()
        self._cluster.end(self._actor)


def _check(said: Mapping[str, Any], wanted: Identity) -> None:
    """Raises HostUnfit for a node that is not as the run needs it."""
    if said["version"] != __version__:
        raise HostUnfit(f"it has harness {said['version']}, and this is {__version__}")
    if "fault" in said:
        raise HostUnfit(f"no sandbox works there: {said['fault']}")
    if why := unlike(said["identity"], wanted):
        raise HostUnfit(why)


def unlike(found: Mapping[str, Any], wanted: Identity) -> str:
    """In what a node differs from what a run needs, in words; empty where it does not."""
    if found["guest"] != wanted["guest"]:
        return (
            f"what it runs beside the programs (guest {found['guest']}) is not what is here ({wanted['guest']}); "
            "install the same harness there"
        )
    for key, name in (("backend", "sandbox"), ("contents", "image")):
        if found[key] != wanted[key]:
            hint = f"; choose it with --sandbox {found[key]}" if key == "backend" else ""
            return f"its {name} is {found[key]}, and this run's is {wanted[key]}{hint}"
    return ""


def _facts(listed: Mapping[str, Any]) -> NodeFacts:
    resources = listed.get("Resources", {})
    address, host, life = listed["NodeManagerAddress"], listed.get("NodeManagerHostname", ""), listed["NodeID"]
    about = f"{host}, {life[:6]}" if host and host != address else life[:6]
    return NodeFacts(
        name=f"node {address} ({about})",
        address=address,
        id=life,
        cpus=resources.get("CPU", 0.0),
        gpus=resources.get("GPU", 0.0),
    )


def _to_log(said: Mapping[str, Any], **_: object) -> None:
    """What Ray would write to stdout goes to the run's log."""
    log.info("ray: %s", next(iter(said["lines"]), "")[:LONGEST_LINE])


def _probe(address: str) -> None:
    """Raises InputError where nobody listens: Ray itself would try for a minute."""
    if address == "auto":
        return
    try:
        parts = urllib.parse.urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or parts.scheme not in ("", "ray"):
        raise InputError(f"--cluster takes auto, HOST:6379 or ray://HOST:10001, not {address!r}")
    try:
        socket.create_connection((host, port), PROBE_S).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"--cluster {address}: no Ray answers there ({reason}); start one (ray start --head), or mend the address"
        ) from error


def _why_not(address: str, error: Exception, version: str) -> str:
    """Why Ray could not be connected to, in words."""
    text = " ".join(str(error).split())
    if found := _VERSIONS.search(text):
        there, python, process, here, own = found.groups()
        return (
            f"the cluster there has Ray {there} on Python {python}, and this process ({process}) Ray {here} on Python "
            f"{own}; one run needs one version: run the command with the Python of its nodes, or make both equal"
        )
    if "ersion mismatch" in text or ("version" in text.lower() and "cluster" in text.lower()):
        return f"the cluster there has another Ray or Python than this process (Ray {version}): {text[:600]}"
    if address == "auto" and "Failed to connect" in text:
        return f"{text[:300]}; either it has ended, or it takes another key than this process has: {KEY_HINT}"
    if address == "auto":
        return f"no Ray runs on this machine; start one (ray start --head), or give its address ({text[:300]})"
    hint = "" if address.startswith("ray://") else (
        "; see that this is Ray's port; this machine must be one of its nodes (ray start --address), or use "
        f"ray://HOST:10001; if it takes a key, {KEY_HINT}"
    )  # fmt: skip
    return f"{text[:600]}{hint}"


def _import_fault(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if "No module named" in line]
    return (lines[-1] if lines else _first_line(error))[:300]


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:300] or type(error).__name__
