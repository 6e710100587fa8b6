"""Files that a program left, read for the host after its end and before they are wiped.

A process of its own reads them, with the program's uid: it can open what the program could, and nothing else. By then
no process of the program is alive, so nothing changes under it. No link is followed, at any part of a path; only
regular files are read (no pipe or device can hold it up); what is over the room is left out and named. The supervisor
splices the frame to the host, so that no later program, a fork of it, finds the files in its memory.
"""

from __future__ import annotations

import binascii
import os
import stat
import sys
from typing import Any

from sandbox.guest import wire

MAX_BYTES = 16 * 2**20  # of all files of one program


def send(names: list[str], uid: int | None, workdir: str) -> None:
    """One frame to the host: {"files": name -> base64, "missing": name -> why}; empty where the reader died."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(out)
            if uid is not None:
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            wire.write_all(into, wire.encode(_read_all(names, workdir)))
        finally:
            os._exit(0)
    os.close(into)
    header = wire.read_exactly(out, wire.HEADER_BYTES)
    wire.write_all(wire.HOST_OUT, header or wire.header(0))
    if header and not wire.splice(out, wire.HOST_OUT, wire.length(header)):
        sys.exit("the files of a program were cut short")
    os.close(out)
    os.waitpid(pid, 0)


def _read_all(names: list[str], workdir: str) -> dict[str, Any]:
    files: dict[str, str] = {}
    missing: dict[str, str] = {}
    room = MAX_BYTES
    for name in names:
        try:
            data = _read(name, workdir, room)
        except (OSError, ValueError) as error:
            missing[name] = error.strerror or "unreadable" if isinstance(error, OSError) else str(error)
        else:
            room -= len(data)
            files[name] = binascii.b2a_base64(data, newline=False).decode()
    return {"files": files, "missing": missing}


def _read(name: str, workdir: str, room: int) -> bytes:
    """The content of a regular file. Raises OSError, ValueError."""
    *folders, last = [part for part in name.split("/") if part not in ("", ".")]
    at = os.open(workdir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        file = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("not a regular file")
        if about.st_size > room:
            raise ValueError(f"more than {MAX_BYTES >> 20} MiB with the files before it")
        return wire.read_exactly(file, about.st_size) or b""
    finally:
        os.close(file)
