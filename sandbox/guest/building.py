"""What a compiler made: taken out of its directory after its end, and kept for the program, which cannot change it.

Runs in the supervisor, as root where there are uids. The compiler is as hostile as the program that it translates: by
now no process of it is alive, no link is followed, only regular files are taken, and no more than fit. Their bytes move
in the kernel: a process that is forked from this one later does not find them in its memory.
Without uids the program is of one user with the supervisor, and could change its own copy; no other program runs there.
"""

from __future__ import annotations

import os
import stat

ROOT = "/build"  # not noexec, unlike /tmp
BUILD = f"{ROOT}/out"  # of the program that runs now
KEPT = f"{ROOT}/kept"  # of those before it, by the digest of their texts: nobody but root looks in there
KEPT_BYTES = 24 * 2**20
MADE = "out"  # in the compiler's working directory
MAX_BYTES = 64 * 2**20
MAX_FILES = 1000
MAX_DEPTH = 16
Failure = tuple[str, str]


class _TooMuch(Exception):  # noqa: N818 - the state
    """args: what there is too much of."""


class _Room:
    """What may still be kept."""

    def __init__(self) -> None:
        self.bytes, self.files = MAX_BYTES, MAX_FILES

    def take(self, size: int) -> None:
        """Room for one entry of `size` bytes. Raises _TooMuch."""
        self.bytes -= size
        self.files -= 1
        if self.bytes < 0:
            raise _TooMuch(f"its result is more than {MAX_BYTES >> 20} MiB")
        if self.files < 0:
            raise _TooMuch(f"its result is more than {MAX_FILES} files")


def keep(workdir: str) -> Failure | None:
    """Copy what lies in `workdir`/out to /build/out, for everybody to read and run. Where that fails, how."""
    try:
        source = os.open(f"{workdir}/{MADE}", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # a check of a source text leaves nothing
        return None
    try:
        fault = _keep(source)
        if fault and os.path.isdir(KEPT):  # the room may be taken by what is kept
            _remove(KEPT)
            fault = _keep(source)
    finally:
        os.close(source)
    return fault


def _keep(source: int) -> Failure | None:
    """Copy a directory to /build/out, made anew."""
    _remove(BUILD)
    os.mkdir(BUILD, 0o755)
    os.chmod(BUILD, 0o755)
    target = os.open(BUILD, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _copy(source, target, _Room(), MAX_DEPTH)
    except _TooMuch as error:
        return "COMPILE_ERROR", str(error)
    except OSError as error:
        return "COMPILE_ERROR", f"its result cannot be kept: {error.strerror}"
    finally:
        os.close(target)
    return None


def restore(digest: str) -> bool:
    """Have what was compiled of this text before at its place again; whether it was still there."""
    try:
        os.rename(f"{KEPT}/{digest}", BUILD)  # noqa: PTH104 - pathlib is not loaded in the guest
    except OSError:
        return False
    os.chmod(BUILD, 0o755)
    return True


def put_away(digest: str | None) -> None:
    """After a program: keep what was compiled under its digest, or remove it. The oldest go until all fit.

    Nothing there is a program's to change, so no program can prepare it for the next.
    """
    if digest is None or not os.path.isdir(BUILD):
        _remove(BUILD)
        return
    os.makedirs(KEPT, 0o700, exist_ok=True)
    os.chmod(BUILD, 0o700)
    os.utime(BUILD)
    os.rename(BUILD, f"{KEPT}/{digest}")  # noqa: PTH104 - as above
    with os.scandir(KEPT) as entries:
        ages = [each.name for each in sorted(entries, key=lambda each: each.stat().st_mtime_ns)]
    sizes = {name: _size(f"{KEPT}/{name}") for name in ages}
    while sum(sizes.values()) > KEPT_BYTES:
        oldest = ages.pop(0)
        del sizes[oldest]
        _remove(f"{KEPT}/{oldest}")


def _size(root: str) -> int:
    return sum(os.lstat(f"{folder}/{name}").st_size for folder, _, files in os.walk(root) for name in files)


def _remove(root: str) -> None:
    """All of a directory that is root's alone, if it is there."""
    for folder, names, files in os.walk(root, topdown=False):
        for name in files:
            os.unlink(f"{folder}/{name}")
        for name in names:
            os.rmdir(f"{folder}/{name}")
    if os.path.isdir(root):
        os.rmdir(root)


def _copy(source: int, target: int, room: _Room, depth: int) -> None:
    """All of one directory. Raises OSError, _TooMuch."""
    if not depth:
        raise _TooMuch(f"its result is more than {MAX_DEPTH} directories deep")
    for name in os.listdir(source):
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=source)
        try:
            about = os.fstat(fd)
            if stat.S_ISDIR(about.st_mode):
                room.take(0)
                os.mkdir(name, 0o755, dir_fd=target)
                os.chmod(name, 0o755, dir_fd=target)
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=target)
                try:
                    _copy(fd, inner, room, depth - 1)
                finally:
                    os.close(inner)
            elif stat.S_ISREG(about.st_mode):
                room.take(about.st_size)
                _copy_file(fd, target, name, about)
        finally:
            os.close(fd)


def _copy_file(source: int, folder: int, name: str, about: os.stat_result) -> None:
    into = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        left = about.st_size
        while left:
            sent = os.sendfile(into, source, None, left)
            if not sent:
                raise OSError(5, "a file was cut short")
            left -= sent
        os.fchmod(into, 0o555 if about.st_mode & 0o100 else 0o444)
    finally:
        os.close(into)
