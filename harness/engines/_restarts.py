"""Calls to a server of our own that may die under them: which call is to blame is found by making it again alone."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class ManagedServer(Protocol):
    """A server of our own. restarts: how often it was started again."""

    restarts: int

    def ensure_running(self) -> str:
        """See that it is up, start it again where it died; its address. Raises EngineError."""

    def answered(self) -> None:
        """It answered."""


@dataclass(slots=True)
class CrashSuspect:
    """raised: our own server died while this call was on its way."""

    raised: bool = False


class SharedOrExclusive:
    """Calls go together, or one alone while no other is on its way."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # protects the two below
        self._together = 0
        self._alone = False

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Wait until none is alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until none is left; none follows before the end."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: not self._together)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
