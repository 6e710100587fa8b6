"""Hosts that are running services (`harness serve sandbox`), over HTTP.

A batch is a POST to `/v1/programs`; its answers come as lines while the request is open, with an empty line every few
seconds as a sign of life. So a server that fell silent is told from one that works, and hanging up ends what it does.
A server must be of this version and have this guest, and all of them one image: else equal programs could end
differently, and the run's signature would not be true.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sandbox
from harness import __version__
from harness.errors import InputError
from harness.pipeline.execute import Identity
from harness.scale.dispatch import Dispatcher
from harness.scale.hosts import SILENT_S, HostAway, HostLost, HostUnfit
from sandbox import Limits
from sandbox.parcels import Answer, read_answer
from sandbox.types import MIB

HANDING_OVER = 4  # threads
FIRST_ANSWER_S = 10.0
TRIES = 10  # of a request that a busy server refuses, a second apart
LONGEST_LINE = 256 * MIB
OPTION = "--sandbox-url"


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What a server says of itself."""

    version: str
    backend: str
    environments: Mapping[str, str]
    guest_digest: str
    isolation: str
    runtime: str | None
    workers: int
    max_memory_mib: int

    def image(self, language: str) -> str:
        """What programs find, in words. Raises HostUnfit where it has no such language."""
        if language not in self.environments:
            known = ", ".join(self.environments)
            raise HostUnfit(f"it runs {known}, not {language}; start it with --languages {language}")
        runtime = f", runtime {self.runtime}" if self.runtime else ""
        return f"{self.backend} with {self.environments[language]}, isolation {self.isolation}{runtime}"


class Servers:
    """The services at some addresses, as the sandboxes of a run. key: one that lets in to all of them, or none."""

    def __init__(self, urls: Sequence[str], key: str = "") -> None:
        self._addresses = {_plain(url): _Address(url, key) for url in urls}
        self._about: dict[str, _About] = {}
        self._needed = Limits()
        self._language = "python"
        self._note: Callable[[str], None] = lambda _: None

    def identity(self, note: Callable[[str], None], language: str = "python") -> Identity:
        """What programs run in there. Raises InputError where a server cannot be used, or one is not as the others."""
        self._note, self._language = note, language
        images = {}
        for name, address in self._addresses.items():
            try:
                self._about[name] = _look(address)
                images[name] = self._about[name].image(language)
            except (HostAway, HostUnfit) as error:
                raise InputError(f"{OPTION} {name}: {error}") from error
        first_name, first = next(iter(self._about.items()))
        for name, image in images.items():
            if image != images[first_name]:
                raise InputError(
                    f"{OPTION}: {name} runs programs in {image}, {first_name} in {images[first_name]}; one run needs "
                    "servers that are alike"
                )
        return {
            "backend": first.backend,
            "contents": first.environments[language],
            "guest": first.guest_digest,
            "runtime": first.runtime,
            "isolation": first.isolation,
            **({} if language == "python" else {"language": language}),
        }

    def workers(self) -> int:
        """A few threads hand programs over."""
        return HANDING_OVER

    def open(self, limits: Iterable[Limits], most: int) -> Dispatcher:  # noqa: ARG002 - hosts have their own count
        """All servers behind one queue. Raises InputError for limits above a server's."""
        self._needed = sandbox.ceiling(list(limits))
        for name, about in self._about.items():
            try:
                _check_limits(about, self._needed)
            except HostUnfit as error:
                raise InputError(f"{OPTION} {name}: {error}") from error
        return Dispatcher(self, self._needed, self._note)

    def present(self) -> Sequence[str]:
        """All of them: whether one is there is seen by opening it."""
        return list(self._addresses)

    def open_link(self, name: str) -> ServerLink:
        """The link to a server that is as it was at the beginning. Raises HostUnfit, HostAway."""
        about = _look(self._addresses[name])
        _check_limits(about, self._needed)
        image, begun = (each.image(self._language) for each in (about, self._about[name]))
        if image != begun:
            raise HostUnfit(f"it runs programs in {image} now, and was begun with {begun}")
        return ServerLink(name, self._addresses[name], about.workers)


class _Address:
    """Where a server is, and how it is asked. Raises InputError for what is not an address."""

    def __init__(self, url: str, key: str) -> None:
        self.headers = {"authorization": f"Bearer {key}"} if key else {}
        try:
            parts = urllib.parse.urlsplit(url.strip())
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InputError(f"{OPTION} {url!r} is not an address: {error}") from error
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise InputError(f"{OPTION} takes addresses such as http://127.0.0.1:8080, not {url!r}")
        self._host, self._port = host, port
        self._secure = parts.scheme == "https"
        self.path = parts.path.rstrip("/")

    def connect(self, timeout_s: float) -> http.client.HTTPConnection:
        """A connection that is made when it is used."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=timeout_s)


class ServerLink:
    """One server. A connection is one thread's while a batch is under way on it, and waits for the next one after."""

    def __init__(self, name: str, address: _Address, workers: int) -> None:
        self.name, self.workers = name, workers
        self._address = address
        self._lock = threading.Lock()  # protects all below
        self._idle: list[http.client.HTTPConnection] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self._closed = False

    def execute(self, batch: bytes, items: int) -> Iterator[Sequence[Answer]]:  # noqa: ARG002 - the answer has an end
        """See `harness.scale.hosts.Link`."""
        connection = self._take()
        try:
            answer = self._begin(connection, batch)
            while line := answer.readline(LONGEST_LINE):
                yield [read_answer(line)] if line.strip() else []
        except (OSError, http.client.HTTPException) as error:
            raise HostLost(_silent(error)) from error
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Hang up. A connection that a thread reads is shut down under it, and closed by that thread."""
        with self._lock:
            self._closed = True
            for connection in self._idle:
                connection.close()
            for connection in self._busy:
                if connection.sock is not None:
                    with contextlib.suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)

    def _take(self) -> http.client.HTTPConnection:
        with self._lock:
            if self._closed:
                raise HostAway("it was given up")
            connection = self._idle.pop() if self._idle else self._address.connect(SILENT_S)
            self._busy.add(connection)
            return connection

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._busy.discard(connection)
            if not self._closed and connection.sock is not None:
                self._idle.append(connection)
                return
        connection.close()

    def _begin(self, connection: http.client.HTTPConnection, batch: bytes) -> http.client.HTTPResponse:
        """The answer of a request that was taken. Raises HostAway, HostLost."""
        for _ in range(TRIES):
            answer = self._post(connection, batch)
            if answer.status == 200:
                return answer
            text = answer.read(2000)
            if answer.status != 429:
                raise HostAway(f"it answered HTTP {answer.status}: {_detail(text)}")
            time.sleep(1.0)
        raise HostAway(f"it refused a batch {TRIES} times: {_detail(text)}")

    def _post(self, connection: http.client.HTTPConnection, batch: bytes) -> http.client.HTTPResponse:
        headers = {"content-type": "application/json", **self._address.headers}
        path = f"{self._address.path}/v1/programs"
        if connection.sock is not None:
            try:
                connection.request("POST", path, batch, headers)
                return connection.getresponse()
            except (ConnectionError, http.client.HTTPException):  # closed while it was idle: nobody has the request
                connection.close()
        try:
            connection.connect()
        except OSError as error:
            raise HostAway(f"nothing answers ({_reason(error)})") from error
        connection.request("POST", path, batch, headers)
        return connection.getresponse()


def _look(address: _Address) -> _About:
    """What a server is. Raises HostAway where none answers, HostUnfit where it is of another kind or version."""
    start = "start one there: harness serve sandbox"
    connection = address.connect(FIRST_ANSWER_S)
    try:
        connection.request("GET", f"{address.path}/v1/info", headers=address.headers)
        answer = connection.getresponse()
        status, text = answer.status, answer.read(100_000)
    except (OSError, http.client.HTTPException) as error:
        raise HostAway(f"no service answers ({_reason(error)}); {start}, or leave it out") from error
    finally:
        connection.close()
    if status == 401:
        raise HostUnfit("it needs a key: give one of its --key-file in $HARNESS_SANDBOX_KEY")
    if status == 503:
        raise HostAway(f"it is stopping: {_detail(text)}")
    try:
        record = json.loads(text) if status == 200 else None
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("version"), str) or "guest_digest" not in record:
        raise HostUnfit(f"what answers there (HTTP {status}) is not a service of `harness serve sandbox`; {start}")
    return _checked(record)


def _checked(record: Mapping[str, Any]) -> _About:
    """Raises HostUnfit for another version or another guest than ours."""
    if record["version"] != __version__:
        raise HostUnfit(f"it is of harness {record['version']}, and this is {__version__}; one run needs one version")
    try:
        about = _About(**{name: record[name] for name in _About.__slots__})
    except KeyError as error:
        raise HostUnfit(f"it does not say its {error.args[0]}: start it anew, with this version") from error
    if about.guest_digest != sandbox.guest_digest():
        raise HostUnfit(
            f"what it runs beside the programs (guest {about.guest_digest}) is not what this version has (guest "
            f"{sandbox.guest_digest()}); start it anew, from the same source"
        )
    return about


def _check_limits(about: _About, needed: Limits) -> None:
    """Raises HostUnfit where a server does not allow what the programs need."""
    memory_mib = -(-needed.memory_bytes // MIB)
    if memory_mib > about.max_memory_mib:
        raise HostUnfit(
            f"its programs may have {about.max_memory_mib} MiB of memory, and this run needs {memory_mib}; start it "
            f"with --max-memory-mib {memory_mib}"
        )
    allowed = Limits(memory_bytes=needed.memory_bytes)
    if not needed.within(allowed):
        raise HostUnfit(f"its programs may have {allowed}, and this run needs {needed}: run it on this machine")


def _plain(url: str) -> str:
    """An address without what lets in: a key may stand in its path."""
    address = url.strip().rstrip("/")
    head, key, rest = address.partition("/k/")
    return head + (f"/k/...{rest[rest.find('/') :] if '/' in rest else ''}" if key else "")


def _silent(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no sign of life for {SILENT_S:.0f} s"
    return f"the connection broke ({_reason(error)})"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or type(error).__name__


def _detail(text: bytes) -> str:
    try:
        return str(json.loads(text)["detail"])[:300]
    except (ValueError, KeyError, TypeError):
        return text[:300].decode("utf-8", "replace")
