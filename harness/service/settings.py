"""What an operator of the service decides, checked once."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import InputError
from sandbox.types import MIB, Isolation, Limits

LOOPBACK_NAMES = ("localhost", "ip6-localhost")
SHORTEST_KEY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The service's settings.

    host, port: where it listens; port 0 takes a free one. workers: sandboxes at once. queue_s: how long a request of
    our own API may wait for a sandbox. memory_mib: of a program that asks for no limit. max_memory_mib: the most that
    one may ask for. max_request_mib: of a body. drain_s: for the requests in hand when the service is told to stop.
    keys: any one of them lets a client in; empty for no key. cache: of downloaded problem sets.
    isolation, runtime: those of the pool.

    Raises InputError where a value cannot be used, or where others could reach a sandbox without a key.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    queue_s: float = 5.0
    memory_mib: int = 1024
    max_memory_mib: int = 4096
    max_request_mib: int = 32
    drain_s: float = 30.0
    keys: frozenset[str] = field(default=frozenset(), repr=False)
    no_key: bool = False
    cache: Path = Path(".cache")
    isolation: Isolation = Isolation.POOL
    runtime: str | None = None

    def __post_init__(self) -> None:
        for name in ("workers", "queue_s", "memory_mib", "max_memory_mib", "max_request_mib", "drain_s"):
            if not getattr(self, name) > 0:
                raise InputError(f"--{name.replace('_', '-')} must be above 0, not {getattr(self, name)}")
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port must be between 0 and 65535, not {self.port}")
        if self.memory_mib > self.max_memory_mib:
            raise InputError(f"--memory-mib {self.memory_mib} is above --max-memory-mib {self.max_memory_mib}")
        if self.keys and self.no_key:
            raise InputError("--key-file or --no-key, not both")
        if not self.keys and not self.no_key and not is_loopback(self.host):
            raise InputError(
                f"--host {self.host}: a sandbox that others can reach needs --key-file FILE, or --no-key where only "
                "those who may use it can reach it"
            )

    def ceiling(self) -> Limits:
        """The largest limits that a program may ask for; what the pool is opened with."""
        return Limits(memory_bytes=self.max_memory_mib * MIB)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK_NAMES


def read_keys(file: Path) -> frozenset[str]:
    """The keys in a file, one a line; empty lines and lines that begin with # are left out. Raises InputError."""
    try:
        lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--key-file {file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    keys = frozenset(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise InputError(f"--key-file {file} holds no key; write one on a line of its own")
    for number, line in enumerate(lines, 1):
        if line in keys and (len(line) < SHORTEST_KEY or not line.isascii() or "/" in line or " " in line):
            raise InputError(
                f"--key-file {file}, line {number}: a key has at least {SHORTEST_KEY} ASCII characters without spaces "
                "and slashes"
            )
    return keys
