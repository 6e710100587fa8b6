"""A run's programs on other machines: running services (`--sandbox-url`), or a Ray cluster (`--cluster`).

    hosts       what a host of sandboxes is to the others: a link to it, and where links come from
    dispatch    one queue of programs before all hosts, behind the interface of `sandbox.Pool`
    servers     hosts that are `harness serve sandbox`, over HTTP
    cluster     hosts that are the nodes of a Ray cluster
    node        what runs on such a node
    replicas    vLLM servers on the nodes, as one engine
    server_actor  what runs on a node for one of them
    examine     what works on each node

The process at the keyboard plans, deduplicates, scores and writes; hosts execute, and know nothing of a run. So what a
run comes to does not depend on where its programs ran, and the run directory has one writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.config import RunConfig
from harness.engines import Engine, Opening
from harness.pipeline.execute import LocalSandboxes, Sandboxes

if TYPE_CHECKING:
    from harness.scale.cluster import Connection


class Machines:
    """The machines that a configuration names, for all of a command's runs."""

    def __init__(self, config: RunConfig, connection: Connection | None) -> None:
        self._config, self._connection = config, connection

    def sandboxes(self) -> Sandboxes | None:
        """Where the programs of one run are executed; None for this machine."""
        if self._config.sandbox_url:
            # measured: 0.1 s for http.client and ssl, which a local run need not wait for
            from harness.scale.servers import Servers

            return Servers(self._config.sandbox_url, self._config.sandbox_key)
        if self._connection is not None:
            from harness.scale.cluster import Cluster  # as above

            return Cluster(self._connection, _on_each(self._config))
        return None

    def open_vllm(self) -> Callable[[Opening], Engine] | None:
        """What opens the engine `vllm`; None for a server on this machine."""
        if self._connection is None or self._config.replicas is None:
            return None
        from harness.scale.replicas import opener  # measured: 0.4 s for openai

        return opener(self._connection, self._config)


@contextmanager
def machines(config: RunConfig) -> Iterator[Machines]:
    """Connect to the machines that the configuration names. Raises InputError for what cannot be used."""
    if config.cluster is None:
        yield Machines(config, None)
        return
    from harness.scale.cluster import Connection  # as above; ray itself takes 0.7 s, and may be missing

    with Connection(config.cluster) as connection:
        yield Machines(config, connection)


@contextmanager
def sandboxes_elsewhere(config: RunConfig) -> Iterator[Sandboxes | None]:
    """Where the programs of a command's only run are executed; None for this machine. Raises InputError."""
    with machines(config) as found:
        yield found.sandboxes()


def _on_each(config: RunConfig) -> LocalSandboxes:
    """What the configuration asks of every machine."""
    return LocalSandboxes(
        backend=config.sandbox, count=config.workers, isolation=config.isolation, runtime=config.runtime
    )
