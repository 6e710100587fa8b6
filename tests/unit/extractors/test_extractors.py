"""What each extractor takes out of a reply, to the letter; that the text is wrong or hostile changes nothing."""

from __future__ import annotations

import time

import pytest

from harness.extractors import EXTRACTORS, extract
from harness.extractors._python import defines, preamble

PROMPT = 'import math\n\n\ndef f(x):\n    """Twice x."""\n'
ONE, TWO = "def f(x):\n    return x + x\n", "def f(x):\n    return 2 * x\n"
FIRST_AND_LAST = f"One:\n```python\n{ONE}```\nTwo:\n```python\n{TWO}```\nUse:\n```python\nprint(f(3))\n```\n"


def taken(name: str, reply: str, prompt: str = "") -> str:
    return extract(name, reply, prompt, "f").source


AUTO = {
    "one block": (f"Here:\n```python\n{TWO}```\nDone.", TWO),
    "the last definition, not the use": (FIRST_AND_LAST, TWO),
    "reasoning": (f"<think>```python\n{ONE}```</think>\n```python\n{TWO}```", TWO),
    "reasoning without its opening tag": (f"```python\n{ONE}```\n</think>\n```python\n{TWO}```", TWO),
    "reasoning on the answer's line": (f"<think>double it</think>```python\n{TWO}```", TWO),
    "reasoning on the program's line": (f"<think>so: x + x, or </think>{TWO}", TWO),
    "reasoning that quotes its tag": (f"<think>not `</think>` yet:\n```python\n{ONE}```\n</think>{TWO}", TWO),
    "reasoning without its opening tag, on the answer's line": (f"double it</think>```python\n{TWO}```", TWO),
    "reasoning that never ended": (f"<think>```python\n{ONE}```", ""),
    "windows newlines": (f"```python\n{TWO}```".replace("\n", "\r\n"), TWO),
    "only another language": ("```bash\nls\n```", ""),
    "backticks in a longer fence": (
        '````python\ndef f(x):\n    """```"""\n    return x\n````',
        'def f(x):\n    """```"""\n    return x\n',
    ),
    "usage after it is left out": (f"```python\n{TWO}\ny = f(1)\nprint(y)\n```", TWO),
    "main guard is left out": (f"```python\n{TWO}if __name__ == '__main__':\n    f(1)\n```", TWO),
    "what it needs is kept": (
        "```python\ndef f(x):\n    return K * x\nK = 2\n```",
        "def f(x):\n    return K * x\nK = 2\n",
    ),
    "a method is made reachable": (
        "```python\nclass Solution:\n    def f(self, x):\n        return 2 * x\n```",
        "class Solution:\n    def f(self, x):\n        return 2 * x\n\n\n"
        "def f(*args, **kwargs):\n    return Solution().f(*args, **kwargs)\n",
    ),
    "no program": ("I would double it.", ""),
    "empty": ("", ""),
}


@pytest.mark.parametrize("name", AUTO)
def test_auto_takes_the_program_that_is_meant(name: str) -> None:
    reply, expected = AUTO[name]
    assert taken("auto", reply) == expected


def test_the_plain_extractors_take_a_block_as_it_stands() -> None:
    assert taken("first", FIRST_AND_LAST) == ONE
    assert taken("last", FIRST_AND_LAST) == "print(f(3))\n"
    assert taken("longest", f"```python\n{TWO}```\n```\n{'not python ' * 9}\n```") == TWO
    assert taken("whole", FIRST_AND_LAST) == FIRST_AND_LAST
    for name in ("first", "last", "longest"):
        assert taken(name, TWO) == TWO


@pytest.mark.parametrize(
    "body", ["    return 2 * x", "return 2 * x", "```\n    y = 2 * x\n    return y\n```", "\treturn 2 * x"]
)
def test_a_bare_body_continues_the_prompt(body: str) -> None:
    found = taken("auto", body, PROMPT)
    scope: dict[str, object] = {}
    assert found.startswith(PROMPT)
    exec(found, scope)  # this text is ours
    assert scope["f"](21) == 42  # type: ignore[operator]


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


MEGABYTE = 1_000_000
HOSTILE = {
    "fences": "```python\n", "two fences": "```\n~~~\n", "list fences": "- ```py\n", "backticks": "`", "spaces": " ",
    "newlines": "\n", "tags": "<think>\n", "closed tags": "<think>\na</think>\n", "stray tags": "</think> ",
    "definitions": "def f(x): return 1\n", "calls": "f(1)\n", "prose like code": "if it is so, then\n", "nulls": "\0",
    "quotes": '"""\n', "prompts": ">>> x\n", "decorators": "@a\n", "commas": "a,", "half pairs": "\ud800",
    "blocks": "```python\ndef f(x):\n    return 1\n```\n", "broken blocks": "```python\ndef f(x)\n    return\n```\n",
}  # fmt: skip
OPEN = {"(": "(", "sums": "a+", "digits": "9", "minus": "-", "lists": "[" * 90 + "]" * 90 + "\n", "calls": "f(1)\n"}


@pytest.mark.parametrize("name", [*HOSTILE, *(f"a block of {each}" for each in OPEN)])
def test_a_hostile_megabyte_takes_less_than_a_second_of_processor_time(name: str) -> None:
    unit = HOSTILE.get(name) or OPEN[name.removeprefix("a block of ")]
    reply = ("" if name in HOSTILE else "```python\nx = ") + unit * (MEGABYTE // len(unit))
    for each in EXTRACTORS:
        before = time.process_time()
        extract(each, reply, PROMPT, "f")
        # 0.1 to 0.7 s on a busy core; what is quadratic takes minutes
        assert time.process_time() - before < 2
