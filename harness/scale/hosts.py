"""A host of sandboxes as the dispatcher sees it: a link that executes batches, and a source of links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from harness.errors import HarnessError
from sandbox.parcels import Answer

BEAT_S = 5.0  # a host that works gives a sign of life at least this often
SILENT_S = 15.0  # one that has given none for so long is lost


class HostLost(HarnessError):  # noqa: N818 - the host's fate
    """A host ended, or fell silent, with work in hand, done or not. Handled by the dispatcher."""


class HostAway(HarnessError):  # noqa: N818 - the host's state
    """A host took no work: it is gone, or stopping. What it was to do was not begun. Handled by the dispatcher."""


class HostUnfit(HarnessError):  # noqa: N818 - the host's state
    """A host that cannot be used for this run: of another version, or its sandbox does not hold. It says why."""


class Link(Protocol):
    """The way to one host. name: for people. workers: its sandboxes."""

    name: str
    workers: int

    def execute(self, batch: bytes, items: int) -> Iterator[Sequence[Answer]]:
        """Have a batch of so many items executed (`sandbox.parcels`): answers as they come, none for a sign of life.

        For several threads at once. Raises HostLost, HostAway.
        """

    def close(self) -> None:
        """Give up what it does. Threads in `execute` come to an end."""


class Source(Protocol):
    """Where links come from, now and later."""

    def present(self) -> Sequence[str]:
        """The names of the hosts that are there now, used or not."""

    def open_link(self, name: str) -> Link:
        """A link to a host that is there, made ready for the run. Raises HostUnfit, HostAway."""
