"""Backend `docker`: hardened long-lived containers, driven over their attached stdin and stdout.

Theory of operation. A container is created with stdin open once, attached, then started; the attached stream carries
our frames (`worker`), so no published port and no `docker exec` is needed, and a remote engine works as a local one
does. With a local engine the guest then connects to a socket of ours, before any program has run, and the frames go
straight: the engine's relay costs 1.5 ms of CPU time a program. When this process dies, however it dies, the stream
ends, the supervisor ends, and the engine removes the container (`auto_remove`).

The container: no network, read-only root, every capability dropped but the five the supervisor needs, no new
privileges, private IPC, memory, process and CPU limits, tmpfs of limited size and inodes, no log. Not protected
against: a bug in the shared kernel.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import struct
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import languages
from sandbox.backends import ENVIRONMENT
from sandbox.backends import _docker_images as images
from sandbox.backends._engine import Engine, EngineError, connect
from sandbox.errors import SandboxUnavailable, WorkerLost
from sandbox.pool import PROGRAMS_PER_WORKER, Pool
from sandbox.types import MIB, Isolation, Limits
from sandbox.worker import BOOTSTRAP

UIDS = True
LABEL = "codegen-harness.sandbox"
SUPERVISOR_BYTES = 128 * MIB  # the supervisor and the kernel's accounts of it, beside what the program may use
KEPT_BYTES, KEPT_THREADS = 384 * MIB, 32  # of a compiler that is kept beside the programs
SHM_BYTES = 32 * MIB
# SETUID, SETGID: a uid per program. KILL: end them. DAC_OVERRIDE, FOWNER: empty directories that they closed to others.
CAPABILITIES = ["SETUID", "SETGID", "KILL", "DAC_OVERRIDE", "FOWNER"]
CONFLICT = 409
STDOUT, STDERR = 1, 2
STALE_S = 120.0
PATIENCE_S = 1  # so much later than its time a silent guest may be noticed
FOLDERS = "codegen-harness-"
RENDEZVOUS, SOCKET = "/run/harness", "socket"
MARKER = ".codegen-harness-rendezvous"  # in every folder that we made, and may remove


class DockerStream:
    """The stream of one container: its attached stdio, and the socket on which the guest meets us where it can.

    rendezvous_path: None where the attached stdio is all.
    """

    def __init__(self, engine: Engine, container_id: str, attached: Any, rendezvous: Rendezvous | None) -> None:
        self.name = f"docker:{container_id[:12]}"
        self.rendezvous_path = None if rendezvous is None else f"{RENDEZVOUS}/{SOCKET}"
        self._engine = engine
        self._id = container_id
        self._attached = attached  # what docker's client gives: a file around the socket, or the socket itself
        self._stdio: socket.socket = getattr(attached, "_sock", attached)
        self._rendezvous = rendezvous
        self._connection: socket.socket | None = None
        self._buffer = bytearray()
        self._errors = bytearray()

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send all of `data`. Raises WorkerLost."""
        try:
            if self._connection is not None:
                _send(self._connection, data, timeout_s)
            else:
                self._stdio.settimeout(timeout_s)
                self._stdio.sendall(data)
        except OSError as error:
            raise WorkerLost(f"the container's stream broke: {error}{self._said()}") from error

    def receive(self, size: int, timeout_s: float) -> bytes:
        """Exactly `size` bytes of the container's stdout. Raises WorkerLost."""
        if len(self._buffer) >= size:
            return self._taken(size)
        deadline = time.monotonic() + timeout_s
        if self._rendezvous is not None:
            self._connection = self._rendezvous.wait(self._stdio, timeout_s)
            self._rendezvous = None
            if self._connection is not None:
                be_patient(self._connection)
        while len(self._buffer) < size:
            if self._connection is not None:
                self._buffer += self._arrived(self._connection, deadline)
            else:
                self._frame(deadline)
        return self._taken(size)

    def _taken(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _frame(self, deadline: float) -> None:
        """One frame of the engine's: what the container wrote to its stdout or stderr."""
        kind, length = struct.unpack(">BxxxI", self._raw(8, deadline))
        payload = self._raw(length, deadline)
        if kind == STDOUT:
            self._buffer += payload
        elif kind == STDERR:
            self._errors = (self._errors + payload)[-2000:]

    def _arrived(self, connection: socket.socket, deadline: float) -> bytes:
        """What the guest sent, at least one byte. Raises WorkerLost."""
        while True:
            with contextlib.suppress(BlockingIOError):  # nothing came within PATIENCE_S
                return self._received(connection, 1 << 16)
            if time.monotonic() > deadline:
                raise WorkerLost(f"no answer in time{self._said()}")

    def _raw(self, size: int, deadline: float) -> bytes:
        """`size` bytes of the attached stdio, which may be encrypted: no poll(2) tells of what is there."""
        data = bytearray()
        while len(data) < size:
            self._stdio.settimeout(max(deadline - time.monotonic(), 0.001))
            data += self._received(self._stdio, min(size - len(data), 1 << 20))
        return bytes(data)

    def _received(self, source: socket.socket, most: int) -> bytes:
        """At least one byte and at most `most`. Raises WorkerLost, BlockingIOError."""
        try:
            chunk = source.recv(most)
        except TimeoutError as error:
            raise WorkerLost(f"no answer in time{self._said()}") from error
        except BlockingIOError:
            raise
        except OSError as error:
            raise WorkerLost(f"the container's stream broke: {error}{self._said()}") from error
        if not chunk:
            raise WorkerLost(f"the container ended{self._said()}")
        return chunk

    def _said(self) -> str:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            with contextlib.suppress(WorkerLost):
                while True:
                    self._frame(time.monotonic() + 0.2)
        text = self._errors.decode("utf-8", "replace").strip()
        return f"; it said: {text}" if text else ""

    def kill(self) -> None:
        """Kill the container; its streams stay open until `close`."""
        with contextlib.suppress(EngineError):
            self._engine.ask("POST", f"/containers/{self._id}/kill")

    def close(self) -> None:
        """Kill the container and wait until the engine has removed it."""
        for each in (self._connection, self._rendezvous, self._attached, self._stdio):
            if each is not None:
                each.close()
        _remove(self._engine, self._id)


def _remove(engine: Engine, container_id: str) -> None:
    """End and remove a container, and wait for that. Where the engine is gone, a later start prunes what stays."""
    with contextlib.suppress(EngineError):
        try:
            engine.ask("DELETE", f"/containers/{container_id}", query=[("force", "1")])
        except EngineError as error:
            if error.status == CONFLICT:  # it is removing it already
                engine.ask("POST", f"/containers/{container_id}/wait", query=[("condition", "removed")])


def be_patient(connection: socket.socket) -> None:
    """Have recv(2) itself wait, up to PATIENCE_S: a poll(2) before each costs 5 % of the host's time."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", PATIENCE_S, 0))


def _ready(source: socket.socket, event: int, deadline: float) -> bool:
    """Whether `event` came in time. poll(2), which takes any number of descriptors."""
    poll = select.poll()
    poll.register(source, event)
    return bool(poll.poll(max(deadline - time.monotonic(), 0.001) * 1000))


def _send(connection: socket.socket, data: bytes, timeout_s: float) -> None:
    """All of `data`. Raises OSError. A timeout of the socket's own would cost two more system calls each time."""
    view, deadline = memoryview(data), time.monotonic() + timeout_s
    while view:
        try:
            view = view[connection.send(view, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            if not _ready(connection, select.POLLOUT, deadline):
                raise TimeoutError("it does not read") from None


class Rendezvous:
    """A socket in a folder that one container sees, for one connection: then it is closed and the folder gone.

    By then no program has run in that container, so none can be the one that connects.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=FOLDERS)  # closed to other users
        self.bind = f"{self._folder.name}:{RENDEZVOUS}:ro"
        Path(self._folder.name, MARKER).touch()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(os.path.join(self._folder.name, SOCKET))
        self._socket.listen(1)

    def wait(self, stdio: socket.socket, timeout_s: float) -> socket.socket | None:
        """The guest's connection; None where it speaks over its stdio instead, or is gone."""
        deadline = time.monotonic() + timeout_s
        poll = select.poll()
        for each in (self._socket, stdio):
            poll.register(each, select.POLLIN)
        try:
            while left := max(deadline - time.monotonic(), 0):
                ready = [fd for fd, _ in poll.poll(left * 1000)]
                if self._socket.fileno() in ready:
                    return self._socket.accept()[0]
                if ready and stdio.recv(1, socket.MSG_PEEK) != bytes([STDERR]):  # its answer, or its end
                    return None
                time.sleep(0.01)  # a warning on its stderr, which is read later
            return None
        finally:
            self.close()

    def close(self) -> None:
        """Safe to call twice."""
        self._socket.close()
        self._folder.cleanup()


def available() -> str | None:
    """None where an engine answers; else what is missing and how to mend it."""
    try:
        connect().ping()
    except (SandboxUnavailable, EngineError) as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """image: the image's name or id; runtime: an OCI runtime that the engine knows (`runsc`), None for its default.

    compiles: whether programs are translated there, which needs a place and memory for it.
    """

    image: str = images.PYTHON_IMAGE
    runtime: str | None = None
    compiles: bool = False


class Starter:
    """Starts containers for programs within `ceiling`. Raises SandboxUnavailable, ImageError."""

    def __init__(self, ceiling: Limits, options: Options | None = None) -> None:
        self._ceiling = ceiling
        self._options = options or Options()
        self._engine = connect()
        images.find(self._engine, self._options.image)
        self._prune()

    def __call__(self) -> DockerStream:
        """A started container. Raises SandboxUnavailable where the engine refuses."""
        rendezvous = self._make_rendezvous()
        container_id = ""
        try:
            container_id = self._engine.ask("POST", "/containers/create", body=self._config(rendezvous))["Id"]
            attached = self._engine.attach(container_id)
            self._engine.ask("POST", f"/containers/{container_id}/start")
        except EngineError as error:
            if rendezvous is not None:
                rendezvous.close()
            if container_id:  # else the engine did not even answer that it made one
                _remove(self._engine, container_id)
            raise SandboxUnavailable(f"the Docker engine cannot start a sandbox: {_explain(str(error))}") from error
        return DockerStream(self._engine, container_id, attached, rendezvous)

    def _make_rendezvous(self) -> Rendezvous | None:
        """A rendezvous beside an engine on this machine; None where the attached stdio is all there can be."""
        try:
            return Rendezvous() if self._engine.local else None
        except OSError:  # a path that is too long for a socket
            return None

    def close(self) -> None:
        """Nothing is held between sandboxes."""

    def _config(self, rendezvous: Rendezvous | None) -> dict[str, Any]:
        # the program's memory, and as much again for the judge, which holds what the program returns
        memory_bytes = 2 * self._ceiling.memory_bytes + self._ceiling.disk_bytes + SUPERVISOR_BYTES
        processes = self._ceiling.processes
        tmpfs = {
            "/tmp": f"size={self._ceiling.disk_bytes},nr_inodes=16k,mode=1777,nosuid,nodev",
            "/dev/shm": f"size={SHM_BYTES},nr_inodes=16k,mode=1777,nosuid,nodev,noexec",
        }
        if self._options.compiles:
            least = languages.COMPILE_LIMITS
            memory_bytes = max(memory_bytes, least.memory_bytes + SUPERVISOR_BYTES) + 2 * least.disk_bytes
            memory_bytes += KEPT_BYTES
            processes = max(processes, least.processes) + KEPT_THREADS
            tmpfs[languages.BUILD] = f"size={least.disk_bytes},nr_inodes=16k,mode=755,nosuid,nodev,exec"
        return {
            "Image": self._options.image,
            "Cmd": ["python3", "-s", "-P", "-c", BOOTSTRAP],
            "OpenStdin": True,
            "StdinOnce": True,  # the engine closes stdin when this process goes away
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "User": "0:0",
            "WorkingDir": "/",
            "Hostname": "sandbox",
            "NetworkDisabled": True,
            "Env": [f"{name}={value}" for name, value in ENVIRONMENT.items()],
            "Labels": {LABEL: str(os.getpid())},  # whose it is
            "HostConfig": {
                "NetworkMode": "none",
                "ReadonlyRootfs": True,
                "CapDrop": ["ALL"],
                "CapAdd": CAPABILITIES,
                "SecurityOpt": ["no-new-privileges", "seccomp=unconfined"],
                "Memory": memory_bytes,
                "MemorySwap": memory_bytes,
                "PidsLimit": processes + 8,
                "NanoCpus": 1_000_000_000,
                "IpcMode": "private",
                "Binds": [] if rendezvous is None else [rendezvous.bind],
                "Tmpfs": tmpfs,
                "Ulimits": [{"Name": "core", "Soft": 1, "Hard": 1}],
                "LogConfig": {"Type": "none", "Config": {}},
                "AutoRemove": True,
                **({"Runtime": self._options.runtime} if self._options.runtime else {}),
            },
        }

    def _prune(self) -> None:
        """Remove what a killed process made and never used: containers not started, folders of rendezvous."""
        for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
            with contextlib.suppress(OSError):
                if (folder / MARKER).is_file() and time.time() - folder.stat().st_mtime > STALE_S:
                    for name in (SOCKET, MARKER):  # what else is there is not ours, and keeps the folder
                        (folder / name).unlink(missing_ok=True)
                    folder.rmdir()
        ours = json.dumps({"label": [LABEL], "status": ["created"]})
        try:
            found = self._engine.ask("GET", "/containers/json", query=[("all", "1"), ("filters", ours)])
        except EngineError as error:
            raise SandboxUnavailable(f"the Docker engine does not list its containers: {error}") from error
        for each in found:
            if time.time() - each["Created"] > STALE_S:
                _remove(self._engine, each["Id"])


def _explain(text: str) -> str:
    if "nknown runtime" in text or "unknown or invalid runtime" in text:
        text += " (install gVisor and register runsc with the engine, or leave --runtime out)"
    return text


def prepare(note: Callable[[str], None], family: str = languages.PYTHON) -> None:
    """Make the family's image where the engine has none. Raises ImageError, SandboxUnavailable."""
    images.prepare(note, family)


def open_pool(
    *, workers: int, ceiling: Limits, isolation: Isolation, runtime: str | None, family: str = languages.PYTHON
) -> Pool:
    """A pool of containers. Raises SandboxUnavailable, ImageError."""
    options = Options(image=images.name_of(family), runtime=runtime, compiles=family != languages.PYTHON)
    return Pool(
        Starter(ceiling, options),
        backend="docker",
        workers=workers,
        ceiling=ceiling,
        uids=UIDS,
        programs_per_worker=1 if isolation is Isolation.CONTAINER else PROGRAMS_PER_WORKER,
        family=family,
    )


def environment_label(family: str = languages.PYTHON) -> str:
    """What programs find inside, such as `py3.11.7+numpy2.4.6`: the image's label, else the start of its id.

    Raises ImageError where the image is missing, SandboxUnavailable.
    """
    return images.environment_label(family)


def image_bytes(family: str = languages.PYTHON) -> int:
    """What the family's image takes on the engine's disk. Raises ImageError, SandboxUnavailable."""
    return images.image_bytes(family)
