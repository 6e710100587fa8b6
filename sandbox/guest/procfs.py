"""Files of the kernel that are read for every program: opened once, in the supervisor, and read anew each time.

Of a process that comes and goes (`of_process`) the file is opened each time: three system calls,
where `open` makes seven.
"""

from __future__ import annotations

import functools
import os

BYTES = 4096
PROCESSORS = os.sched_getaffinity(0)  # that the sandbox has


@functools.cache
def _opened(paths: tuple[str, ...]) -> int | None:
    """A descriptor of the first that is there; None where none is."""
    for path in paths:
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
    return None


def read(paths: tuple[str, ...]) -> bytes:
    """What the first of the files that is there says now; nothing where none is."""
    fd = _opened(paths)
    if fd is None:
        return b""
    try:
        return os.pread(fd, BYTES, 0)
    except OSError:
        return b""


def threads(pid: str) -> list[str]:
    """The numbers of a process's threads; none where it is gone."""
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def of_process(pid: str, name: str) -> bytes:
    """What /proc/PID/NAME says; nothing where the process is gone."""
    try:
        fd = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, BYTES)
    except OSError:
        return b""
    finally:
        os.close(fd)
