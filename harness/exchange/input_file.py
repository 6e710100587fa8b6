"""A file or directory that a user names: what its format is told by, its rows, its digest."""

from __future__ import annotations

import array
import contextlib
import gzip
import hashlib
import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from harness.errors import SamplesError
from harness.files.jsonl import parse_object
from harness.files.offsets import filled_lines

Row = dict[str, Any]


class InputFile:
    """`path`, looked at once. Raises SamplesError where it cannot be read.

    row: the first line's object, None where that is none. document: the whole file as one JSON value, None where it
    holds JSON lines or no JSON. fault: why it is no JSON.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        if not path.exists():
            raise SamplesError(f"{path} does not exist")

    @cached_property
    def is_zip(self) -> bool:
        """Whether it is a zip archive."""
        return self.path.is_file() and zipfile.is_zipfile(self.path)

    @cached_property
    def row(self) -> Row | None:
        """The object in the first line that is not blank."""
        first = next(self._first_lines(1), None)
        value = _parsed(first)
        return value if isinstance(value, dict) else None

    @cached_property
    def document(self) -> Any:
        """The file as one JSON value."""
        lines = list(self._first_lines(2))
        if not lines or (len(lines) == 2 and _parsed(lines[0]) is not None):
            return None
        return self._load(self.path)

    def part(self, name: str) -> Any:
        """The JSON value of a file in the directory. Raises SamplesError where it is none."""
        value = self._load(self.path / name)
        if value is None:
            raise SamplesError(f"{self.path / name}: {self.fault}")
        return value

    def files(self, pattern: str) -> list[Path]:
        """The files below the directory that a pattern fits, in the order of their names; none for a file."""
        return sorted(path for path in self.path.glob(pattern) if path.is_file()) if self.path.is_dir() else []

    @cached_property
    def sha256(self) -> str:
        """Of the file, or of a directory's files with their names."""
        digest = hashlib.sha256()
        for path in [self.path] if self.path.is_file() else self.files("**/*"):
            if self.path.is_dir():
                digest.update(f"{path.relative_to(self.path)}\0".encode())
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def by_task(self, key: Callable[[Row], object]) -> Iterator[tuple[str, list[tuple[int, Row]]]]:
        """(task id, its (line number, row)s) of a file of JSON lines, in the order in which tasks first appear.

        Only the places of the rows are held in memory. Raises SamplesError: what, file and line.
        """
        places: dict[str, array.array[int]] = {}
        with contextlib.closing(_seekable(self.path)) as file:
            for number, offset, line in filled_lines(file):
                where = f"{self.path}, line {number}"
                row = parse_object(line, where, SamplesError)
                if key(row) is None:
                    raise SamplesError(f"{where}: the task's id is missing")
                places.setdefault(str(key(row)), array.array("q")).extend((number, offset))
            if not places:
                raise SamplesError(f"{self.path} holds no rows")
            for task, flat in places.items():
                rows = []
                for number, offset in zip(flat[::2], flat[1::2], strict=True):
                    file.seek(offset)
                    rows.append((number, parse_object(file.readline(), f"{self.path}, line {number}", SamplesError)))
                yield task, rows

    def _first_lines(self, most: int) -> Iterator[bytes]:
        if self.path.is_dir() or self.is_zip:
            return
        with contextlib.closing(_seekable(self.path)) as file:
            filled = (line for line in file if line.strip())
            for _, line in zip(range(most), filled, strict=False):
                yield line

    def _load(self, path: Path) -> Any:
        with contextlib.closing(_seekable(path)) as file:
            try:
                return json.load(file)
            except (ValueError, RecursionError) as error:
                self.fault = f"not JSON: {error}"
                return None


def _parsed(line: bytes | None) -> Any:
    try:
        return json.loads(line) if line else None
    except (ValueError, RecursionError):
        return None


def _seekable(path: Path) -> IO[bytes]:
    """The file's plain bytes; one that is packed is unpacked, for it cannot be read from the middle."""
    try:
        if path.suffix != ".gz":
            return open(path, "rb")
        with gzip.open(path, "rb") as packed, contextlib.ExitStack() as on_error:
            unpacked = on_error.enter_context(tempfile.TemporaryFile())
            shutil.copyfileobj(packed, unpacked)
            unpacked.seek(0)
            on_error.pop_all()
            return unpacked
    except (OSError, EOFError, zlib.error) as error:
        raise SamplesError(f"{path} cannot be read: {error}") from error
