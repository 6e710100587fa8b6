"""Files that are replaced at once: a reader sees the old one or the new one, whatever kills the writer."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from harness.errors import InputError


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file, and return when it is on the disk."""
    with replaced(path) as temporary, open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """The name of a temporary file in the same folder that takes the place of `path` at the end, if all went well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """Write a text file, packed if its name ends in .gz, that is there whole or not at all."""
    with replacing_path(path) as temporary:
        packed = path.suffix == ".gz"
        with (
            gzip.open(temporary, "wb") if packed else open(temporary, "wb") as raw,
            io.TextIOWrapper(raw, "utf-8") as file,
        ):
            yield file


@contextlib.contextmanager
def replacing_path(path: Path) -> Iterator[Path]:
    """As `replaced`, for a place that the user named; its folders are made. Raises InputError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as temporary:
            yield temporary
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}; choose another place with -o"
        ) from error
