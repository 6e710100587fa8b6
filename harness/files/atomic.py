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
    """Replace a file at once: it is the old one or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
    """The name of a temporary file that takes the place of `path` at the end, if all went well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}; choose another place with -o"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
