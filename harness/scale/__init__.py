"""A run's programs on other machines: running services (`--sandbox-url`), or a Ray cluster (`--cluster`).

    hosts       what a host of sandboxes is to the others: a link to it, and where links come from
    dispatch    one queue of programs before all hosts, behind the interface of `sandbox.Pool`
    servers     hosts that are `harness serve sandbox`, over HTTP
    cluster     hosts that are the nodes of a Ray cluster
    node        what runs on such a node

The process at the keyboard plans, deduplicates, scores and writes; hosts execute, and know nothing of a run. So what a
run comes to does not depend on where its programs ran, and the run directory has one writer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from harness.config import RunConfig
from harness.pipeline.execute import LocalSandboxes, Sandboxes


@contextmanager
def sandboxes_elsewhere(config: RunConfig) -> Iterator[Sandboxes | None]:
    """The machines that the configuration names, for the time of a run; None where it names none.

    Raises InputError for what cannot be used.
    """
    if config.sandbox_url:
        # measured: 0.1 s for http.client and ssl, which a local run need not wait for
        from harness.scale.servers import Servers

        yield Servers(config.sandbox_url, config.sandbox_key)
        return
    if config.cluster:
        from harness.scale.cluster import Cluster, Connection  # as above; ray itself takes 0.7 s, and may be missing

        with Connection(config.cluster) as connection:
            yield Cluster(connection, on_each_machine(config))
        return
    yield None


def on_each_machine(config: RunConfig) -> LocalSandboxes:
    """What the configuration asks of every machine."""
    return LocalSandboxes(
        backend=config.sandbox, count=config.workers, isolation=config.isolation, runtime=config.runtime
    )
