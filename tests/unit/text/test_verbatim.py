"""Verbatim copies against a search by brute force."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.text import verbatim
from harness.text.verbatim import SEED, VerbatimCopy, excerpt, longest_copies
from harness.text.words import tokens

LETTERS = st.lists(st.sampled_from("abc"), max_size=40).map(" ".join)


def brute_force(output: str, training: list[str]) -> int:
    words = tokens(output)
    best = 0
    for text in training:
        other = f" {' '.join(tokens(text))} "
        for start in range(len(words)):
            while start + best < len(words) and f" {' '.join(words[start : start + best + 1])} " in other:
                best += 1
    return best if best >= SEED else 0


@settings(max_examples=150, deadline=None)
@given(st.lists(LETTERS, min_size=1, max_size=4), st.lists(LETTERS, min_size=0, max_size=4))
def test_the_longest_copy_is_that_of_a_search_by_brute_force(outputs: list[str], training: list[str]) -> None:
    found = longest_copies(outputs, training)
    assert [copy.length for copy in found] == [brute_force(output, training) for output in outputs]
    for output, copy in zip(outputs, found, strict=True):
        copied = " ".join(tokens(output)[copy.start : copy.start + copy.length])
        assert (copy.source is None) == (copy.length == 0)
        assert copy.source is None or f" {copied} " in f" {training[copy.source]} "


@settings(max_examples=100, deadline=None)
@given(st.lists(LETTERS, min_size=1, max_size=4), st.lists(LETTERS, min_size=0, max_size=4))
def test_texts_that_repeat_themselves_are_searched_in_another_way_with_the_same_end(
    outputs: list[str], training: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        usual = longest_copies(outputs, training)
        patched.setattr(verbatim, "CROWDED", 0)
        found = longest_copies(outputs, training)
    assert [copy.length for copy in found] == [copy.length for copy in usual]
    for output, copy in zip(outputs, found, strict=True):
        copied = " ".join(tokens(output)[copy.start : copy.start + copy.length])
        assert copy.source is None or f" {copied} " in f" {training[copy.source]} "


def test_a_hundred_thousand_words_that_repeat_are_no_matter_of_their_square() -> None:
    (copy,) = longest_copies(["0 " * 100_000], ["0 " * 90_000])
    assert copy.length == 90_000


def words(seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices("abcdefghij", k=5)) for _ in range(count)]


def test_a_planted_copy_is_found_in_its_place_and_text() -> None:
    training = [words(seed, 200) for seed in range(20)]
    output = [*words(100, 30), *training[13][50:120], *words(101, 30)]
    (copy,) = longest_copies([" ".join(output)], (" ".join(text) for text in training))
    assert copy == VerbatimCopy(length=70, start=30, source=13)
    assert excerpt(" ".join(output), copy, 2) == f"{training[13][50]} {training[13][51]} ..."


def test_unrelated_texts_hold_no_copies() -> None:
    outputs = [" ".join(words(seed, 100)) for seed in range(50)]
    training = [" ".join(words(1000 + seed, 100)) for seed in range(50)]
    assert all(copy.length == 0 for copy in longest_copies(outputs, training))


def test_a_copy_does_not_run_from_one_output_into_the_next() -> None:
    text = words(1, 60)
    found = longest_copies([" ".join(text[:30]), " ".join(text[30:])], [" ".join(text)])
    assert [copy.length for copy in found] == [30, 30]
