"""Files of rows: .jsonl or .ndjson, .csv, .tsv, .json (a list of objects), each also packed as .gz or .zst; .parquet.

Each row is named by its file and line.

Rows are read one at a time; what is held in memory is the place of each (8 bytes, 16 where a line is not its number).
A .jsonl file is read where it is, anything else is first written as JSON lines into a temporary file, for a packed or
quoted row cannot be read from the middle.
"""

from __future__ import annotations

import array
import codecs
import contextlib
import csv
import hashlib
import io
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from harness.errors import InputError
from harness.files.jsonl import parse_object, whole
from harness.files.limits import HINT, limits, size_label
from harness.files.offsets import filled_lines
from harness.files.opened import CHUNK, PACKED, not_utf8, open_input, open_seekable, reason_of

LINES, LISTS, TABLES = (".jsonl", ".ndjson"), (".json",), (".csv", ".tsv")
SUFFIXES = (
    *(f"{kind}{packing}" for kind in (*LINES, *LISTS, *TABLES) for packing in ("", *PACKED)),
    ".parquet",
)
INDEX = "index"  # the name of a table's first column where that has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row. index: from 0. where: `file, line 3`. raw: its bytes in the file, without the end of the line."""

    index: int
    where: str
    fields: dict[str, Any]
    raw: bytes


class RowFile:
    """An indexed file. Raises InputError: unreadable, empty, not UTF-8, not objects (each with its line).

    sha256: of the file as it is. The temporary file, where there is one, ends with this object.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path = path
        self.name = name or str(path)
        self._unit = "item" if _kind(path) in LISTS else "row" if path.suffix == ".parquet" else "line"
        if not str(path).endswith(SUFFIXES):
            raise InputError(f"{self.name} has none of the endings {', '.join(SUFFIXES)}")
        with contextlib.ExitStack() as opened:
            try:
                lines = _kind(path) in LINES
                self._file: IO[bytes] = opened.enter_context(open_seekable(path) if lines else tempfile.TemporaryFile())
                self._numbers: Sequence[int] = () if lines else _convert(path, self.name, self._file)
                self.sha256 = _digest(path)
                self._offsets = self._index()
            except OSError as error:
                raise InputError(f"{self.name} cannot be read: {reason_of(error)}") from error
            if not self._offsets:
                raise InputError(f"{self.name} holds no rows")
            self._closing = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._offsets)

    def where(self, index: int) -> str:
        """How a row is named in a message: `train.jsonl, line 3`."""
        return f"{self.name}, {self._unit} {self._numbers[index]}"

    def row(self, index: int) -> Row:
        """The row of an index."""
        self._file.seek(self._offsets[index])
        raw = self._file.readline().rstrip(b"\r\n")
        return Row(
            index=index, where=self.where(index), fields=whole(parse_object(raw, self.where(index)), raw), raw=raw
        )

    def rows(self, indexes: Iterable[int] | None = None) -> Iterator[Row]:
        """Rows in the given order; in the file's where none is given."""
        return (self.row(index) for index in (range(len(self)) if indexes is None else indexes))

    def line(self, index: int) -> bytes:
        """A row's bytes as they were, with the end of its line; one that has none gets one."""
        self._file.seek(self._offsets[index])
        line = self._file.readline()
        return line if line.endswith(b"\n") else line + b"\n"

    def close(self) -> None:
        """Close the file."""
        self._closing.close()

    def _index(self) -> array.array[int]:
        """The place of every line that is not blank; for a file of lines their numbers too."""
        offsets, numbers = array.array("q"), array.array("q")
        start = len(codecs.BOM_UTF8) if self._file.read(3) == codecs.BOM_UTF8 else 0
        for number, offset, _ in filled_lines(self._file, self.name, start=start):
            offsets.append(offset)
            numbers.append(number)
        if not len(self._numbers):
            self._numbers = numbers
        return offsets


def field_of(row: Row, name: str) -> Any:
    """The value of a field. Raises InputError where the row has none."""
    value = row.fields.get(name)
    if value is None or value == "":
        have = ", ".join(map(str, row.fields)) or "none"
        raise InputError(f"{row.where}: the field {name!r} is missing (its fields: {have})")
    return value


def id_of(row: Row) -> str | None:
    """A row's own id, if it has one."""
    found = next((row.fields[name] for name in ("id", "task_id") if row.fields.get(name) not in (None, "")), None)
    return None if found is None else str(found)


def _convert(path: Path, name: str, target: IO[bytes]) -> Sequence[int]:
    """Write what is no file of lines into `target` as such; the number of each row in the file."""
    numbers = array.array("q")
    kind = _kind(path)
    if kind == ".parquet":
        items: Iterator[tuple[int, Any]] = enumerate(_parquet_rows(path, name), start=1)
    else:
        items = _json_items(path, name) if kind in LISTS else _csv_rows(path, name, "\t" if kind == ".tsv" else ",")
    for number, row in items:
        target.write(json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass") + b"\n")
        numbers.append(number)
    target.seek(0)
    return numbers


def _digest(path: Path) -> str:
    with open(path, "rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _kind(path: Path) -> str:
    """The ending that says what a file holds, without that of its packing."""
    return Path(path.stem).suffix if path.suffix in PACKED else path.suffix


def _parquet_rows(path: Path, name: str) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow  # an extra, not installed with the rest
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(f"{name}: reading .parquet needs pyarrow: pip install pyarrow") from error
    open_input(path).close()  # no pipe, no device
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            groups = [file.metadata.row_group(place) for place in range(file.num_row_groups)]
            most = max(limits().unpacked_bytes, path.stat().st_size * limits().unpacked_ratio)
            if sum(group.total_byte_size for group in groups) > most:
                raise InputError(f"{name} unpacks to more than {size_label(most)}; {HINT}")
            for batch in file.iter_batches(1000):
                for row in batch.to_pylist():
                    yield {key: value for key, value in row.items() if not key.startswith("__index_level_")}
    except (pyarrow.ArrowException, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"{name}: not Parquet ({error})") from error


class _TableLines:
    """The lines of a table as csv asks for them. `held`: characters since the last row, which are bounded."""

    def __init__(self, file: IO[str], name: str) -> None:
        self._file, self._name, self._number, self.held = file, name, 0, 0

    def __iter__(self) -> Iterator[str]:
        most = limits().line_bytes
        while line := self._file.readline(most + 1):
            self._number += 1
            self.held += len(line)
            if self.held > most:
                where = f"{self._name}, line {self._number}"
                raise InputError(f"{where}: a row of more than {size_label(most)}; is a quote left open? {HINT}")
            yield line


def _csv_rows(path: Path, name: str, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line on which it starts, row) of a table whose first line names its columns."""
    csv.field_size_limit(min(limits().line_bytes, sys.maxsize))
    with open_input(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        lines = _TableLines(file, name)
        reader = csv.reader(lines, strict=True, delimiter=delimiter)
        try:
            header = _header(next(reader, []), name)
            start = reader.line_num + 1
            for cells in reader:
                lines.held = 0
                if cells and len(cells) != len(header):
                    raise InputError(f"{name}, line {start}: {len(cells)} cells, but {len(header)} columns")
                if cells:
                    yield start, dict(zip(header, cells, strict=True))
                start = reader.line_num + 1
        except csv.Error as error:
            raise InputError(f"{name}, line {reader.line_num}: not CSV ({error})") from error
        except UnicodeDecodeError as error:
            raise InputError(not_utf8(f"{name}, after line {reader.line_num}", error)) from error


def _header(names: list[str], file: str) -> list[str]:
    if names[:1] == [""]:  # pandas writes its index so
        names[0] = INDEX
    if len(set(names)) < len(names) or "" in names:
        raise InputError(f"{file}, line 1: the names of the columns are empty or there twice")
    return names


def _json_items(path: Path, name: str) -> Iterator[tuple[int, Any]]:
    """(number from 1, item) of a JSON list, without holding more than an item and a chunk."""
    with open_input(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig") as file:
        try:
            reader = _ListReader(file)
            if reader.next_character() != "[":
                raise InputError(f"{name}: a list of objects is expected; for an object a line, name the file .jsonl")
            reader.place += 1
            number = 1
            while (item := reader.item(f"{name}, item {number}")) is not None:
                yield number, item
                number += 1
            if reader.after_the_list():
                raise InputError(f"{name}: more follows the end of the list; a file holds one list")
        except UnicodeDecodeError as error:
            raise InputError(not_utf8(name, error)) from error


class _ListReader:
    """Reads the items of a JSON list from text that comes in chunks. place: in `text`, of what is still to be read.

    Only what is read is cut off, and only when more is fetched: a cut for each item would copy the chunk each time.
    """

    def __init__(self, file: IO[str]) -> None:
        self.text, self.place = "", 0
        self._file, self._decoder = file, json.JSONDecoder()

    def next_character(self, skip: str = " \t\r\n") -> str:
        """The next one that is none of `skip`, which is not taken; empty at the end."""
        while True:
            while self.place < len(self.text):
                if self.text[self.place] not in skip:
                    return self.text[self.place]
                self.place += 1
            if not self._fetch():
                return ""

    def item(self, where: str) -> dict[str, Any] | None:
        """The next item, None at the list's end; one that is cut off is tried again with more. Raises InputError."""
        if self.next_character(" \t\r\n,") == "]":
            return None
        most = limits().line_bytes
        while True:
            try:
                _, end = self._decoder.raw_decode(self.text, self.place)
                break
            except RecursionError as error:
                raise InputError(f"{where}: lists and objects are in each other too deep") from error
            except ValueError as error:
                if len(self.text) - self.place > most:
                    raise InputError(
                        f"{where}: not JSON, or longer than {size_label(most)} ({error}); {HINT}"
                    ) from error
                if not self._fetch():
                    raise InputError(f"{where}: not JSON ({error})") from error
        taken = self.text[self.place : end].encode("utf-8", "surrogatepass")
        self.place = end
        return parse_object(taken, where)

    def after_the_list(self) -> str:
        """The first character behind the closing bracket, empty where there is none."""
        self.place += 1
        return self.next_character()

    def _fetch(self) -> bool:
        """More text, at least as much again as is waiting, so that the cost of a long item stays linear."""
        rest = self.text[self.place :]
        more = self._file.read(max(CHUNK, len(rest)))
        self.text, self.place = rest + more, 0
        return bool(more)
