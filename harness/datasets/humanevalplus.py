"""HumanEval+ v0.1.10 (Liu et al. 2023), 164 problems with about 80 times HumanEval's tests, Apache-2.0.

Download: evalplus/humanevalplus_release, HumanEvalPlus-OriginFmt.jsonl.gz: HumanEval's five keys, where `test` is a
stand-alone check(candidate) with its inputs, its expected results and numpy's allclose for floats.

One repair: the published test of HumanEval/32 calls `_poly(*candidate(*inp), inp)`, which no right answer can pass
(the answer is a float). EvalPlus's own evaluator checks |poly(xs, answer)| instead; so does the repaired text.

The base tests come first: the inputs of HumanEval's own tests, as EvalPlus took them over. How many they are stands in
EvalPlus's other file alone (HumanEvalPlus.jsonl.gz of the same release, `base_input`); here each is there once.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.datasets import humaneval
from harness.datasets._download import Download
from harness.datasets._fields import text
from harness.types import Problem
from sandbox.types import MIB, CallTests, Limits

SOURCE = Download(
    urls=(
        "https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus-OriginFmt.jsonl.gz",
    ),
    sha256="daa7661c8189924068069b0872a440b491edb60f8bdf431d5957adc88d18bae5",
    file="HumanEvalPlus-OriginFmt.jsonl.gz",
    licence="Apache-2.0",
)
PUBLISHED = humaneval.PUBLISHED
REPAIR = ("_poly(*candidate(*inp), inp) <= 0.0001", "abs(_poly(*inp, candidate(*inp))) <= 0.0001")
LIMITS = Limits(cpu_s=10.0, wall_s=20.0, memory_bytes=1024 * MIB)
# Whose reference takes over 2 s: at least four times its CPU time on a busy machine, after EvalPlus's own rule.
SLOW_LIMITS = Limits(cpu_s=40.0, wall_s=60.0, memory_bytes=1024 * MIB)
SLOW = {"HumanEval/15", "HumanEval/36", "HumanEval/59", "HumanEval/83", "HumanEval/130", "HumanEval/139"}

# The base tests of HumanEval/0, /1, ...
BASE_CASES = (
    7, 4, 3, 6, 3, 3, 3, 4, 5, 4, 5, 3, 3, 4, 3, 3, 5, 5, 4, 5, 5, 5, 3, 3, 5, 8, 3, 3, 3, 2, 4, 12, 99, 7, 1, 2, 8, 3,
    100, 10, 9, 5, 3, 9, 12, 3, 4, 5, 7, 7, 100, 7, 6, 105, 7, 5, 12, 8, 4, 5, 5, 12, 5, 7, 7, 5, 8, 7, 8, 25, 9, 9, 6,
    8, 9, 4, 10, 9, 7, 4, 8, 6, 16, 5, 5, 4, 7, 6, 7, 8, 6, 6, 10, 5, 9, 7, 10, 8, 7, 5, 5, 6, 8, 12, 4, 5, 4, 8, 8, 5,
    7, 7, 9, 3, 12, 5, 7, 7, 13, 12, 11, 7, 5, 4, 16, 8, 13, 8, 8, 10, 10, 7, 14, 12, 10, 5, 11, 8, 8, 4, 5, 26, 11, 7,
    12, 6, 7, 4, 7, 7, 10, 7, 4, 9, 6, 8, 14, 11, 10, 6, 3, 8, 4, 4,
)  # fmt: skip


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row is HumanEval's with the tests of HumanEval+."""
    return row.keys() >= humaneval.KEYS and "def assertion(" in str(row["test"])


def problem(row: dict[str, Any], dataset: str) -> Problem:
    """One row as a Problem, with limits for the larger tests."""
    if row["task_id"] == "HumanEval/32":
        row = {**row, "test": text(row, "test").replace(*REPAIR)}
    limits = SLOW_LIMITS if row["task_id"] in SLOW else LIMITS
    found = humaneval.problem(row, dataset)
    number = int(found.id.rpartition("/")[2]) if humaneval.PUBLISHED.fullmatch(found.id) else len(BASE_CASES)
    base = BASE_CASES[number] if number < len(BASE_CASES) else None  # a file with other problems in these columns
    tests = found.tests
    if base is not None and isinstance(tests, CallTests):
        tests = dataclasses.replace(tests, repeatable=True)
    return dataclasses.replace(found, tests=tests, limits=limits, base_cases=base)
