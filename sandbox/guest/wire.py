"""Frames: a 4-byte big-endian length, then that many bytes. On the outer stream the bytes are UTF-8 JSON objects.

Runs on the host, in the supervisor, the judge and the programs, on the standard library alone. Data only: nothing that
is received is ever executed or unpickled.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

HEADER_BYTES = 4
HOST_IN, HOST_OUT = 0, 1  # the supervisor's descriptors to the host
MAX_FRAME_BYTES = 256 * 1024 * 1024
# Where the machine gives a program too little for this many times its wall limit, the guest says so: that is our loss.
LOAD_FACTOR = 10.0


class FrameError(Exception):
    """The other side sent something that is no frame."""


def frame(payload: bytes) -> bytes:
    """`payload` as one frame. Raises FrameError where it is too large."""
    if len(payload) > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {len(payload)} bytes is over the limit of {MAX_FRAME_BYTES}")
    return header(len(payload)) + payload


def header(size: int) -> bytes:
    """What precedes a payload of `size` bytes."""
    return struct.pack(">I", size)


def encode(message: dict[str, Any]) -> bytes:
    """`message` as one frame. Raises FrameError where it is too large."""
    return frame(json.dumps(message, separators=(",", ":")).encode())


def length(header: bytes | bytearray, limit: int = MAX_FRAME_BYTES) -> int:
    """The payload length that a header announces. Raises FrameError where it is over the limit."""
    (size,) = struct.unpack(">I", header)
    if size > limit:
        raise FrameError(f"a frame of {size} bytes is announced; the limit is {limit}")
    return int(size)


def decode(payload: bytes) -> dict[str, Any]:
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
    data = os.read(fd, min(size, 1 << 20)) if size else b""
    if len(data) == size:
        return data
    chunks = [data]
    size -= len(data)
    while size and chunks[-1]:
        chunks.append(os.read(fd, min(size, 1 << 20)))
        size -= len(chunks[-1])
    return None if size else b"".join(chunks)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data` to a blocking descriptor."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def splice(source: int, target: int, size: int) -> bool:
    """Move `size` bytes from one pipe to another in the kernel; False where the source ended before.

    The caller's memory never holds them: a process forked from it later cannot find them there.
    """
    while size:
        moved = os.splice(source, target, size)
        if not moved:
            return False
        size -= moved
    return True


def splice_frame(source: int, target: int) -> bool:
    """Move what a frame of `source` holds to `target`, without its header; False where the source ended before."""
    head = read_exactly(source, HEADER_BYTES)
    return head is not None and splice(source, target, length(head))


def receive_payload(fd: int) -> bytes | None:
    """The next frame's payload from a blocking descriptor; None at its end."""
    header = read_exactly(fd, HEADER_BYTES)
    return None if header is None else read_exactly(fd, length(header))


def receive(fd: int) -> dict[str, Any] | None:
    """The next message from a blocking descriptor; None at its end."""
    payload = receive_payload(fd)
    return None if payload is None else decode(payload)
