"""A file or directory that a user names: what its format is told by, its rows, its digest."""

from __future__ import annotations

import array
import contextlib
import hashlib
import zipfile
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import SamplesError
from harness.files.jsonl import parse_json, parse_object, read_document, whole
from harness.files.offsets import filled_lines
from harness.files.opened import bounded_lines, open_input, open_seekable

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
        if not path.is_dir():
            open_input(path, SamplesError).close()  # no pipe, no device

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
            with open_input(path, SamplesError) as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def by_task(self, key: Callable[[Row], object]) -> Iterator[tuple[str, list[tuple[int, Row]]]]:
        """(task id, its (line number, row)s) of a file of JSON lines, in the order in which tasks first appear.

        Only the places of the rows are held in memory. Raises SamplesError: what, file and line.
        """
        places: dict[str, array.array[int]] = {}
        with contextlib.closing(open_seekable(self.path, SamplesError)) as file:
            for number, offset, line in filled_lines(file, str(self.path), SamplesError):
                where = f"{self.path}, line {number}"
                row = whole(parse_object(line, where, SamplesError), line)
                if key(row) is None:
                    raise SamplesError(f"{where}: the task's id is missing")
                places.setdefault(str(key(row)), array.array("q")).extend((number, offset))
            if not places:
                raise SamplesError(f"{self.path} holds no rows")
            for task, flat in places.items():
                rows = []
                for number, offset in zip(flat[::2], flat[1::2], strict=True):
                    file.seek(offset)
                    line = file.readline()
                    row = parse_object(line, f"{self.path}, line {number}", SamplesError)
                    rows.append((number, whole(row, line)))
                yield task, rows

    def _first_lines(self, most: int) -> Iterator[bytes]:
        if self.path.is_dir() or self.is_zip:
            return
        with open_input(self.path, SamplesError) as file:
            filled = (line for line in bounded_lines(file, str(self.path), SamplesError) if line.strip())
            for _, line in zip(range(most), filled, strict=False):
                yield line

    def _load(self, path: Path) -> Any:
        try:
            return read_document(path, NotJSONError)
        except NotJSONError as error:
            self.fault = str(error).removeprefix(f"{path}: ")
            return None


class NotJSONError(SamplesError):
    """A file holds no JSON value."""


def _parsed(line: bytes | None) -> Any:
    try:
        return whole(parse_json(line, "", NotJSONError), line) if line else None
    except NotJSONError:
        return None
