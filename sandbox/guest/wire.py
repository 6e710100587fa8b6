"""Frames between the host and the supervisor: a 4-byte big-endian length, then that many bytes of UTF-8 JSON.

Runs on both sides, on the standard library alone. Data only: nothing that is received is ever executed or unpickled.
"""

from __future__ import annotations

import json
import os
import struct

HEADER_BYTES = 4
HOST_IN, HOST_OUT = 0, 1  # the supervisor's descriptors to the host
MAX_FRAME_BYTES = 256 * 1024 * 1024


class FrameError(Exception):
    """The other side sent something that is no frame."""


def encode(message: dict[str, object]) -> bytes:
    """`message` as one frame. Raises FrameError where it is too large."""
    payload = json.dumps(message, separators=(",", ":")).encode()
    if len(payload) > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {len(payload)} bytes is over the limit of {MAX_FRAME_BYTES}")
    return struct.pack(">I", len(payload)) + payload


def length(header: bytes) -> int:
    """The payload length that a header announces. Raises FrameError where it is over the limit."""
    (size,) = struct.unpack(">I", header)
    if size > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {size} bytes is announced; the limit is {MAX_FRAME_BYTES}")
    return int(size)


def decode(payload: bytes) -> dict[str, object]:
    """The message of a payload. Raises FrameError where it is no JSON object."""
    try:
        message = json.loads(payload)
    except ValueError as error:
        raise FrameError(f"not JSON: {error}") from error
    if not isinstance(message, dict):
        raise FrameError("not a JSON object")
    return message


def read_exactly(fd: int, size: int) -> bytes | None:
    """`size` bytes from a blocking descriptor; None at its end."""
    chunks = []
    while size:
        chunk = os.read(fd, min(size, 1 << 20))
        if not chunk:
            return None
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data` to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def receive(fd: int) -> dict[str, object] | None:
    """The next message from a blocking descriptor; None at its end."""
    header = read_exactly(fd, HEADER_BYTES)
    if header is None:
        return None
    payload = read_exactly(fd, length(header))
    return None if payload is None else decode(payload)
