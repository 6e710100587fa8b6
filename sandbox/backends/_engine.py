"""The Docker engine's HTTP interface: questions and answers in JSON, and the stream of a container.

An engine at a socket of this machine is asked without docker's own client, which takes 0.15 s of CPU time to import:
HTTP/1.0 over a connection for each question, at whose end the answer ends. One elsewhere (DOCKER_HOST, by TLS or ssh)
is asked through that client.
"""

from __future__ import annotations

import functools
import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from sandbox.errors import SandboxUnavailable

SOCKET = "/var/run/docker.sock"
TIMEOUT_S = 60.0
INSTALL = "install one (Debian: apt-get install docker.io) and start it (dockerd, or systemctl start docker)"
Query = Sequence[tuple[str, str]]
ATTACH = (("stdin", "1"), ("stdout", "1"), ("stderr", "1"), ("stream", "1"))


class EngineError(Exception):
    """The engine refused, with an HTTP status, or did not answer: then the status is 0."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Engine(Protocol):
    """local: whether it is on this machine, and sees its files."""

    local: bool

    def ping(self) -> None:
        """Raises EngineError where it does not answer."""

    def ask(self, method: str, path: str, *, query: Query = (), body: object = None, file: Path | None = None) -> Any:
        """The answer to a question, of JSON; None for one without. `body` is sent as JSON, `file` as it is.

        Raises EngineError.
        """

    def attach(self, container_id: str) -> Any:
        """A container's stdio: a socket, or what has one as `_sock`. Raises EngineError."""


@functools.cache
def connect() -> Engine:
    """The engine of this machine, or that of DOCKER_HOST. Raises SandboxUnavailable; a failure is not remembered."""
    host = os.environ.get("DOCKER_HOST") or f"unix://{SOCKET}"
    try:
        return _Local(host.removeprefix("unix://")) if host.startswith("unix://") else _Elsewhere()
    except EngineError as error:
        raise SandboxUnavailable(f"no Docker engine answers ({_short(str(error))}); {INSTALL}") from error


os.register_at_fork(after_in_child=connect.cache_clear)  # two processes cannot share a client's connections


class _Local:
    """An engine at a socket."""

    local = True

    def __init__(self, path: str) -> None:
        self._path, self._version = path, ""
        self.ping()

    def ping(self) -> None:
        """See `Engine`. It says the newest version of its interface, which is spoken from then on."""
        version = self._answer("GET", "/_ping").headers.get("api-version")
        self._version = f"/v{version}" if version else ""

    def ask(self, method: str, path: str, *, query: Query = (), body: object = None, file: Path | None = None) -> Any:
        """See `Engine`."""
        data = b"" if body is None else json.dumps(body).encode()
        return _parsed(self._answer(method, _path(path, query), data, file).body)

    def attach(self, container_id: str) -> socket.socket:
        """See `Engine`."""
        connection = self._connect()
        try:
            path = _path(f"/containers/{container_id}/attach", ATTACH)
            self._send(connection, "POST", path, b"", None, "Connection: Upgrade\r\nUpgrade: tcp\r\n")
            head = bytearray()
            while not head.endswith(b"\r\n\r\n"):  # a byte at a time: what follows is the container's
                head += _received(connection, 1)
            if (answer := _Answer(bytes(head))).status not in (101, 200):
                raise EngineError(f"it does not attach to a container ({answer.status})", answer.status)
        except OSError as error:
            connection.close()
            raise EngineError(str(error)) from error
        except EngineError:
            connection.close()
            raise
        return connection

    def _answer(self, method: str, path: str, data: bytes = b"", file: Path | None = None) -> _Answer:
        """Raises EngineError, also for an answer that is a refusal."""
        try:
            with self._connect() as connection:
                self._send(connection, method, path, data, file)
                found = bytearray()
                while chunk := connection.recv(1 << 16):
                    found += chunk
        except OSError as error:
            raise EngineError(str(error)) from error
        answer = _Answer(bytes(found))
        if answer.status >= 400:
            raise EngineError(_message(answer.body), answer.status)
        return answer

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT_S)
        try:
            connection.connect(self._path)
        except OSError:
            connection.close()
            raise
        return connection

    def _send(
        self, connection: socket.socket, method: str, path: str, data: bytes, file: Path | None, more: str = ""
    ) -> None:
        size, kind = (len(data), "json") if file is None else (file.stat().st_size, "x-tar")
        head = (
            f"{method} {self._version}{path} HTTP/1.{1 if more else 0}\r\nHost: docker\r\n"
            f"Content-Type: application/{kind}\r\nContent-Length: {size}\r\n{more}\r\n"
        )
        connection.sendall(head.encode() + data)
        if file is not None:
            with file.open("rb") as opened:
                connection.sendfile(opened)


class _Answer:
    """Of HTTP/1: status, headers by their names in small letters, body. Raises EngineError for what is none."""

    def __init__(self, found: bytes) -> None:
        head, end, self.body = found.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not end or not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise EngineError(f"what listens at its socket does not answer as an engine does: {first[:80]!r}")
        self.status = int(rest[:3])
        pairs = (line.partition(":") for line in lines)
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}


class _Elsewhere:
    """An engine that is reached as DOCKER_HOST says, through docker's own client."""

    local = False

    def __init__(self) -> None:
        import docker.errors

        import docker  # measured: 0.15 s of CPU time, with requests, urllib3 and ssl

        try:
            self._client = docker.from_env(timeout=TIMEOUT_S, max_pool_size=64)
            self._client.ping()
        except (OSError, docker.errors.DockerException) as error:  # those of requests are OSErrors
            raise EngineError(str(error)) from error

    def ask(self, method: str, path: str, *, query: Query = (), body: object = None, file: Path | None = None) -> Any:
        """See `Engine`."""
        api = self._client.api
        url = f"{api.base_url}/v{api.api_version}{_path(path, query)}"
        try:
            if file is None:
                answer = api.request(method, url, json=body, timeout=TIMEOUT_S)
            else:
                with file.open("rb") as opened:
                    answer = api.request(
                        method, url, data=opened, headers={"Content-Type": "application/x-tar"}, timeout=TIMEOUT_S
                    )
        except OSError as error:
            raise EngineError(str(error)) from error
        if answer.status_code >= 400:
            raise EngineError(_message(answer.content), answer.status_code)
        return _parsed(answer.content)

    def ping(self) -> None:
        """See `Engine`."""
        self._asked(self._client.ping)

    def attach(self, container_id: str) -> Any:
        """See `Engine`."""
        return self._asked(self._client.api.attach_socket, container_id, dict(ATTACH))

    def _asked(self, question: Callable[..., Any], *about: object) -> Any:
        import docker.errors

        try:
            return question(*about)
        except (OSError, docker.errors.DockerException) as error:  # those of requests are OSErrors
            raise EngineError(str(error)) from error


def _path(path: str, query: Query) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _received(connection: socket.socket, size: int) -> bytes:
    chunk = connection.recv(size)
    if not chunk:
        raise EngineError("it closed the connection")
    return chunk


def _parsed(body: bytes) -> Any:
    """The last of an answer's lines of JSON: an image that is taken in is told of in several."""
    lines = body.strip().splitlines()
    try:
        return json.loads(lines[-1]) if lines else None
    except ValueError as error:
        raise EngineError(f"an answer that is not JSON: {lines[-1][:80]!r}") from error


def _message(body: bytes) -> str:
    """Why it refuses."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body[:500].decode("utf-8", "replace").strip() or "no reason given"


def _short(text: str) -> str:
    if "Connection refused" in text or "No such file or directory" in text or "FileNotFoundError" in text:
        return "nothing listens at its socket"
    if "Permission denied" in text or "PermissionError" in text:
        return "permission denied at its socket: join the docker group"
    return text.splitlines()[0][:200] if text else "no answer"
