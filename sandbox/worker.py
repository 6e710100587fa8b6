"""One worker: a sandbox started by a backend, with our supervisor inside, that runs one program at a time.

The guest's source travels with each start: the first bytes on the stream are the modules of `sandbox.guest`, so the
image holds an interpreter and nothing of ours, and guest and host are always of one version.
"""

from __future__ import annotations

import importlib.resources
import json
import re
import time
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from sandbox.errors import WorkerLost
from sandbox.guest import wire
from sandbox.guest.watch import LOAD_FACTOR
from sandbox.types import CallTests, Execution, Limits, Program, Tests, Verdict

GUEST_MODULES = ("wire", "seccomp", "child", "watch", "supervisor")
START_TIMEOUT_S = 60.0
GRACE_S = 10.0  # a supervisor that is this much later than every limit of its program is taken for lost
# Runs in the guest: reads one frame with the sources, makes modules of them, and serves.
BOOTSTRAP = """
import sys, os, json, struct, types
def read(n):
    data = b''
    while len(data) < n:
        chunk = os.read(0, n - len(data))
        if not chunk: sys.exit(0)
        data += chunk
    return data
start = json.loads(read(struct.unpack('>I', read(4))[0]))
sys.modules['sandbox'] = types.ModuleType('sandbox')
guest = sys.modules['sandbox.guest'] = sys.modules['sandbox'].guest = types.ModuleType('sandbox.guest')
for name, source in start['modules']:
    module = types.ModuleType('sandbox.guest.' + name)
    sys.modules[module.__name__] = module
    setattr(guest, name, module)
    exec(compile(source, 'guest/' + name + '.py', 'exec'), module.__dict__)
guest.supervisor.main(start['first_uid'])
"""
_PRELOAD = re.compile(r"^\s*(?:import|from)\s+(numpy)\b", re.MULTILINE)


class Stream(Protocol):
    """A byte stream to a started sandbox, and the sandbox's life. Implemented by each backend."""

    name: str

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data`. Raises WorkerLost."""

    def receive(self, size: int, timeout_s: float) -> bytes:
        """Exactly `size` bytes. Raises WorkerLost where the stream ends or the time is over."""

    def close(self) -> None:
        """Destroy the sandbox with everything in it. Safe to call twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestInfo:
    """What the guest says of itself: its Python version, and the versions of the packages programs may use."""

    python: str
    packages: dict[str, str]

    def label(self) -> str:
        """As it stands in a signature, such as `py3.11.7+numpy2.4.6`."""
        return "+".join([f"py{self.python}", *(f"{name}{version}" for name, version in sorted(self.packages.items()))])


class Worker:
    """A started sandbox. Not thread-safe: one program at a time. `close` destroys it.

    Raises WorkerLost where the guest does not come up.
    """

    def __init__(self, stream: Stream, *, first_uid: int | None) -> None:
        self._stream = stream
        self.name = stream.name
        self.programs = 0
        self.usable = True
        try:
            stream.send(wire.encode({"first_uid": first_uid, "modules": _guest_sources()}), START_TIMEOUT_S)
            hello = self._receive(START_TIMEOUT_S)
        except BaseException:
            stream.close()
            raise
        self.guest = GuestInfo(python=str(hello["python"]), packages=dict(hello["packages"]))

    def run(self, program: Program, tests: Tests | None, limits: Limits) -> Execution:
        """Run one program. Raises WorkerLost where the worker ended or fell silent; it is then of no more use."""
        runs = 1 if tests is None or isinstance(tests, CallTests) else len(tests.cases)
        self.programs += 1
        try:
            self._stream.send(wire.encode(_job(program, tests, limits)), START_TIMEOUT_S)
            reply = self._receive(limits.wall_s * LOAD_FACTOR * runs + GRACE_S)
            execution = _execution(reply, self.name)
        except (WorkerLost, wire.FrameError, KeyError, TypeError, ValueError) as error:
            self.usable = False
            raise WorkerLost(f"worker {self.name}: {error}") from error
        if execution.verdict is Verdict.INTERNAL_ERROR:
            self.usable = False
            raise WorkerLost(f"worker {self.name}: {execution.detail}")
        self.usable = not reply["dirty"]
        return execution

    def close(self) -> None:
        """Destroy the sandbox."""
        self.usable = False
        self._stream.close()

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        size = wire.length(self._stream.receive(wire.HEADER_BYTES, timeout_s))
        return wire.decode(self._stream.receive(size, max(deadline - time.monotonic(), 1.0)))


def _guest_sources() -> list[tuple[str, str]]:
    folder = importlib.resources.files("sandbox.guest")
    return [(name, folder.joinpath(f"{name}.py").read_text()) for name in GUEST_MODULES]


def guest_fingerprint() -> str:
    """All guest source text as one string: what a cache key of anything that depends on the guest is made of."""
    return json.dumps(_guest_sources())


def _job(program: Program, tests: Tests | None, limits: Limits) -> dict[str, object]:
    about_tests: dict[str, object] | None = None
    preload: list[str] = []
    if isinstance(tests, CallTests):
        about_tests = {"kind": "call", **asdict(tests)}
        preload = sorted(set(_PRELOAD.findall(tests.source) + _PRELOAD.findall(tests.setup)))
    elif tests is not None:
        about_tests = {"kind": "stdio", **asdict(tests)}
    return {
        "source": program.source,
        "files": {name: content.hex() for name, content in program.files.items()},
        "argv": list(program.argv),
        "stdin": program.stdin,
        "tests": about_tests,
        "preload": preload,
        "limits": asdict(limits),
    }


def _execution(reply: dict[str, Any], worker: str) -> Execution:
    return Execution(
        verdict=Verdict(reply["verdict"]),
        detail=str(reply["detail"]),
        cases=tuple(Verdict(case) for case in reply["cases"]),
        exit_code=reply["exit_code"],
        signal=reply["signal"],
        wall_s=float(reply["wall_s"]),
        cpu_s=float(reply["cpu_s"]),
        peak_memory_bytes=int(reply["peak_memory_bytes"]),
        stdout=str(reply["stdout"]),
        stderr=str(reply["stderr"]),
        truncated=bool(reply["truncated"]),
        worker=worker,
    )
