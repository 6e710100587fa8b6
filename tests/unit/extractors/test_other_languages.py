"""Replies in other languages than Python: which block is taken, by each extractor."""

from __future__ import annotations

import pytest

from harness.extractors import extract_program
from harness.extractors._frames import defines, entry_point
from sandbox.languages import written_in
from tests.fixtures.replies import ANSWERED

REPLY = "<think>so</think>\nHere:\n```{mark}\n{one}\n```\nUse it:\n```{mark}\n{two}\n```\nIt prints:\n```text\n3\n```\n"


@pytest.mark.parametrize("language", ANSWERED)
def test_a_block_that_only_calls_the_function_is_not_taken_for_it(language: str) -> None:
    asked = ANSWERED[language]
    name = entry_point(asked.prompt)
    reply = REPLY.format(mark=asked.marks[0], one=asked.function, two=f"x = {name}(1)")
    found = extract_program(reply, asked.prompt, language)
    assert found.source == asked.function + "\n"
    for text in (asked.function, asked.whole, asked.demonstration):
        assert defines(written_in(language), name, text), text
    for text in (f"{name}(1);", f"if ({name}(1)) {{ }}", f"x.{name}(1) {{ }}", f"# {name}\n", "", f"{name}"):
        assert not defines(written_in(language), name, text), text


@pytest.mark.parametrize("language", ANSWERED)
def test_the_plain_extractors_take_a_block_of_the_language_as_it_stands(language: str) -> None:
    asked = ANSWERED[language]
    reply = REPLY.format(mark=asked.marks[1], one=asked.function, two="x")
    whole = reply.strip("\n") + "\n"
    for extractor, source in {"first": asked.function + "\n", "last": "x\n", "whole": whole}.items():
        found = extract_program(reply, asked.prompt, language, extractor)
        assert (found.extractor, found.source) == (extractor, source)
    assert extract_program(reply, asked.prompt, language, "longest").source == asked.function + "\n"
    bare = extract_program("<think>so</think>\nx", asked.prompt, language, "first")
    assert (bare.source.strip(), extract_program("", asked.prompt, language, "last").span) == ("x", None)
