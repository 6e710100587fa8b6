"""Safe execution of untrusted programs, of use alone:

    import sandbox

    with sandbox.open() as box:
        execution = box.run(sandbox.Program(source="print(6 * 7)"))
        print(execution.verdict, execution.stdout)

Programs run in a container (`docker`) or in namespaces (`bubblewrap`), never on the host.
"""

from __future__ import annotations

from sandbox.errors import Cancelled, ImageError, SandboxError, SandboxUnavailable, WorkerLost
from sandbox.pool import Cancellation, Pool
from sandbox.selection import (
    BACKENDS,
    begin,
    choose_backend,
    default_workers,
    end,
    environment_label,
    guest_digest,
    image_bytes,
    open,
    prepare,
)
from sandbox.types import (
    CallTests,
    Compare,
    Execution,
    Integrity,
    Isolation,
    Limits,
    Program,
    ProgramTests,
    StdioCase,
    StdioTests,
    Tests,
    Verdict,
    ceiling,
)
from sandbox.worker import GuestInfo

__all__ = [
    "BACKENDS", "CallTests", "Cancellation", "Cancelled", "Compare", "Execution", "GuestInfo", "ImageError",
    "Integrity", "Isolation", "Limits", "Pool", "Program", "ProgramTests", "SandboxError", "SandboxUnavailable",
    "StdioCase", "StdioTests", "Tests", "Verdict", "WorkerLost", "begin", "ceiling", "choose_backend",
    "default_workers", "end", "environment_label", "guest_digest", "image_bytes", "open", "prepare",
]  # fmt: skip
