"""What every route of the service is given: its settings, its queue, its judge, and whether it is ready."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import sandbox
from harness import __version__, datasets
from harness.service.admission import Admission, InternalError, Patience, Refused, Runner
from harness.service.direct import DirectCalls
from harness.service.judging import Judging
from harness.service.languages import Languages
from harness.service.metrics import Metrics
from harness.service.schemas import InfoBody
from harness.service.settings import Settings
from sandbox import Limits, Program, languages

FAILING = 3  # failures of ours in a row, after which the sandbox has to show that it works


class Service:
    """What routes are given. `ready` is set once the sandbox has proved what it must deny."""

    def __init__(self, settings: Settings, runner: Runner, backend: str, names: Sequence[str]) -> None:
        self.settings = settings
        self.backend = backend
        self.metrics = Metrics(settings.workers)
        self.admission = Admission(runner, settings.workers, self.metrics)
        self.judging = Judging(settings, self.admission, Languages(names))
        self.direct = DirectCalls()
        self.ready = False
        self.patience = Patience(wait_s=settings.queue_s)

    async def works(self) -> bool:
        """Whether the sandbox has proved itself and runs programs; tried out where it has failed some in a row."""
        if self.ready and self.admission.failures_in_a_row >= FAILING:
            with contextlib.suppress(Refused, InternalError):
                await self.admission.run(
                    Program(source="pass"),
                    None,
                    Limits(),
                    client="readyz",
                    patience=Patience(wait_s=5.0, answer_s=10.0),
                )
        return self.ready and self.admission.failures_in_a_row < FAILING

    def _environments(self) -> dict[str, str]:
        """Language -> what its programs find; one look for each family."""
        known: dict[str, str] = {}
        for name in self.judging.languages.names:
            family = languages.find(name).family
            known[family] = known.get(family) or sandbox.environment_label(self.backend, name)
        return {name: known[languages.find(name).family] for name in self.judging.languages.names}

    def info(self) -> InfoBody:
        """What the service is."""
        settings = self.settings
        return InfoBody(
            version=__version__,
            backend=self.backend,
            environment=sandbox.environment_label(self.backend),
            guest_digest=sandbox.guest_digest(),
            environments=self._environments(),
            isolation=settings.isolation.value,
            runtime=settings.runtime,
            workers=settings.workers,
            memory_mib=settings.memory_mib,
            max_memory_mib=settings.max_memory_mib,
            max_request_mib=settings.max_request_mib,
            queue_s=settings.queue_s,
            languages=list(self.judging.languages.names),
            problems=datasets.known_names(),
        )
