"""Code out of answers, as chat models really write them."""

from __future__ import annotations

import pytest

from harness.extract import code, defines, preamble

ANSWERS = {
    "one block": ("Here:\n```python\ndef f(x):\n    return x\n```\nDone.", "def f(x):\n    return x\n"),
    "no language": ("```\ndef f(x):\n    return x\n```", "def f(x):\n    return x\n"),
    "block that defines it wins over a later use": ("```python\ndef f(x): return 1\n```\nUse:\n```python\nprint(f(2))\n```", "def f(x): return 1\n"),
    "corrected answer wins": ("```python\ndef f(x): return 1\n```\nWait:\n```python\ndef f(x): return 2\n```", "def f(x): return 2\n"),
    "other language is left out": ("```bash\npip install x\n```\n```python\nf = 1\n```", "f = 1\n"),
    "unclosed fence": ("```python\ndef f(x):\n    return x", "def f(x):\n    return x"),
    "reasoning": ("<think>```python\ndef f(x): return 0\n```</think>\n```python\ndef f(x): return 1\n```", "def f(x): return 1\n"),
    "reasoning that never ended": ("<think>```python\ndef f(x): return 0\n```", ""),
    "no fence": ("def f(x):\n    return x\n", "def f(x):\n    return x"),
    "only another language": ("```bash\nls\n```", ""),
    "backticks inside": ('````python\ndef f(x):\n    """```"""\n````', 'def f(x):\n    """```"""\n'),
    "tildes": ("~~~python\ndef f(x): return 1\n~~~", "def f(x): return 1\n"),
    "windows lines": ("```python\r\ndef f(x): return 1\r\n```", "def f(x): return 1\r\n"),
    "empty": ("", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_the_program_is_found_in_the_answer(name: str) -> None:
    answer, expected = ANSWERS[name]
    assert code(answer, "f") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(x): pass", True),
        ("async def f(x): pass", True),
        ("class f: pass", True),
        ("f = lambda x: x", True),
        ("f: int = 1", True),
        ("def ff(x): pass", False),
        ("    def f(x): pass", False),
        ("f == 1", False),
        ("x = f(1)", False),
    ],
)
def test_a_definition_is_one_at_the_left_margin(source: str, expected: bool) -> None:
    assert defines(source, "f") is expected


def test_the_preamble_of_a_prompt_is_what_stands_before_its_function() -> None:
    prompt = "import math\n\ndef helper(x):\n    return x\n\ndef f(x):\n    '''Doc.'''\n"
    assert preamble(prompt, "f") == "import math\n\ndef helper(x):\n    return x\n\n"
    assert preamble('"""only words"""\n', "f") == ""
