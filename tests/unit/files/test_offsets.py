"""Where lines begin in a file."""

from __future__ import annotations

import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.files.offsets import filled_lines, offset_of, sample_offsets


@given(st.binary())
def test_every_line_that_is_not_blank_begins_at_its_offset(data: bytes) -> None:
    file = io.BytesIO(data)
    found = list(filled_lines(file, "f"))
    assert [line for _, _, line in found] == [line for line in io.BytesIO(data) if line.strip()]
    assert all(data[offset : offset + len(line)] == line for _, offset, line in found)
    assert all(data[:offset].count(b"\n") == number - 1 for number, offset, _ in found)


def test_samples_are_found_whatever_their_order_and_a_torn_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "executions.jsonl"
    lines = [b'{"problem_id": "a", "index": 2}\n', b'{"problem_id": "b", "index": 0}\n', b'{"problem_id": "a", "in']
    path.write_bytes(b"".join(lines))
    table = sample_offsets(path)
    assert offset_of(table, "a", 2) == 0 and offset_of(table, "b", 0) == len(lines[0])
    assert offset_of(table, "a", 0) is None and offset_of(table, "a", 3) is None and offset_of(table, "c", 0) is None


def test_a_file_that_does_not_exist_has_no_lines(tmp_path: Path) -> None:
    assert sample_offsets(tmp_path / "none.jsonl") == {}
