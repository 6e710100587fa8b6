"""CRUXEval (Gu et al. 2024), 800 functions whose output or input is to be predicted, MIT: `cruxeval:output`, `:input`.

Download: facebookresearch/cruxeval, data/cruxeval.jsonl. A row:
    {"code": defines f, "input": the arguments as they stand in the call, "output": a literal, "id": "sample_0"}

An answer is data, not a program: it stands in the program as one string, and is read in the sandbox by
`ast.literal_eval`, never on the host. `output`: the judge calls f and compares with the literal that was answered.
`input`: the program is the data set's function, called with the literals that were answered; the judge compares what it
returns. The published evaluator takes any expression, so that `"a" * 3` is right there and wrong here: its prompt asks
for a literal. In twelve rows of `input` the data set's own input is none (it passes a function, a name of the
program's, a sum): only there the program takes an expression, in its own process; the judge still sees what f returns.

Prompts, stop and the marks of the answer: prompts.py and inference/tasks/, commit c7c7873. `--set cot=yes` has the
model think first, as there.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from harness.datasets._choice import Choice, Variants
from harness.datasets._download import Download
from harness.datasets._fields import text
from harness.datasets._limits import BRIEF
from harness.types import Assembly, Problem
from sandbox.types import CallTests

SOURCE = Download(
    urls=("https://github.com/facebookresearch/cruxeval/raw/main/data/cruxeval.jsonl",),
    sha256="8368b81047dc5014e4caf5a2f97604eff7644e0ecd7415e3ceeb184bbc2e0c96",
    file="cruxeval.jsonl",
    licence="MIT",
)
VARIANTS = Variants(kind="direction", names=("output", "input"))
OPTIONS = {"cot": "yes or no: whether the prompt has it think step by step; default no"}
STOP = ("[/ANSWER]",)
TAGS = ("[ANSWER]", "[/ANSWER]")
ENTRY_POINT = "answered"

_TASK = {
    "output": "You are given a Python function and an assertion containing an input to the function. Complete the "
    "assertion with a literal (no unsimplified expressions, no function calls) containing the output when executing "
    "the provided code on the given input, even if the function is incorrect or incomplete. Do NOT output any extra "
    "information. ",
    "input": "You will be given a function f and an output in the form f(??) == output. ",
}
_DIRECT = {
    "output": "Provide the full assertion with the correct output in [ANSWER] and [/ANSWER] tags, following the "
    "examples.\n\n"
    "[PYTHON]\ndef f(n):\n    return n\nassert f(17) == ??\n[/PYTHON]\n[ANSWER]\nassert f(17) == 17\n[/ANSWER]\n\n"
    '[PYTHON]\ndef f(s):\n    return s + "a"\nassert f("x9j") == ??\n[/PYTHON]\n[ANSWER]\n'
    'assert f("x9j") == "x9ja"\n[/ANSWER]\n\n',
    "input": "Find any input such that executing f on the input leads to the given output. There may be multiple "
    "answers, but you should only output one. In [ANSWER] and [/ANSWER] tags, complete the assertion with one such "
    "input that will produce the output when executing the function.\n\n"
    "[PYTHON]\ndef f(my_list):\n    count = 0\n    for i in my_list:\n        if len(i) % 2 == 0:\n"
    "            count += 1\n    return count\nassert f(??) == 3\n[/PYTHON]\n[ANSWER]\n"
    'assert f(["mq", "px", "zy"]) == 3\n[/ANSWER]\n\n'
    '[PYTHON]\ndef f(s1, s2):\n    return s1 + s2\nassert f(??) == "banana"\n[/PYTHON]\n[ANSWER]\n'
    'assert f("ba", "nana") == "banana"\n[/ANSWER]\n\n',
}
_THINKING = {
    "output": "Execute the program step by step before arriving at an answer, and provide the full assertion with the "
    "correct output in [ANSWER] and [/ANSWER] tags, following the examples.\n\n"
    '[PYTHON]\ndef f(s):\n    s = s + s\n    return "b" + s + "a"\nassert f("hi") == ??\n[/PYTHON]\n[THOUGHT]\n'
    "Let's execute the code step by step:\n\n"
    "1. The function f is defined, which takes a single argument s.\n"
    '2. The function is called with the argument "hi", so within the function, s is initially "hi".\n'
    '3. Inside the function, s is concatenated with itself, so s becomes "hihi".\n'
    '4. The function then returns a new string that starts with "b", followed by the value of s (which is now '
    '"hihi"), and ends with "a".\n'
    '5. The return value of the function is therefore "bhihia".\n'
    '[/THOUGHT]\n[ANSWER]\nassert f("hi") == "bhihia"\n[/ANSWER]\n\n',
    "input": "Your task is to find any input such that executing f on the input leads to the given output. There may "
    "be multiple answers, but only output one. First, think step by step. You MUST surround the answer with [ANSWER] "
    "and [/ANSWER] tags. Express your answer as a passing assertion containing the input and the given output.\n\n"
    "[PYTHON]\ndef f(x):\n    return x + 1\nassert f(??) == 17\n[/PYTHON]\n[THOUGHT]\n"
    "To find an input such that executing f on the input leads to the given output, we can work backwards from the "
    "given assertion. We know that f(??) == 17. \n\n"
    "Since the function f(x) returns x + 1, for f(??) to be equal to 17, the value of ?? should be 16. \n"
    "[/THOUGHT]\n[ANSWER]\nassert f(16) == 17\n[/ANSWER]\n\n",
}

# What runs in the sandbox around the answer's text. `_asserted`: the side of an assertion, or the answer by itself.
_READER = """
def _asserted(side, text):
    import ast
    text = text.rpartition("[ANSWER]")[2].partition("[/ANSWER]")[0].strip()
    for reading in (text, text.partition("\\n")[0]):
        try:
            first = ast.parse(reading).body[0]
            break
        except (SyntaxError, IndexError):
            continue
    else:
        raise ValueError("the answer cannot be read: it is no assertion and no literal")
    found = first.test if isinstance(first, ast.Assert) else getattr(first, "value", None)
    if isinstance(found, ast.Compare) and len(found.ops) == 1 and isinstance(found.ops[0], ast.Eq):
        found = found.comparators[0] if side == "output" else found.left
    return found


def _literal(node):
    import ast
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise ValueError("the answer is not a literal") from None


def _call(text):
    import ast
    call = _asserted("input", text)
    if not isinstance(call, ast.Call) or getattr(call.func, "id", None) != "f":
        raise ValueError("the answer is no call of f")
    return call
"""
_OUTPUT = _READER + '\n\ndef answered():\n    return _literal(_asserted("output", _TEXT))\n\n\n_TEXT = '
_INPUT = (
    _READER + "\n\ndef answered():\n    call = _call(_TEXT)\n"
    "    given = {each.arg: _literal(each.value) for each in call.keywords}\n"
    "    return f(*[_literal(each) for each in call.args], **given)\n\n\n_TEXT = "
)
_EXPRESSION = (
    _READER + '\n\ndef answered():\n    import ast\n    return eval(compile(ast.Expression(_call(_TEXT)), "answer", '
    '"eval"), globals())\n\n\n_TEXT = '
)


PUBLISHED = re.compile(r"sample_\d+")  # ids; a file with others in these columns is somebody's own set


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has CRUXEval's keys, and no other set's."""
    return row.keys() >= {"code", "input", "output", "id"} and "prompt" not in row


def problem(row: dict[str, Any], dataset: str, choice: Choice) -> Problem:
    """One row as a Problem. Raises KeyError for a missing key, ValueError for what is no Python or no option."""
    code, given, output = text(row, "code"), text(row, "input"), text(row, "output")
    thinking = choice.options.get("cot", "no")
    if thinking not in ("yes", "no"):
        raise ValueError(f"cot takes yes or no, not {thinking!r}")
    outward = choice.variant == "output"
    reader = _OUTPUT if outward else _INPUT if _is_data(given) else _EXPRESSION
    expected = f"f({given})" if outward else output
    return Problem(
        id=text(row, "id"),
        dataset=dataset,
        prompt=_prompt(code, given, output, choice.variant, thinking == "yes"),
        tests=CallTests(
            source=f"assert {ENTRY_POINT}() == ({expected})\n",
            entry_point=ENTRY_POINT,
            prelude=code,
        ),
        entry_point=ENTRY_POINT,
        references=(output if outward else f"f({given})",),
        assembly=Assembly(before=reader if outward else f"{code}\n{reader}", whole=True, quoted=True, tags=TAGS),
        limits=BRIEF,
        stop=STOP,
        instruction="{prompt}",
    )


def _prompt(code: str, given: str, output: str, variant: str, thinking: bool) -> str:
    asked = f"assert f({given}) == ??" if variant == "output" else f"assert f(??) == {output}"
    head = _TASK[variant] + (_THINKING if thinking else _DIRECT)[variant]
    return f"{head}[PYTHON]\n{code}\n{asked}\n[/PYTHON]\n{'[THOUGHT]' if thinking else '[ANSWER]'}\n"


def _is_data(given: str) -> bool:
    """Whether the arguments in a row are literals. Raises ValueError for what is no call."""
    try:
        call = ast.parse(f"f({given})", mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"input: not the arguments of a call ({error})") from error
    assert isinstance(call, ast.Call)
    try:
        for each in (*call.args, *[keyword.value for keyword in call.keywords]):
            ast.literal_eval(each)
    except ValueError:
        return False
    return True
