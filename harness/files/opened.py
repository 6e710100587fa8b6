"""Opening a file that somebody gives us: plain or packed, never a device, never more than the limits let through.

Theory of operation. Everything is read through `_Stream`, a raw stream that turns each fault (a read error, a damaged
archive, too much unpacked) into the error that the caller names, with the file's name, wherever the fault comes to
light: at opening, in the middle of a line, at the end. A pipe or device could block or never end, and the files of
/proc and /sys say they are plain and are not: both are refused before a byte is read.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness.errors import InputError
from harness.files.limits import HINT, limits, size_label

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PACKED = (".gz", ".zst")
CHUNK = 1 << 20
# What the libraries raise for a file that cannot be read or an archive that is damaged, locked or of another kind.
UNREADABLE = (OSError, EOFError, ValueError, RuntimeError, KeyError, zlib.error, lzma.LZMAError, zstd.ZstdError)


def open_input(path: Path, error: type[InputError] = InputError) -> IO[bytes]:
    """A file's bytes, unpacked where its name ends in .gz or .zst. Raises `error`, at opening and while it is read."""
    plain = _open_plain(path, error)
    if path.suffix not in PACKED:
        return io.BufferedReader(_Stream(plain, path, error, None), CHUNK)
    size = os.fstat(plain.fileno()).st_size
    most = max(limits().unpacked_bytes, size * limits().unpacked_ratio)
    packed: IO[bytes] = gzip.open(plain) if path.suffix == ".gz" else zstd.open(plain)  # type: ignore[assignment]
    return io.BufferedReader(_Stream(packed, path, error, most, beneath=plain), CHUNK)


def open_seekable(path: Path, error: type[InputError] = InputError) -> IO[bytes]:
    """As `open_input`; a packed file is unpacked into a temporary one, for it cannot be read from the middle."""
    if path.suffix not in PACKED:
        return open_input(path, error)
    with contextlib.ExitStack() as on_error:
        unpacked = on_error.enter_context(tempfile.TemporaryFile())
        with open_input(path, error) as packed:
            shutil.copyfileobj(packed, unpacked, CHUNK)
        unpacked.seek(0)
        on_error.pop_all()
        return unpacked


def read_whole(path: Path, most: int | None = None, error: type[InputError] = InputError) -> bytes:
    """All of a file that is one value, at most `most` bytes (the limit of a document). Raises `error`."""
    most = most or limits().document_bytes
    with open_input(path, error) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise error(f"{path} is larger than {size_label(most)}; {HINT}")
    return data


def read_text(path: Path, most: int | None = None, error: type[InputError] = InputError) -> str:
    """As `read_whole`, for UTF-8, with or without its mark. Raises `error` with the line of a byte that is none."""
    data = read_whole(path, most, error)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise error(not_utf8(f"{path}, line {line}", fault)) from fault


def read_lines(path: Path, error: type[InputError] = InputError) -> Iterator[bytes]:
    """The lines of a file, unpacked where it is packed. Raises `error`: unreadable, a line that is too long."""
    with open_input(path, error) as file:
        yield from bounded_lines(file, str(path), error)


def bounded_lines(file: IO[bytes], name: str, error: type[InputError] = InputError) -> Iterator[bytes]:
    """The lines from where the file stands. Raises `error` with the number of a line that is too long."""
    most, number = limits().line_bytes, 0
    while line := file.readline(most + 1):
        number += 1
        if len(line) > most:
            raise error(f"{name}, line {number}: longer than {size_label(most)}; {HINT}")
        yield line


def not_utf8(where: str, fault: UnicodeDecodeError) -> str:
    """What to say of bytes that are no text."""
    byte = fault.object[fault.start]
    return f"{where}: not UTF-8 (byte 0x{byte:02x} at {fault.start}); convert it: iconv -f ENCODING -t UTF-8"


def reason_of(fault: BaseException) -> str:
    """Why a file cannot be read, without its name."""
    return str(fault.strerror if isinstance(fault, OSError) and fault.strerror else fault) or type(fault).__name__


def _open_plain(path: Path, error: type[InputError]) -> IO[bytes]:
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe without a writer would block
    except (OSError, ValueError) as fault:  # ValueError: a name with a NUL or half a surrogate pair
        raise error(f"{path} cannot be read: {reason_of(fault)}") from fault
    kind = _special(number)
    if kind:
        os.close(number)
        raise error(f"{path} cannot be read: it is {kind}, not a file; copy what it holds into a file first")
    return open(number, "rb", buffering=0)


def _special(number: int) -> str:
    """What an open descriptor is, empty for a plain file."""
    found = os.fstat(number)
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    if not stat.S_ISREG(found.st_mode):
        return kinds.get(stat.S_IFMT(found.st_mode), "a device")
    for place in ("/proc", "/sys"):
        with contextlib.suppress(OSError):
            if Path(place).stat().st_dev == found.st_dev and found.st_dev != Path("/").stat().st_dev:
                return f"part of {place}"
    return ""


class _Stream(io.RawIOBase):
    """A stream whose faults are the caller's error. most: bytes that it may give, None for any number."""

    def __init__(
        self, file: IO[bytes], path: Path, error: type[InputError], most: int | None, beneath: IO[bytes] | None = None
    ) -> None:
        self._file, self._path, self._error, self._most, self._beneath = file, path, error, most, beneath
        self._given = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._most is None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return (self._beneath or self._file).fileno()

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        try:
            data = self._file.read(len(view))
        except UNREADABLE as fault:
            raise self._error(f"{self._path} cannot be read: {reason_of(fault)}") from fault
        self._given += len(data)
        if self._most is not None and self._given > self._most:
            raise self._error(f"{self._path} unpacks to more than {size_label(self._most)}; {HINT}")
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
            if self._beneath is not None:
                self._beneath.close()
        super().close()
