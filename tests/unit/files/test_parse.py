"""The parser of JSON that is quick: it takes and gives what Python's own does."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.files.jsonl import parse

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters())
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(VALUES, st.booleans())
def test_it_reads_what_python_writes(value: object, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass" if ascii_only else "replace")
    assert parse(data) == json.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b'"\\ud800"', b'{"a": 1, "a": 2}', b"[1e999, -Infinity]", b"\xef\xbb\xbf1", b"[" * 300 + b"]" * 300, b"1" * 4300,
        b"-0", b'"\x7f"', b"5e-324", b" 1 ",
    ],
)  # fmt: skip
def test_it_takes_what_python_takes(data: bytes) -> None:
    assert parse(data) == json.loads(data.decode("utf-8-sig"))


@pytest.mark.parametrize(
    "data", [b"", b"[1,]", b"01", b"nan", b'"\x00"', b"1" * 4301, b'"\xff"', b"{'a': 1}", b"1 2", b'{"a": }']
)
def test_it_refuses_what_python_refuses(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which one it is differs
        json.loads(data)
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        parse(data)


def test_nan_is_nan() -> None:
    assert math.isnan(parse(b"NaN"))
