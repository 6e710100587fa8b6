"""MBPP+ v0.2.0 (Liu et al. 2023), 378 problems with about 35 times MBPP's tests, Apache-2.0.

Download: evalplus/mbppplus_release, MbppPlus-OriginFmt.jsonl.gz. A row:
    {"task_id": "2", "code": a whole program, "prompt": one sentence, "test_imports": "[]", "test_list": "[...]",
     "test": stand-alone: numpy, the oracle, inputs with Python's types, expected results, a loop over them}
EvalPlus's own file (MbppPlus.jsonl) has lost tuples, sets and complex numbers to JSON; it is not read. Only how many of
the inputs are its base tests was taken from there: MBPP's own, which come first.
"""

from __future__ import annotations

import ast
import dataclasses
from typing import Any

from harness.datasets import mbpp
from harness.datasets._download import Download
from harness.datasets._fields import text
from harness.datasets._integrity import call_tests
from harness.types import Problem
from sandbox.types import MIB, Integrity, Limits

SOURCE = Download(
    urls=("https://github.com/evalplus/mbppplus_release/releases/download/v0.2.0/MbppPlus-OriginFmt.jsonl.gz",),
    sha256="7a5aec547b134fa297ee6c45f829298aa3f58de02547b8d8a5c3d85d9cb10efc",
    file="MbppPlus-OriginFmt.jsonl.gz",
    licence="Apache-2.0",
)
PUBLISHED = mbpp.PUBLISHED
FEW_SHOT = mbpp.FEW_SHOT
LIMITS = Limits(cpu_s=10.0, wall_s=20.0, memory_bytes=1024 * MIB)
# Whose reference needs more: at least four times what it takes, after EvalPlus's own rule. 255 holds 2.3 GB of tuples.
SLOW = {
    "Mbpp/255": Limits(cpu_s=40.0, wall_s=60.0, memory_bytes=4096 * MIB),
    "Mbpp/271": Limits(cpu_s=30.0, wall_s=60.0),
    "Mbpp/392": Limits(cpu_s=40.0, wall_s=60.0),
    "Mbpp/599": Limits(cpu_s=120.0, wall_s=180.0),
    "Mbpp/603": Limits(cpu_s=30.0, wall_s=60.0),
}
# Its results are 2.3 GB of tuples, which would take minutes to copy to the judge.
IN_SANDBOX = {"Mbpp/255"}

# How many base tests a problem has where they are not three.
BASE_CASES = {
    3: 5, 6: 6, 58: 4, 162: 4, 172: 5, 226: 4, 721: 4, 723: 4, 724: 4, 725: 4, 726: 4, 730: 4, 735: 5, 752: 4, 754: 4,
    755: 4, 758: 4, 759: 5, 764: 4, 766: 4, 767: 4, 773: 4, 780: 4, 785: 4, 787: 4, 791: 4, 799: 6, 800: 4, 803: 6,
}  # fmt: skip


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has the keys of MBPP+ in its original format."""
    return row.keys() >= {"task_id", "code", "prompt", "test", "test_list"}


def problem(row: dict[str, Any], dataset: str) -> Problem:
    """One row as a Problem. Raises KeyError for a missing key, ValueError for a list that is none."""
    examples, imports = _list(row["test_list"]), _list(row.get("test_imports", "[]"))
    if not examples:
        raise ValueError("test_list: at least one test is expected")
    entry_point = mbpp.called(examples[0])
    problem_id = f"Mbpp/{row['task_id']}"
    # the whole test calls as its examples do, and is up to 800 kB long
    tests = call_tests("\n".join(examples), entry_point, setup="\n".join(imports))
    if problem_id in IN_SANDBOX:
        tests = dataclasses.replace(tests, integrity=Integrity.IN_SANDBOX)
    repeatable = tests.integrity is Integrity.JUDGED and PUBLISHED.fullmatch(str(row["task_id"])) is not None
    return Problem(
        id=problem_id,
        dataset=dataset,
        prompt=mbpp.docstring(text(row, "prompt"), examples[0]),
        tests=dataclasses.replace(tests, source=text(row, "test"), repeatable=repeatable),
        entry_point=entry_point,
        references=(text(row, "code"),),
        limits=SLOW.get(problem_id, LIMITS),
        base_cases=BASE_CASES.get(int(number), 3) if (number := str(row["task_id"])).isdecimal() else None,
        stop=mbpp.STOP,
        metadata={"text": text(row, "prompt"), "tests": "\n".join(examples)},
    )


def _list(value: object) -> list[str]:
    """A list of strings, given as one or as its Python literal."""
    try:
        found = ast.literal_eval(value) if isinstance(value, str) else value
    except SyntaxError:
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"a list of strings is expected, not {value!r}")
    return found
