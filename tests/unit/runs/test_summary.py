"""A summary is one typed record, written and read in one place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.runs.summary import parse_summary

EXAMPLES = Path(__file__).resolve().parents[3] / "results" / "example"


def test_the_committed_runs_are_read_and_written_without_a_change() -> None:
    paths = sorted(EXAMPLES.rglob("summary.json"))
    assert paths
    for path in paths:
        written = json.loads(path.read_bytes())
        again = json.loads(parse_summary(path.read_bytes()).dump())
        assert {name: again[name] for name in written} == written


@pytest.mark.parametrize("fault", [b"[]", b"{}", b"null", b"not JSON"])
def test_what_is_no_summary_is_refused(fault: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_summary(fault)


@pytest.mark.parametrize("key", ["value", "low", "high"])
def test_a_number_that_is_not_finite_is_refused(key: str) -> None:
    record = json.loads(next(EXAMPLES.rglob("summary.json")).read_bytes())
    record["estimates"][0][key] = float("nan")
    with pytest.raises(ValueError, match=f"estimates.0.{key}"):
        parse_summary(json.dumps(record).encode())


def test_a_count_below_zero_is_refused() -> None:
    record = json.loads(next(EXAMPLES.rglob("summary.json")).read_bytes())
    record["coverage"]["completions"] = -1
    with pytest.raises(ValueError, match="completions"):
        parse_summary(json.dumps(record).encode())
