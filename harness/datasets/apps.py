"""APPS (Hendrycks et al. 2021), competition and interview problems, MIT: `apps`, by path, in two layouts.

The data set's own (the hub's codeparrot/apps, train.jsonl and test.jsonl). A row:
    {"problem_id": 4000, "question", "solutions": JSON list of programs, "input_output": JSON {"inputs", "outputs",
     "fn_name" for calls}, "difficulty": "introductory", "url", "starter_code"}
and that of a selection by MapCoder (data/APPS/selected150.jsonl). A row:
    {"name": "3554", "description", "difficulty", "id": "3554", "starter_code", "sample_io",
     "test_list": [{"input": one literal a line, "output": [what is returned, or printed]}]}
Of the 150 rows of that selection 22 are there twice or three times: it has 128 problems.

With a starter code, or `fn_name`, the judge calls the function, also as a method of `Solution`; without, the program is
a script. The selection has lost the types of its arguments: a line is the literal that it looks like, unless the same
argument is no literal in another case; then it is a text. Results are compared as JSON has them, so that a tuple is a
list. Output is compared by words, numbers as they are written: the published metric also takes numbers that are only
close, and lines in another order.
Prompt and stops: bigcode_eval/tasks/apps.py, commit 8fc5bae. 4 s a case by the published metric: here CPU time.
"""

from __future__ import annotations

import ast
import json
from typing import Any

from harness.datasets import _methods
from harness.datasets._download import ByPath
from harness.datasets._fields import text
from harness.types import Problem
from sandbox.types import MIB, CallTests, Compare, Limits, StdioCase, StdioTests, Tests

SOURCE = ByPath(
    urls=("https://huggingface.co/datasets/codeparrot/apps",),
    file="test.jsonl",
    licence="MIT",
)
REPEATS = True
STOP = ("\nQUESTION", "\n---", "\nANSWER")
CASE_S, MOST_S = 4.0, 120.0
INSTRUCTION = (
    "Please provide a self-contained Python script that solves the following problem in a markdown code block.\n"
    "{prompt}\n"
)

# Asks every case; results as JSON has them. What JSON cannot hold is compared as it stands.
_CALLS = """
import json


def _plain(value):
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return value


for _arguments, _right in {cases}:
    assert _plain({name}(*_arguments)) in _right
"""


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has the keys of APPS, or of the selection."""
    selection = {"description", "test_list", "starter_code", "difficulty"}
    return row.keys() >= {"question", "input_output", "starter_code"} or row.keys() >= selection


def problem(row: dict[str, Any], dataset: str) -> Problem:
    """One row as a Problem. Raises KeyError for a missing key, ValueError for what is no test."""
    selected = "test_list" in row
    starter = text(row, "starter_code")
    question = text(row, "description" if selected else "question")
    name, tests, count = _selected(row, starter) if selected else _original(row)
    call = "\nUse Call-Based format" if name else "\nUse Standard Input format"
    cpu_s = min(MOST_S, CASE_S * (count if name else 1))
    return Problem(
        id=f"APPS/{row['id' if selected else 'problem_id']}",
        dataset=dataset,
        prompt=f"\nQUESTION:\n{question}\n{starter}{call}\nANSWER:\n",
        tests=tests,
        entry_point=name,
        references=tuple(_listed(row.get("solutions") or [], "solutions")),
        assembly=_methods.assembly(name),
        limits=Limits(cpu_s=cpu_s, wall_s=3 * cpu_s, memory_bytes=1024 * MIB),
        stop=STOP,
        instruction=INSTRUCTION,
        metadata={"difficulty": row.get("difficulty")},
    )


def _selected(row: dict[str, Any], starter: str) -> tuple[str, Tests, int]:
    """Function (empty for a script), tests and number of cases of a row of the selection."""
    cases = row["test_list"]
    if not isinstance(cases, list) or not cases:
        raise ValueError("test_list: at least one case is expected")
    for case in cases:
        if not isinstance(case["input"], str) or not isinstance(case["output"], list) or not case["output"]:
            raise ValueError("test_list: cases with a text as input and a list as output are expected")
    if not starter.strip():
        asked = [(case["input"], "\n".join(map(str, case["output"]))) for case in cases]
        return "", _script(asked), len(cases)
    name = _methods.function_of(starter)
    given = _arguments([case["input"].split("\n") for case in cases])
    # an output list of one is the value itself
    right = [case["output"][:1] if len(case["output"]) == 1 else [case["output"]] for case in cases]
    return name, _called(name, list(zip(given, right, strict=True))), len(cases)


def _original(row: dict[str, Any]) -> tuple[str, Tests, int]:
    """The same of a row in the data set's own layout."""
    about = row["input_output"]
    about = json.loads(about) if isinstance(about, str) else about
    inputs, outputs, name = about["inputs"], about["outputs"], about.get("fn_name") or ""
    if not inputs or len(inputs) != len(outputs):
        raise ValueError(f"input_output: {len(inputs)} inputs and {len(outputs)} outputs")
    if not name:
        return (
            "",
            _script([(_joined(given), _joined(printed)) for given, printed in zip(inputs, outputs, strict=True)]),
            1,
        )
    if not name.isidentifier():
        raise ValueError(f"fn_name: the name of a function is expected, not {name!r}")
    # the published metric takes what stands in a list of one too
    cases = [
        (list(given), [wanted, *wanted] if isinstance(wanted, list) and len(wanted) == 1 else [wanted])
        for given, wanted in zip(inputs, outputs, strict=True)
    ]
    return name, _called(name, cases), len(cases)


def _joined(value: Any) -> str:
    """What stands on standard input or output: a text, or its lines."""
    return value if isinstance(value, str) else "\n".join(map(str, value))


def _listed(value: Any, key: str) -> list[str]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"{key}: a list of programs is expected")
    return found


def _script(cases: list[tuple[str, str]]) -> StdioTests:
    return StdioTests(cases=tuple(StdioCase(stdin=a, stdout=b) for a, b in cases), compare=Compare.TOKENS)


def _called(name: str, cases: list[tuple[list[Any], list[Any]]]) -> CallTests:
    """Each case's arguments, and the results that are right."""
    return CallTests(source=_CALLS.format(cases=repr(cases), name=name), entry_point=name)


def _arguments(lines: list[list[str]]) -> list[list[Any]]:
    """Each case's arguments out of its lines: literals, but for those that are no literal in some case."""
    read = [[_literal(line) for line in case] for case in lines]
    width = max(map(len, read))
    texts = {at for at in range(width) for case in read if at < len(case) and case[at] is _TEXT}
    return [
        [line if at in texts else value for at, (line, value) in enumerate(zip(case, found, strict=True))]
        for case, found in zip(lines, read, strict=True)
    ]


_TEXT = object()


def _literal(line: str) -> Any:
    """The value that a line is, as Python or as JSON; `_TEXT` for none."""
    for read in (ast.literal_eval, json.loads):
        try:
            return read(line)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return _TEXT
