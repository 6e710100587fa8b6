"""What a reasoning model thinks aloud is kept in its answer, and taken out of it where the answer is read."""

from __future__ import annotations

import pytest

from harness.extractors import DEFAULT, extract
from harness.text.reasoning import with_thinking, without_reasoning

ANSWER = "```python\ndef f(): return 1\n```"
ABOUT = "```python\ndef f(s): return s.split('</think>')\n```"
QUOTED = f"It ends at `</think>`:\n{ANSWER}"
THOUGHTS = {
    # what came: text, reasoning apart, cut, opened -> what is kept, the program in it
    "in tags": (f"<think>a</think>{ANSWER}", "", False, False, f"<think>a</think>{ANSWER}", "def f(): return 1\n"),
    "apart": (ANSWER, "a", False, False, f"<think>a</think>{ANSWER}", "def f(): return 1\n"),
    "apart, cut within it": ("", "a", True, True, "<think>a", ""),
    "apart, cut in the answer": (
        "```python\ndef f(",
        "a",
        True,
        True,
        "<think>a</think>```python\ndef f(",
        "def f(\n",
    ),
    "opened by the template": (
        f"a</think>{ANSWER}",
        "",
        False,
        True,
        f"<think>a</think>{ANSWER}",
        "def f(): return 1\n",
    ),
    "only closed": (f"a</think>{ANSWER}", "", False, False, f"<think>a</think>{ANSWER}", "def f(): return 1\n"),
    "opened, cut within it": ("def f(): return 0", "", True, True, "<think>def f(): return 0", ""),
    "about such tags": (ABOUT, "", False, False, ABOUT, "def f(s): return s.split('</think>')\n"),
    "closed after a quotation": (
        f'"a"</think>{ANSWER}',
        "",
        False,
        False,
        f'<think>"a"</think>{ANSWER}',
        "def f(): return 1\n",
    ),
    "closed after three ticks": (
        f"a ``` b</think>{ANSWER}",
        "",
        False,
        False,
        f"<think>a ``` b</think>{ANSWER}",
        "def f(): return 1\n",
    ),
    "quoted": (QUOTED, "", False, False, QUOTED, "def f(): return 1\n"),
    "closed after a block": (
        f"{ANSWER}\n</think>{ANSWER}",
        "",
        False,
        False,
        f"<think>{ANSWER}\n</think>{ANSWER}",
        "def f(): return 1\n",
    ),
    "no thinking": (ANSWER, "", False, False, ANSWER, "def f(): return 1\n"),
}


@pytest.mark.parametrize("name", THOUGHTS)
def test_reasoning_is_kept_and_never_taken_for_the_program(name: str) -> None:
    text, reasoning, cut, opened, kept, program = THOUGHTS[name]
    found = with_thinking(text, reasoning, cut=cut, opened=opened)
    assert found == kept and extract(DEFAULT, found, "", "f").source == program


@pytest.mark.parametrize(
    ("text", "answer"),
    [("yes ", "yes"), ("<think>is it?</think> yes", "yes"), ("is it?</think>yes", "yes"), ("<think>is it", None)],
)
def test_an_answer_is_what_follows_the_reasoning_and_without_its_end_there_is_none(
    text: str, answer: str | None
) -> None:
    assert without_reasoning(text) == answer
