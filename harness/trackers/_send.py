"""A run that has ended, sent to experiment trackers. It is on disk before that, whatever becomes of the sending."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.runs import store
from harness.runs.reader import SavedRun
from harness.trackers import TrackedRun, find_tracker

log = logging.getLogger("harness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What a run on pictures sends besides its estimates: see `TrackedRun`."""

    step: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentReport:
    """What became of one report. place: where it is; error: why it is nowhere."""

    to: str
    place: str | None = None
    error: str | None = None


def check(names: Sequence[str]) -> None:
    """Raises InputError for an unknown tracker, and for one whose library is not installed: before a run begins."""
    for name in names:
        find_tracker(name)


def report(run: Path, names: Sequence[str], additions: Additions | None = None) -> list[SentReport]:
    """Send a run to each tracker; a failure is noted in the run's log and does not keep it from the next.

    Raises InputError where there is no run that has come to its end.
    """
    if not names:
        return []
    found = _report(run, additions or Additions())
    with store.logging_to(run):
        return [_send(name, found) for name in names]


def _report(run: Path, additions: Additions) -> TrackedRun:
    saved = SavedRun(run)
    return TrackedRun(
        run=run,
        model=saved.model,
        dataset=saved.dataset,
        signature=saved.manifest.signature,
        summary=saved.summary,
        config=saved.manifest.config,
        step=additions.step,
        numbers=additions.numbers,
        pictures=additions.pictures,
    )


def _send(name: str, found: TrackedRun) -> SentReport:
    try:
        return SentReport(to=name, place=find_tracker(name).send(found))
    except Exception as error:  # whatever the tracker's library raises is the tracker's failure
        log.warning("not reported to %s: %s: %s", name, type(error).__name__, error)
        first = (str(error).strip() or "no message").splitlines()[0]
        return SentReport(to=name, error=f"{type(error).__name__}: {first}")
