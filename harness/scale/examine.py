"""What works on each node of a cluster, seen by using it: `harness doctor --cluster`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness import __version__, extras
from harness.doctor import MachineCheck
from harness.pipeline.execute import LocalSandboxes
from harness.scale.cluster import PROOF_S, START_S, Connection, NodeFacts, unlike
from harness.scale.hosts import HostLost, HostUnfit
from harness.scale.node import Node
from sandbox import Isolation, SandboxError


def check_nodes(address: str) -> list[MachineCheck]:
    """A check for each node. Raises InputError where there is no cluster at `address`."""
    with Connection(address) as connection:
        nodes = connection.nodes()
        with ThreadPoolExecutor(max(1, len(nodes))) as threads:
            found = list(threads.map(lambda node: _look(connection, node), nodes))
    return [_check(node, said) for node, said in zip(nodes, found, strict=True)]


def _look(connection: Connection, node: NodeFacts) -> dict[str, Any]:
    """What a node says of itself and whether its sandbox holds; `fault` where one of both does not work."""
    actor = connection.actor(Node, node)
    try:
        said: dict[str, Any] = connection.ask(
            actor.describe.remote("auto", Isolation.POOL.value, None, "python"), START_S
        )
        if "fault" in said:
            return said
        return {**said, **connection.ask(actor.prove.remote(said["identity"]["backend"], None), PROOF_S)}
    except (HostLost, HostUnfit) as error:
        return {"fault": str(error)}
    finally:
        connection.end(actor)


def _check(node: NodeFacts, said: dict[str, Any]) -> MachineCheck:
    gpus = f"{node.gpus:g} GPU{'s' if node.gpus != 1 else ''}" if node.gpus else "no GPU"
    if "fault" in said:
        return MachineCheck(name=node.name, state="broken", detail=said["fault"], mend=_mend(said))
    identity = said["identity"]
    parts = [
        f"{identity['backend']} with {identity['contents']}, guest {identity['guest']}",
        f"{said['workers']} sandboxes, {gpus}",
        f"harness {said['version']}, Python {said['python']}",
        "it denies what it must",
    ]
    if said["version"] != __version__:
        mend = f"install harness {__version__} there"
        return MachineCheck(name=node.name, state="broken", detail="; ".join(parts), mend=mend)
    try:
        here = LocalSandboxes().identity(lambda _: None)
    except SandboxError:
        here = None  # the nodes' own is the reference
    if here is not None and (why := unlike(identity, here)):
        return MachineCheck(name=node.name, state="broken", detail=f"{'; '.join(parts)}; but {why}")
    if not node.cpus:
        return MachineCheck(name=node.name, state="missing", detail="; ".join([*parts, "it offers Ray no CPU"]),
                            mend="a node without CPUs gets no programs: ray start --num-cpus N")  # fmt: skip
    return MachineCheck(name=node.name, state="ok", detail="; ".join(parts))


def _mend(said: dict[str, Any]) -> str:
    if "cannot be imported" in said["fault"]:
        return (
            f"install version {__version__} there, in the Python that Ray runs on; here it is: {extras.install('ray')}"
        )
    return "harness doctor --fix on that node"
