"""Files of rows: formats, and what is wrong with one, by its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from harness.errors import InputError
from harness.files.opened import zstd
from harness.files.rows import Row, RowFile

ROWS = [{"id": 1, "text": "one\ntwo"}, {"id": 2, "text": 'quoted "é", comma'}, {"id": 3, "text": "三"}]


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def read(path: Path) -> list[Row]:
    with RowFile(path) as file:
        return list(file.rows())


def as_jsonl() -> str:
    return "".join(json.dumps(row) + "\n" for row in ROWS)


def test_all_formats_give_the_same_rows(tmp_path: Path) -> None:
    lines = as_jsonl()
    table = 'id,text\n1,"one\ntwo"\n2,"quoted ""é"", comma"\n3,三\n'
    files = [
        write(tmp_path / "a.jsonl", lines),
        write(tmp_path / "b.jsonl.gz", gzip.compress(lines.encode())),
        write(tmp_path / "c.json", json.dumps(ROWS, indent=2)),
        write(tmp_path / "d.csv", "\ufeff" + table),
    ]
    for path in files:
        assert [row.fields["text"] for row in read(path)] == [row["text"] for row in ROWS], path


def test_rows_are_named_by_the_line_on_which_they_begin(tmp_path: Path) -> None:
    lines = read(write(tmp_path / "a.jsonl", '\n{"text": "a"}\n\n{"text": "b"}\n'))
    table = read(write(tmp_path / "a.csv", 'text\n"a\nb"\nc\n'))
    assert [row.where.rpartition(", ")[2] for row in lines] == ["line 2", "line 4"]
    assert [row.where.rpartition(", ")[2] for row in table] == ["line 2", "line 4"]


def test_a_line_comes_back_byte_for_byte(tmp_path: Path) -> None:
    lines = [b'{"text":  "a\\u00e9", "n": 1.0}\r\n', b'{"n": 1e3,"text": "\xc3\xa9"}']
    with RowFile(write(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + b"".join(lines))) as file:
        assert [file.line(0), file.line(1)] == [lines[0], lines[1] + b"\n"]


def test_an_item_longer_than_a_chunk_is_read_whole(tmp_path: Path) -> None:
    long = "word " * 600_000
    rows = read(write(tmp_path / "a.json", json.dumps([{"text": "a"}, {"text": long}, {"text": "b"}])))
    assert [len(row.fields["text"]) for row in rows] == [1, len(long), 1]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"text": "\xe9"}\n', r"line 2: not UTF-8 \(byte 0xe9"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: not JSON"),
        ("a.jsonl", b'{"text": "a"}\n[1]\n', "line 2: a JSON object is expected, not list"),
        ("a.jsonl", b"\n \n", "holds no rows"),
        ("a.json", b'{"text": "a"}', "a list of objects is expected"),
        ("a.json", b'[{"text": "a"}, 3]', "item 2: a JSON object is expected, not int"),
        ("a.json", b'[{"text": "a"}, {"text"', "item 2: not JSON"),
        ("a.json", b'[{"text": "a"}]\n[{"text": "b"}]', "more follows the end of the list"),
        ("a.csv", b"text,label\na,b\nc\n", "line 3: 1 cells, but 2 columns"),
        ("a.csv", b"text,text\na,b\n", "line 1: the names of the columns"),
        ("a.csv", b"text\na\n\xe9\n", "not UTF-8"),
        ("a.jsonl.gz", b"no gzip", "cannot be read"),
        ("a.txt", b"a", "none of the endings"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_line(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(write(tmp_path / name, data))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jsonl cannot be read: No such file"):
        RowFile(tmp_path / "gone.jsonl")


@pytest.mark.parametrize(
    "name", ["a.ndjson", "a.jsonl.zst", "a.json.gz", "a.csv.zst", "a.tsv", "a.tsv.gz", "a.parquet"]
)
def test_packed_and_other_formats_give_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = [{"text": "one, two", "n": "1"}, {"text": "é", "n": "2"}]
    kind = name.split(".")[1]
    table = "\t".join if kind == "tsv" else '","'.join
    quote = "" if kind == "tsv" else '"'
    cells = [["text", "n"], *([row["text"], row["n"]] for row in rows)]
    data = {
        "ndjson": "".join(json.dumps(row) + "\n" for row in rows),
        "jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "json": json.dumps(rows),
        "csv": "".join(f"{quote}{table(row)}{quote}\n" for row in cells),
        "tsv": "".join(f"{table(row)}\n" for row in cells),
    }.get(kind, "").encode()
    if kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / name)
    else:
        packing = {"gz": gzip.compress, "zst": zstd.compress}.get(name.rpartition(".")[2], bytes)
        write(tmp_path / name, packing(data))
    assert [row.fields for row in read(tmp_path / name)] == rows


def test_the_unnamed_first_column_of_a_table_is_its_index(tmp_path: Path) -> None:
    (row,) = read(write(tmp_path / "a.csv", ",text\n0,hello\n"))
    assert row.fields == {"index": "0", "text": "hello"}
