"""A signature is parsed and printed in one place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.runs.signature import Signature

EXAMPLES = Path(__file__).resolve().parents[3] / "results" / "example"


@given(st.text())
def test_what_is_parsed_is_printed_as_it_was(text: str) -> None:
    assert str(Signature.parse(text)) == text


def test_the_committed_runs_are_printed_as_they_were() -> None:
    manifests = sorted(EXAMPLES.rglob("manifest.json"))
    assert manifests
    for path in manifests:
        text = json.loads(path.read_bytes())["signature"]
        assert str(Signature.parse(text)) == text and Signature.parse(text).values()["task"]


def test_a_field_without_a_colon_has_no_value() -> None:
    assert Signature.parse("pass@1|n:2").values() == {"n": "2"}


@pytest.mark.parametrize(("name", "line"), [("n", "T:0.8"), ("T", "n:1|n:2"), ("x", "n:1|T:0.8|n:2")])
def test_fields_are_left_out_by_their_names(name: str, line: str) -> None:
    found = Signature.parse("n:1|T:0.8|n:2").without([name])
    assert str(found) == line


def test_only_a_field_that_is_there_is_replaced() -> None:
    given_ = Signature.of("extractor:auto", "", "n:1|T:0")
    assert str(given_.replace("extractor", "last")) == "extractor:last|n:1|T:0"
    assert given_.replace("seed", "1") == given_
