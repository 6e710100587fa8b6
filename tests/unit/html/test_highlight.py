from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.html import highlight

SOURCE = st.text(st.sampled_from("abdefclsrtun01'\"\\#<>&/ \n():=")) | st.text()


@given(SOURCE)
def test_any_text_comes_through_unchanged_between_spans(source: str) -> None:
    marked = str(highlight.python(source))
    assert html.unescape(re.sub(r'<span class="[kfbscn]">|</span>', "", marked)) == source


@given(SOURCE)
def test_nothing_of_the_text_becomes_markup(source: str) -> None:
    marked = str(highlight.python(source))
    assert "<" not in re.sub(r'<span class="[kfbscn]">|</span>', "", marked)


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("def f(x):", '<span class="k">def</span> <span class="f">f</span>'),
        ("return len(x)", '<span class="b">len</span>'),
        ("x = 'a # b'", '<span class="s">&#x27;a # b&#x27;</span>'),
        ("x = 1.5e3  # why", '<span class="n">1.5e3</span>  <span class="c"># why</span>'),
        ("'''cut in the\nmiddle", '<span class="s">&#x27;&#x27;&#x27;cut in the\nmiddle</span>'),
    ],
)
def test_python_is_marked(source: str, part: str) -> None:
    assert part in highlight.python(source)
