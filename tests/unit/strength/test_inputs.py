"""Generated inputs stay in the domain that the tests show, and are new."""

from __future__ import annotations

import ast
import random
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.strength.inputs import more_calls, parse_calls

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-50, 50) | st.floats(-9, 9) | st.text("abc ", max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text("ab"), inner),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4), st.integers(0, 1000))
def test_every_call_is_new_and_a_literal_of_as_many_arguments(seen: list[tuple[Any, Any]], seed: int) -> None:
    calls = [(args, {}) for args in seen]
    made = more_calls(calls, 20, random.Random(seed))
    texts = [repr(call) for call in made]
    assert len(set(texts)) == len(texts) and not set(texts) & {repr(call) for call in calls}
    for text, (args, kwargs) in zip(texts, made, strict=True):
        assert len(args) == 2 and kwargs == {} and ast.literal_eval(text) is not None


def test_numbers_keep_the_signs_that_the_tests_show() -> None:
    rng = random.Random(1)
    positive = more_calls([((5,), {}), ((9,), {})], 30, rng)
    natural = more_calls([(([0, 4],), {}), (([7],), {})], 200, rng)
    signed = more_calls([((-3,), {}), ((9,), {})], 30, rng)
    assert positive and all(args[0] >= 1 for args, _ in positive)
    assert natural and all(each >= 0 for args, _ in natural for each in args[0])
    assert any(args[0] < 0 for args, _ in signed)


def test_texts_keep_their_alphabet_and_records_their_length() -> None:
    seen = [(("ab", [(1, "x"), (2, "y")]), {}), (("ba", []), {})]
    made = more_calls(seen, 300, random.Random(2))
    assert made and all(set(args[0]) <= set("abxy") for args, _ in made)
    assert all(len(record) == 2 for args, _ in made for record in args[1])


def test_keywords_are_changed_too() -> None:
    made = more_calls([((), {"key": "aa"}), ((), {"key": "ab"})], 20, random.Random(3))
    assert made and all(set(kwargs) == {"key"} for _, kwargs in made)


def test_what_is_no_literal_is_left_out_and_equal_calls_count_once() -> None:
    lines = ["((1,), {})", "((1,), {})", "((<object object>,), {})", "(('a',), {'k': [1.5]})", "((nan,), {})", "1"]
    assert parse_calls(lines) == [((1,), {}), (("a",), {"k": [1.5]})]


@pytest.mark.parametrize(
    ("texts", "wider"),
    [(["flagstone", "quick"], string.ascii_lowercase), (["ACGT", "GATTACA"], ""), (["MCMXCIV", "LXD"], ""), (["01", "1"], "")],
)  # fmt: skip
def test_many_letters_of_a_case_stand_for_all_of_them_and_few_for_themselves(texts: list[str], wider: str) -> None:
    seen = [((text,), {}) for text in texts]
    letters = set("".join(args[0] for args, _ in more_calls(seen, 400, random.Random(0))))
    assert letters <= set(wider) | set("".join(texts)) and (letters == set(wider) or not wider)
