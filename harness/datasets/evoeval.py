"""EvoEval (Xia et al. 2024), problems evolved from HumanEval's, Apache-2.0: `evoeval`, by path.

From the releases of evo-eval/evoeval_release: EvoEval_difficult.jsonl.gz, EvoEval_creative, _subtle, _combine,
_tool_use, _verbose, _concise. A row:
    {"task_id": "EvoEval/0", "prompt", "entry_point", "canonical_solution",
     "inputs": [the arguments of a call as text], or "base_input" and "plus_input": [[arguments]]}

The expected results are those of the reference, which the judge runs beside the program; results agree as in
evoeval/eval_test (commit 2ee7645): of one type, floats within 1e-6 and a relative 1e-5. Its special
checks of single problems, where many answers are right, are not here. Those of `find_zero` and `make_palindrome` are
left out; in the creative set, EvoEval/26, 30 and 69 are judged by equality, so another right answer fails.
Prompts and stops are HumanEval's; the message for chat models is EvalPlus's.
"""

from __future__ import annotations

import re
from typing import Any

from harness.datasets._choice import LeftOut
from harness.datasets._download import ByPath
from harness.datasets._fields import text, texts
from harness.types import Problem
from sandbox.types import MIB, CallTests, Limits

SOURCE = ByPath(
    urls=("https://github.com/evo-eval/evoeval_release/releases",),
    file="EvoEval_difficult.jsonl.gz",
    licence="Apache-2.0",
)
PUBLISHED = re.compile(r"(?!)")  # the file's name says which of the seven a set is
STOP = ("\ndef", "\nclass", "\nprint", "\nif", "\n#", "\n@", "\n```", "<file_sep>")  # HumanEval's
LIMITS = Limits(cpu_s=10.0, wall_s=30.0, memory_bytes=1024 * MIB)
# Rows of any of the seven whose published check takes several answers: by the words of their entry points.
_MANY_ANSWERS = {"find_zero", "make_palindrome"}

_TESTS = """
import copy as _copy
import math as _math

_space = {{}}
exec({reference!r}, _space)
_reference = _space[{name!r}]


def _floats(value):
    return isinstance(value, float) or (
        isinstance(value, (list, tuple)) and all(isinstance(each, float) for each in value)
    )


def _kind(value):
    if _floats(value):
        return "float"
    return next((kind for kind in (bool, int, str, tuple, list, dict, set) if isinstance(value, kind)), type(value))


def _same(goal, found):
    if _kind(goal) != _kind(found):
        return False
    if isinstance(goal, float):
        if _math.isnan(goal) or _math.isnan(found):
            return _math.isnan(goal) and _math.isnan(found)
        return goal == found or abs(goal - found) <= 1e-6 + 1e-5 * abs(found)
    if isinstance(goal, (list, tuple)):
        return len(goal) == len(found) and all(map(_same, goal, found))
    if isinstance(goal, dict):
        return goal.keys() == found.keys() and all(_same(value, found[key]) for key, value in goal.items())
    return goal == found


for _arguments in [
{cases}
]:
    assert _same(_reference(*_copy.deepcopy(_arguments)), {name}(*_arguments))
"""


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row is EvoEval's: its ids say so."""
    return str(row.get("task_id", "")).startswith("EvoEval/") and "canonical_solution" in row


def problem(row: dict[str, Any], dataset: str) -> Problem | LeftOut:
    """One row as a Problem. Raises KeyError for a missing key, ValueError for one of another type."""
    name, entry_point, prompt = text(row, "task_id"), text(row, "entry_point"), text(row, "prompt")
    reference = text(row, "canonical_solution")
    if not entry_point.isidentifier():
        raise ValueError(f"entry_point: the name of a function is expected, not {entry_point!r}")
    if entry_point in _MANY_ANSWERS:
        return LeftOut(name, f"several answers are right, which a check of its own tells ({entry_point})")
    if "inputs" in row:
        cases = [f"[{each}]" for each in texts(row, "inputs")]
    else:
        cases = [repr(each) for each in [*row["base_input"], *row["plus_input"]]]
    source = _TESTS.format(
        reference=f"{prompt}\n{reference}", name=entry_point, cases="\n".join(f"    {each}," for each in cases)
    )
    return Problem(
        id=name,
        dataset=dataset,
        prompt=prompt,
        tests=CallTests(source=source, entry_point=entry_point),
        entry_point=entry_point,
        references=(reference,),
        limits=LIMITS,
        stop=STOP,
    )
