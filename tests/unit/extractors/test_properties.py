"""What holds of every reply: a right program is found in any wrapping, and no text does harm."""

from __future__ import annotations

import ast

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.extractors import EXTRACTORS, extract
from harness.extractors._markdown import answer

PROMPT = 'def twice(x):\n    """Twice x."""\n'
PROGRAMS = (
    "def twice(x):\n    return 2 * x\n",
    "import functools\n\n\n@functools.cache\ndef twice(x):\n    return 2 * x\n",
    "A, B = 1, 1\n\n\ndef twice(x):\n    return helper(x, A + B)\n\n\ndef helper(x, times):\n    return x * times\n",
    "try:\n    from math import prod\nexcept ImportError:\n    prod = None\n\n\ndef twice(x):\n    return prod([2, x])\n",
    'def twice(x):\n    """Twice.\n\n    ```\n    twice(1)\n    ```\n    """\n    return 2 * x\n',
    "class Solution:\n    def twice(self, x):\n        return 2 * x\n",
    "twice = lambda x: 2 * x\n",
)
SHOWS = (
    "",
    "\nprint(twice(2))\n",
    "\nassert twice(2) == 5\n",
    "\nif __name__ == '__main__':\n    print(twice(int(input())))\n",
)
BEFORE = ("", "Here is the function:\n\n", "# Solution\n\nWe double it, that is all.\n\n", "```bash\npip install numpy\n```\n\n",
          "The signature:\n```python\ndef twice(x):\n    ...\n```\n")  # fmt: skip
AFTER = (
    "",
    "\nIt takes x, and returns twice that.\n",
    "\nUsage:\n\n```python\nprint(twice(3))\n```\n",
    "\nOutput:\n```\n6\n```\n",
)
THINKING = ("", "<think>\nSum? ```python\ndef twice(x):\n    return x\n```\n</think>\n\n", "Let me see.\n</think>\n\n",
            "<think>```python\ndef twice(x)</think>\n")  # fmt: skip
FENCES = ("```python", "```", "```Python3", "~~~py", "````python", "```js")


@st.composite
def replies(draw: st.DrawFn) -> tuple[str, str]:
    """(a reply with a right program in it, the program)."""
    program = draw(st.sampled_from(PROGRAMS))
    fence = draw(st.sampled_from(FENCES))
    text = program + draw(st.sampled_from(SHOWS))
    margin = draw(st.sampled_from(["", "  ", "   "]))
    lines = [fence, *text.rstrip("\n").split("\n"), fence.rstrip("PpythonjJs3")]
    block = "\n".join(margin + line if line else line for line in lines) + "\n"
    reply = draw(st.sampled_from(THINKING)) + draw(st.sampled_from(BEFORE)) + block + draw(st.sampled_from(AFTER))
    return reply.replace("\n", "\r\n") if draw(st.booleans()) else reply, program


def works(source: str) -> bool:
    scope: dict[str, object] = {"__name__": "candidate"}
    exec(source, scope)  # the programs are those above
    return scope["twice"](21) == 42  # type: ignore[operator]


@settings(max_examples=300, deadline=None)
@given(replies())
def test_a_right_program_is_found_in_any_wrapping(reply: tuple[str, str]) -> None:
    text, program = reply
    found = extract("auto", text, PROMPT, "twice")
    assert works(found.source)
    assert found.source.startswith(program.rstrip("\n"))


@settings(max_examples=100, deadline=None)
@given(replies())
def test_the_span_holds_every_line_of_the_program(reply: tuple[str, str]) -> None:
    text, program = reply
    start, end = extract("auto", text, PROMPT, "twice").span or (0, 0)
    assert all(line.strip() in text[start:end] for line in program.split("\n"))


@settings(max_examples=100, deadline=None)
@given(replies())
def test_a_program_that_was_extracted_is_its_own_extraction(reply: tuple[str, str]) -> None:
    once = extract("auto", reply[0], PROMPT, "twice").source
    assert extract("auto", once, PROMPT, "twice").source == once


PIECES = st.sampled_from(
    ["```", "```python\n", "~~~", "\n", "\r\n", "    ", "\t", "<think>", "</think>", "def twice(x):", "return x", '"""', "'''", ">>> ",
     "class A:", "@", "(", "\0", "\ud800", "import a", "x = 1", "if", "😀", "\u2028", "\x0c", "lambda: ", "twice(1)", "- ", "f'{"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)), st.sampled_from(["twice", ""]))
def test_no_text_does_harm_and_every_span_is_in_the_reply(text: str, entry_point: str) -> None:
    assert len(answer(text)) == len(text)
    for name in EXTRACTORS:
        found = extract(name, text, PROMPT, entry_point)
        assert (found.span is None) == (not found.source)
        if found.span:
            assert 0 <= found.span[0] <= found.span[1] <= len(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_what_is_taken_out_of_a_program_leaves_a_program(tail: str) -> None:
    text = f"{PROGRAMS[0]}\n{tail}\n"
    found = extract("auto", f"````python\n{text}````", "", "twice").source
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return
    ast.parse(found)
