"""One worker: a sandbox started by a backend, with our supervisor inside, that runs one program at a time.

The guest's source travels with each start: the first bytes on the stream are the modules of `sandbox.guest`, so the
image holds an interpreter and nothing of ours, and guest and host are always of one version.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import marshal
import re
import secrets
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from sandbox import bytecode, languages, outcome
from sandbox.answers import KnownAnswers
from sandbox.errors import MachineTooBusy, WorkerLost
from sandbox.guest import wire
from sandbox.guest.testcode import PRELOADS
from sandbox.types import (
    RESTARTS,
    CallTests,
    Execution,
    Integrity,
    Limits,
    Program,
    ProgramTests,
    StdioTests,
    Tests,
    Verdict,
)

GUEST_MODULES = (
    "wire", "values", "codec", "compare", "syscalls", "seccomp", "landlock", "places", "procfs", "unittest_suites",
    "randomness", "reports", "script", "kept", "program", "ahead", "known", "channel", "cases", "testcode", "plain",
    "asking", "judge", "cleaning", "judge_process", "fetching", "building", "monitor", "supervisor",
)  # fmt: skip
START_TIMEOUT_S = 60.0
MARSHAL = 2  # the format that every Python 3 reads
BUILDS = 64  # of which it is remembered that they were compiled there
GRACE_S = 10.0  # a supervisor that is this much later than every limit of its program is taken for lost
# Runs in the guest: reads three frames, makes modules of what is in them, and serves. What to start with; the modules'
# code; their sources, which are compiled where this interpreter reads another bytecode. Each program's process is a
# copy of this one, so what compiling leaves in memory, 1.4 MB, is left in another process, and no docstring comes here.
# Programs are forked here and not in the supervisor's functions: a program runs as deep in the interpreter's stack as
# `python main.py` has it, but for one frame, and no frame is unwound, which would touch 90 pages, 0.25 ms a program.
BOOTSTRAP = """
import sys, os, marshal, struct, types
from _frozen_importlib_external import MAGIC_NUMBER
def read(fd, n):
    data = b''
    while len(data) < n:
        chunk = os.read(fd, n - len(data))
        if not chunk: sys.exit(0)
        data += chunk
    return data
def frame(fd):
    return read(fd, struct.unpack('>I', read(fd, 4))[0])
def compiled(sources):
    return marshal.dumps([
        (name, compile(source, 'guest/' + name + '.py', 'exec', optimize=2)) for name, source in sources
    ])
start = marshal.loads(frame(0))
modules = frame(0)
out, into = os.pipe()
if os.fork() == 0:
    sources = marshal.loads(frame(0))
    if start['magic'] != MAGIC_NUMBER:
        data = compiled(sources)
        data = struct.pack('>I', len(data)) + data
        while data: data = data[os.write(into, data):]
    os._exit(0)
os.close(into)
if start['magic'] != MAGIC_NUMBER:
    modules = frame(out)
os.close(out)
os.wait()
modules = marshal.loads(modules)
sys.modules['sandbox'] = types.ModuleType('sandbox')
own = vars(__builtins__).copy()  # what a program does to its built-in names is nothing to the guest
guest = sys.modules['sandbox.guest'] = sys.modules['sandbox'].guest = types.ModuleType('sandbox.guest')
for name, code in modules:
    module = types.ModuleType('sandbox.guest.' + name)
    sys.modules[module.__name__] = module
    setattr(guest, name, module)
    module.__builtins__ = own
    exec(code, module.__dict__)
arguments = start['first_uid'], start['rendezvous_path'], start['loopback'], start['calls']
del start, modules, name, code, module, own, out, into, read, frame, compiled, MAGIC_NUMBER
begin = guest.program.main
supervisor = guest.supervisor.main(*arguments)
start, pid = next(supervisor), 1
while pid and (pid := os.fork()):
    start = supervisor.send(pid)
begin = begin(*start)
del start, pid
try:
    exec(begin.code, begin.namespace)
except BaseException as error:
    begin.error = error
begin.finish()
"""
# linear in what a model wrote: no blank matches the end of a line
_PRELOAD = re.compile(rf"^[ \t]*+(?:import|from)[ \t]++({'|'.join(PRELOADS)})\b", re.MULTILINE)


class Stream(Protocol):
    """A byte stream to a started sandbox, and the sandbox's life. Implemented by each backend."""

    name: str
    rendezvous_path: (
        str | None
    )  # where the guest may connect to instead, a UNIX socket's path inside; None: only this stream

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data`. Raises WorkerLost."""

    def receive(self, size: int, timeout_s: float) -> bytes:
        """Exactly `size` bytes. Raises WorkerLost where the stream ends or the time is over."""

    def kill(self) -> None:
        """End all that runs in it, from any thread; who receives from it then has WorkerLost. `close` must follow."""

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


class LateByTheClock(Exception):  # noqa: N818 - a state
    """A program was late with little CPU time, and the disk was waited for. Handled by the pool."""

    def __init__(self, execution: Execution) -> None:
        super().__init__(execution.detail)
        self.execution = execution


class Worker:
    """A started sandbox. Not thread-safe: one program at a time. `close` destroys it.

    loopback: whether its programs may open sockets of the Internet's kind. family: whose languages it runs. answers:
    where answers that tests accepted are kept; None for nowhere.

    Raises WorkerLost where the guest does not come up.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        first_uid: int | None,
        loopback: bool = False,
        family: str = languages.PYTHON,
        answers: KnownAnswers | None = None,
    ) -> None:
        self._stream, self.answers = stream, answers
        self.name = stream.name
        self.programs = 0
        self._sent: dict[str, str] = {}  # tests that the judge has: their digest -> its key of them
        self._built: deque[str] = deque(maxlen=BUILDS)
        self.usable = True
        try:
            start = {
                "first_uid": first_uid,
                "rendezvous_path": stream.rendezvous_path,
                "loopback": loopback,
                "calls": languages.system_calls(family),
            }
            stream.send(_first_frames(start, tuple(_guest_sources())), START_TIMEOUT_S)
            hello = wire.decode(self._payload(time.monotonic() + START_TIMEOUT_S))
        except BaseException:
            stream.close()
            raise
        self.guest = GuestInfo(python=str(hello["python"]), packages=dict(hello["packages"]))

    def run(self, program: Program, tests: Tests | None, limits: Limits) -> Execution:
        """Run one program. Raises WorkerLost where the worker ended or fell silent; it is then of no more use."""
        self.programs += 1
        runs = _runs(tests)
        fetch = bool(program.fetch) and runs == 1
        language = languages.find(program.language)
        ended: list[outcome.RunResult] = []
        try:
            self._stream.send(self._job(program, tests, limits, runs), START_TIMEOUT_S)
            longest_s = max(limits.wall_s, languages.COMPILE_LIMITS.wall_s if language.compile else 0.0)
            while not ended or not ended[-1].measured["last"]:
                ended.append(self._run_result(longest_s * wire.LOAD_FACTOR + GRACE_S, fetch))
                self._forget(ended[-1].finding)
            of_memory = functools.partial(outcome.of_memory, limits=limits, signs=language.memory_signs)
            execution = outcome.execution(ended, tests, self.name, of_memory if language.run else None)
            if isinstance(tests, ProgramTests) and (way := language.way_of(tests)):
                execution = outcome.of_assertion(execution, way.assertion_signs)
        except (WorkerLost, wire.FrameError, KeyError, TypeError, ValueError) as error:
            self.usable = False
            raise WorkerLost(f"worker {self.name}: {error}") from error
        if execution.verdict is Verdict.INTERNAL_ERROR and not ended[-1].finding.get("bad_tests"):
            self.usable = False
            kind = MachineTooBusy if ended[-1].measured["starved"] else WorkerLost
            raise kind(f"worker {self.name}: {execution.detail}")
        self.usable = not ended[-1].measured["dirty"]
        if self.answers is not None and (learnt := ended[-1].finding.get("known")):
            assert tests is not None
            self.answers.keep(_packed_tests(language.guarded(tests))[0], self.guest.label(), learnt)
        if language.compile:
            self._built.append(digest_of(program, tests))
        late = execution.verdict is Verdict.TIME_LIMIT or Verdict.TIME_LIMIT in execution.cases
        if late and any(run.measured["doubtful"] for run in ended):
            raise LateByTheClock(execution)
        return execution

    def _forget(self, finding: Mapping[str, Any]) -> None:
        """Take out of the books what the judge has no more."""
        if not finding:  # it was ended
            self._sent.clear()
        elif gone := set(finding["gone"]):
            self._sent = {digest: key for digest, key in self._sent.items() if key not in gone}

    def has_built(self, digest: str) -> bool:
        """Whether it may still hold what was compiled of the text of this digest."""
        return digest in self._built

    def kill(self) -> None:
        """End the sandbox under a program that runs: from another thread, where only descriptors must stay open."""
        self.usable = False
        self._stream.kill()

    def close(self) -> None:
        """Destroy the sandbox."""
        self.usable = False
        self._stream.close()

    def _run_result(self, timeout_s: float, fetch: bool) -> outcome.RunResult:
        deadline = time.monotonic() + timeout_s
        finding = self._payload(deadline)
        fetched = self._payload(deadline) if fetch else b""
        measured = _decoded(self._payload(deadline))
        return outcome.RunResult(
            finding=_decoded(finding) if finding else {},
            measured=measured,
            files=outcome.files(wire.decode(fetched)) if fetched else {},
        )

    def _job(self, program: Program, tests: Tests | None, limits: Limits, runs: int) -> bytes:
        """The order for the supervisor, then what goes past it to the judge. Tests travel once per worker."""
        language = languages.find(program.language)
        whole = language.guarded(tests)
        digest, about = (None, b"") if whole is None else _packed_tests(whole)
        key = None if digest is None else self._sent.get(digest)
        follow = digest is not None and key is None
        if follow and digest is not None and isinstance(tests, CallTests) and tests.repeatable:
            about = self._with_known(digest, about)
        if digest is not None and follow:
            # drawn, not worked out: from a digest of the tests a program could find short answers by search
            key = secrets.token_hex(8)
            self._sent[digest] = key
        job = {
            "program": {
                "plain": language.calls is not None,
                "source": program.source,
                "files": {name: content.hex() for name, content in program.files.items()},
                "argv": list(program.argv),
                "stdin": program.stdin,
            },
            "key": key,
            "follow": follow,
        }
        body = _encoded(job) + (wire.frame(about) if follow else b"")
        about_order = (
            limits,
            runs,
            program.fetch if runs == 1 else (),
            key,
            not isinstance(tests, ProgramTests) and tests is not None and tests.all_cases,
            isinstance(tests, CallTests) and tests.integrity is Integrity.JUDGED,
            tuple(sorted(set(_PRELOAD.findall(program.source)))),
            isinstance(tests, ProgramTests),
        )
        if language.run:
            order = _encoded({**_order(*about_order), "language": language.commands(limits, program, tests)})
        else:
            order = _usual_order(*about_order)
        return order + wire.frame(body)

    def _with_known(self, digest: str, about: bytes) -> bytes:
        """The tests as the judge takes them, with the answers that they are known to accept."""
        known = None if self.answers is None else self.answers.find(digest, self.guest.label())
        return about if known is None else about[:-1] + b', "known": ' + known + b"}"

    def _payload(self, deadline: float) -> bytes:
        """The next frame's payload."""
        size = wire.length(self._stream.receive(wire.HEADER_BYTES, max(deadline - time.monotonic(), 0.001)))
        return self._stream.receive(size, max(deadline - time.monotonic(), 1.0)) if size else b""


def _runs(tests: Tests | None) -> int:
    """How many processes of the program there may be."""
    if isinstance(tests, StdioTests):
        return len(tests.cases)
    return 1 + RESTARTS if isinstance(tests, CallTests) and tests.all_cases else 1


def digest_of(program: Program, tests: Tests | None) -> str:
    """What equal texts have in common, for a compiler; empty where nothing is compiled."""
    language = languages.find(program.language)
    return language.digest(program, tests) if language.compile else ""


def _order(
    limits: Limits,
    runs: int,
    fetch: tuple[str, ...],
    tests: str | None,
    all_cases: bool,
    calls: bool,
    preload: tuple[str, ...],
    signs: bool,
) -> dict[str, object]:
    """What the supervisor is told of a program, without how its language is run."""
    return {
        "limits": asdict(limits),
        "runs": runs,
        "fetch": fetch,
        "tests": tests,
        "all_cases": all_cases,
        "calls": calls,
        "preload": preload,
        "signs": signs,
    }


@functools.lru_cache(maxsize=256)
def _usual_order(*about: Any) -> bytes:
    """The order for a program that the guest's own interpreter runs: the same one for all samples of a problem."""
    return _encoded({**_order(*about), "language": {}})


_encode_json = json.JSONEncoder(separators=(",", ":")).encode
_decode_json = json.JSONDecoder().decode


def _encoded(message: dict[str, Any]) -> bytes:
    """As `wire.encode`, which makes an encoder each time."""
    return wire.frame(_encode_json(message).encode())


def _decoded(payload: bytes) -> dict[str, Any]:
    """As `wire.decode`, which looks for the encoding. Raises ValueError, TypeError."""
    return dict(_decode_json(payload.decode()))


@functools.lru_cache(maxsize=64)
def _packed_tests(tests: Tests) -> tuple[str, bytes]:
    """A key of the tests, and the tests as the judge takes them."""
    kind = {CallTests: "call", StdioTests: "stdio", ProgramTests: "program"}[type(tests)]
    about = json.dumps({"kind": kind, **asdict(tests)}).encode()
    return hashlib.sha256(about).hexdigest(), about


def _first_frames(start: dict[str, Any], sources: bytecode.Sources) -> bytes:
    """What a guest is started with: see `BOOTSTRAP`. By marshal, which it has loaded already, in a format of all."""
    code = _code(sources)
    magic = importlib.util.MAGIC_NUMBER if code else b""
    parts = marshal.dumps({**start, "magic": magic}, MARSHAL), code, marshal.dumps(sources, MARSHAL)
    return b"".join(wire.frame(part) for part in parts)


_code = functools.lru_cache(maxsize=4)(bytecode.load)


def _guest_sources() -> list[tuple[str, str]]:
    folder = Path(__file__).with_name("guest")
    return [(name, (folder / f"{name}.py").read_text("utf-8")) for name in GUEST_MODULES]


def guest_fingerprint() -> str:
    """All guest source text as one string: what a cache key of anything that depends on the guest is made of."""
    return json.dumps(_guest_sources())
