"""What can go wrong on our side of the sandbox. A candidate program never causes one of these: it causes a Verdict.

SandboxError
├── SandboxUnavailable   no backend works here; the message says what to install or start
├── ImageError           the sandbox image is missing or could not be built
├── WorkerLost           a worker died or fell silent; the pool replaces it and runs the program once more
│   └── MachineTooBusy   the machine gave a program too little time to come to any end
└── Cancelled            the caller gave a program up
"""

from __future__ import annotations


class SandboxError(Exception):
    """Any failure of the sandbox itself."""


class SandboxUnavailable(SandboxError):  # noqa: N818 - the state, as callers say it
    """No sandbox can be started on this machine. Handled by the entry layer: exit code 3 and the message."""


class ImageError(SandboxError):
    """The sandbox image cannot be found or built."""


class WorkerLost(SandboxError):  # noqa: N818
    """A worker ended, or did not answer in time, for a reason that is not the program's. Handled by the pool."""


class Cancelled(SandboxError):  # noqa: N818 - the program's fate
    """The caller gave the program up with its `Cancellation`; its sandbox is destroyed."""


class MachineTooBusy(WorkerLost):
    """A program had nearly no time of a processor for ten times its wall limit. Handled by the pool."""
