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
import gzip
import hashlib
import io
import json
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from harness.errors import InputError
from harness.files.jsonl import not_utf8, parse_object
from harness.files.offsets import filled_lines

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES, LISTS, TABLES, PACKED = (".jsonl", ".ndjson"), (".json",), (".csv", ".tsv"), (".gz", ".zst")
SUFFIXES = (
    *(f"{kind}{packing}" for kind in (*LINES, *LISTS, *TABLES) for packing in ("", *PACKED)),
    ".parquet",
)
CHUNK = 1 << 20
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
                plain = path.suffix in LINES
                self._file: IO[bytes] = opened.enter_context(open(path, "rb") if plain else tempfile.TemporaryFile())
                self._numbers: Sequence[int] = _convert(path, self.name, self._file)
                with open(path, "rb") as source:
                    self.sha256 = hashlib.file_digest(source, "sha256").hexdigest()
                self._offsets = self._index()
            except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else error
                raise InputError(f"{self.name} cannot be read: {reason}") from error
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
        return Row(index=index, where=self.where(index), fields=parse_object(raw, self.where(index)), raw=raw)

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
        for number, offset, _ in filled_lines(self._file, start):
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
    """Write what is no file of plain lines into `target` as such; the number of each row that is not its line's."""
    numbers = array.array("q")
    kind = _kind(path)
    if kind == ".parquet":
        items: Iterator[tuple[int, Any]] = enumerate(_parquet_rows(path, name), start=1)
    elif kind in LINES:
        if path.suffix in PACKED:
            with _unpacked(path) as packed:
                shutil.copyfileobj(packed, target, CHUNK)
        items = iter(())
    else:
        items = _json_items(path, name) if kind in LISTS else _csv_rows(path, name, "\t" if kind == ".tsv" else ",")
    for number, row in items:
        target.write(json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass") + b"\n")
        numbers.append(number)
    target.seek(0)
    return numbers


def _kind(path: Path) -> str:
    """The ending that says what a file holds, without that of its packing."""
    return Path(path.stem).suffix if path.suffix in PACKED else path.suffix


def _unpacked(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked where it is packed."""
    opening: Any = {".gz": gzip.open, ".zst": zstd.open}.get(path.suffix, open)
    file: IO[bytes] = opening(path, "rb")
    return file


def _parquet_rows(path: Path, name: str) -> Iterator[dict[str, Any]]:
    try:
        import pyarrow  # an extra, not installed with the rest
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(f"{name}: reading .parquet needs pyarrow: pip install pyarrow") from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(1000):
                for row in batch.to_pylist():
                    yield {key: value for key, value in row.items() if not key.startswith("__index_level_")}
    except pyarrow.ArrowException as error:
        raise InputError(f"{name}: not Parquet ({error})") from error


def _csv_rows(path: Path, name: str, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line on which it starts, row) of a table whose first line names its columns."""
    csv.field_size_limit(sys.maxsize)
    with _unpacked(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True, delimiter=delimiter)
        try:
            header = next(reader, [])
            if header[:1] == [""]:  # pandas writes its index so
                header[0] = INDEX
            if len(set(header)) < len(header) or "" in header:
                raise InputError(f"{name}, line 1: the names of the columns are empty or there twice")
            start = reader.line_num + 1
            for cells in reader:
                if cells and len(cells) != len(header):
                    raise InputError(f"{name}, line {start}: {len(cells)} cells, but {len(header)} columns")
                if cells:
                    yield start, dict(zip(header, cells, strict=True))
                start = reader.line_num + 1
        except csv.Error as error:
            raise InputError(f"{name}, line {reader.line_num}: not CSV ({error})") from error
        except UnicodeDecodeError as error:
            raise InputError(not_utf8(f"{name}, after line {reader.line_num}", error)) from error


def _json_items(path: Path, name: str) -> Iterator[tuple[int, Any]]:
    """(number from 1, item) of a JSON list, without holding more than an item and a chunk."""
    decoder = json.JSONDecoder()
    with _unpacked(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig") as file:
        try:
            buffer = file.read(CHUNK).lstrip()
            if not buffer.startswith("["):
                raise InputError(f"{name}: a list of objects is expected; for an object a line, name the file .jsonl")
            buffer, number = buffer[1:], 0
            while True:
                number += 1
                item, buffer = _next_item(decoder, buffer, file, f"{name}, item {number}")
                if item is None:
                    return
                yield number, item
        except UnicodeDecodeError as error:
            raise InputError(not_utf8(name, error)) from error


def _next_item(decoder: json.JSONDecoder, buffer: str, file: IO[str], where: str) -> tuple[dict[str, Any] | None, str]:
    """The next item and the rest, None at the list's end. An item that is cut off is tried again with more text."""
    while True:
        buffer = buffer.lstrip(" \t\r\n,")
        if buffer.startswith("]"):
            return None, ""
        try:
            item, end = decoder.raw_decode(buffer)
        except (ValueError, RecursionError) as error:
            more = file.read(max(CHUNK, len(buffer)))  # doubling keeps the cost of a long item linear
            if not more:
                raise InputError(f"{where}: not JSON ({error})") from error
            buffer += more
            continue
        if not isinstance(item, dict):
            raise InputError(f"{where}: a JSON object is expected, not {type(item).__name__}")
        return item, buffer[end:]
