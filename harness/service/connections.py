"""The connections of a service that stops: none is taken and then cut off.

Theory of operation. The kernel finishes handshakes by itself, so whoever connected before the socket closes believes
that they are served; closing it resets them. So first no handshake begins any more (`refuse_handshakes`), while those
that are under way are taken and answered. Whoever comes later is told "connection refused" once the socket is closed.
A connection that was kept open is closed only while its client has sent nothing (`Connection.close_if_idle`): what is
between two calls of ours is microseconds, and HTTP leaves no client surer than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import select
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Protocol
else:
    Protocol = AutoHTTPProtocol

FIRST_WORDS_S = 5.0  # between a client's connecting and its request, on a busy machine
SO_ATTACH_FILTER = 26  # asm-generic/socket.h; the socket module does not name it
# A classic BPF program over a segment: dropped where its SYN flag is set, else taken whole. linux/filter.h:
# ldb [13]; jset #2, drop, take; drop: ret #0; take: ret #-1
DROP_SYN = ((0x30, 0, 0, 13), (0x45, 0, 1, 2), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


class _Joined:
    """A transport for one answer: its head goes out with what follows in the same pass of the loop.

    That is one system call instead of two, and its client is woken once.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """As a transport's."""
        if self._head is None:
            self._head = data
            self._loop.call_soon(self.flush)
        else:
            self.flush(data)

    def flush(self, data: bytes = b"") -> None:
        """Send what waits, and `data`."""
        if self._head or data:
            self._transport.write((self._head or b"") + data)
            self._head = b""

    def close(self) -> None:
        """As a transport's."""
        self.flush()
        self._transport.close()


class Connection(Protocol):
    """A client's connection that knows whether its client is in the midst of a request."""

    asking = False
    _made = 0.0  # when, until its client has sent something

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        self._made = self.loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, or of the rest of one."""
        self.asking = True
        self._made = 0.0
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """A request has begun: it has a cycle, whose task does not run before the loop's next pass."""
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.transport = _Joined(self.transport, self.loop)  # type: ignore[assignment]  # what a cycle uses

    def on_response_complete(self) -> None:
        """The next request may begin; where it lies behind this one already, the protocol goes on to it."""
        self.asking = False
        super().on_response_complete()

    def close_if_idle(self) -> None:
        """Close it where its client waits for nothing and has sent nothing."""
        busy = self.cycle is not None and not self.cycle.response_complete
        just_made = bool(self._made) and self.loop.time() < self._made + FIRST_WORDS_S
        if self.asking or busy or just_made or self.transport.is_closing() or self.transport.get_write_buffer_size():
            return
        if self.cycle is not None:
            self.cycle.transport.flush()  # type: ignore[attr-defined]  # it is a _Joined
        sock: Any = self.transport.get_extra_info("socket")
        if not _readable(sock):
            with contextlib.suppress(OSError):  # the client was quicker
                sock.shutdown(socket.SHUT_WR)
            self.transport.close()


def refuse_handshakes(listening: socket.socket) -> None:
    """Begin no further connection on a socket that listens; those that are beginning can still be taken.

    Nothing changes where the system has no such filter: then who connects at the last moment may be cut off.
    """
    if not sys.platform.startswith("linux"):
        return
    program = b"".join(struct.pack("HBBI", *each) for each in DROP_SYN)
    held = ctypes.create_string_buffer(program, len(program))
    with contextlib.suppress(OSError):
        listening.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(DROP_SYN), ctypes.addressof(held))
        )


def somebody_waits(listening: socket.socket) -> bool:
    """Whether a connection is there that has not been taken."""
    return _readable(listening)


def _readable(sock: Any) -> bool:
    poll = select.poll()  # select() knows no descriptor above 1023
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))
