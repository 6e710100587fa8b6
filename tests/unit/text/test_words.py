"""Words in any script, and texts that look the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.text.near_duplicates import find_exact, sketch
from harness.text.words import tokens, visible, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It's 3.5, no?", ["it", "s", "3", "5", "no"]),
        ("Ça va très bien", ["ça", "va", "très", "bien"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),  # vowel signs belong to their letter
        ("Привет, мир!", ["привет", "мир"]),
        ("السلام عليكم", ["السلام", "عليكم"]),
        ("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"]),
        ("日本語", ["日", "本", "語"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("ภาษา", ["ภ", "า", "ษ", "า"]),
        ("tiếng Việt", ["tiếng", "việt"]),
        ("!!! ...", []),
    ],
)
def test_words_are_those_of_the_script(text: str, found: list[str]) -> None:
    assert words(text) == [unicodedata.normalize("NFC", word) for word in found]


@pytest.mark.parametrize("odd", ["\u200b", "\u200d", "\u00ad", "\ufeff", "\u2060", "\u202e", "\ufe0f", "\u034f"])
def test_characters_that_show_nothing_do_not_count(odd: str) -> None:
    assert tokens(f"one t{odd}wo") == ["one", "two"] and visible(f"a{odd}b") == "ab"


@given(st.text(st.characters(max_codepoint=0x17F), max_size=30))
def test_canonically_equal_texts_have_the_same_tokens(text: str) -> None:
    assert tokens(unicodedata.normalize("NFD", text)) == tokens(unicodedata.normalize("NFC", text))


def test_texts_that_look_the_same_are_exact_duplicates() -> None:
    composed, split, hidden = (
        "le café était fermé",
        unicodedata.normalize("NFD", "le café était fermé"),
        "le ca\u200bfé était fermé",
    )
    (first, second) = find_exact(sketch([composed], 1), sketch([split, hidden], 2))
    assert (first.similarity, second.similarity) == (1.0, 1.0)
