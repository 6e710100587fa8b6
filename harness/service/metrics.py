"""What the service counts, for Prometheus. No label holds anything that a client wrote."""

from __future__ import annotations

import functools

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The service's own registry, so that two services in one process do not count together.

    What has labels is found by them once: to look it up in the registry costs more than to count.
    """

    def __init__(self, workers: int) -> None:
        registry = self.registry = CollectorRegistry()
        requests = Counter("harness_requests_total", "Answers, by dialect and code", ["dialect", "code"],
                           registry=registry)  # fmt: skip
        executions = Counter("harness_executions_total", "Programs that ran, by language and verdict",
                             ["language", "verdict"], registry=registry)  # fmt: skip
        self.requests = functools.cache(requests.labels)
        self.executions = functools.cache(executions.labels)
        self.refusals = Counter("harness_refusals_total", "Requests that were not let in, by reason", ["reason"],
                                registry=registry)  # fmt: skip
        self.internal_errors = Counter("harness_internal_errors_total", "Failures of ours", registry=registry)
        self.abandoned = Counter("harness_abandoned_total", "Programs whose clients hung up, by where they were",
                                 ["state"], registry=registry)  # fmt: skip
        self.shared = Counter("harness_shared_total", "Requests answered by an equal program in flight",
                              registry=registry)  # fmt: skip
        self.queued = Gauge("harness_queued", "Programs that wait for a sandbox", registry=registry)
        self.running = Gauge("harness_running", "Programs in a sandbox", registry=registry)
        self.open_requests = Gauge("harness_open_requests", "Requests in hand", registry=registry)
        self.workers = Gauge("harness_workers", "Sandboxes at once", registry=registry)
        self.workers.set(workers)
        self.waiting_s = Histogram("harness_waiting_seconds", "From a request to its sandbox", buckets=SECONDS,
                                   registry=registry)  # fmt: skip
        self.execution_s = Histogram("harness_execution_seconds", "In the sandbox, by the clock", buckets=SECONDS,
                                     registry=registry)  # fmt: skip
