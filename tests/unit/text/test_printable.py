from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from harness.text.printable import printable


@given(st.text(st.characters()))
def test_nothing_that_acts_or_hides_is_left(text: str) -> None:
    shown = printable(text)
    assert not [
        char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs") and char not in "\n\t"
    ]


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_what_can_be_seen_stays(text: str) -> None:
    assert printable(text) == text


def test_a_bidirectional_mark_is_shown_as_its_escape() -> None:
    assert printable("a\u202eb\x1b[31m\n") == "a\\u202eb\\x1b[31m\n"
