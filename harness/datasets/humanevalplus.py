"""HumanEval+ v0.1.10 (Liu et al. 2023), 164 problems with about 80 times HumanEval's tests, Apache-2.0.

Download: evalplus/humanevalplus_release, HumanEvalPlus-OriginFmt.jsonl.gz: HumanEval's five keys, where `test` is a
stand-alone check(candidate) with its inputs, its expected results and numpy's allclose for floats.

One repair: the published test of HumanEval/32 calls `_poly(*candidate(*inp), inp)`, which no right answer can pass
(the answer is a float). EvalPlus's own evaluator checks |poly(xs, answer)| instead; so does the repaired text.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from harness.datasets import humaneval
from harness.datasets._download import Download
from harness.datasets._fields import text
from harness.types import Problem
from sandbox.types import MIB, Limits

SOURCE = Download(
    urls=(
        "https://github.com/evalplus/humanevalplus_release/releases/download/v0.1.10/HumanEvalPlus-OriginFmt.jsonl.gz",
    ),
    sha256="daa7661c8189924068069b0872a440b491edb60f8bdf431d5957adc88d18bae5",
    file="HumanEvalPlus-OriginFmt.jsonl.gz",
    licence="Apache-2.0",
)
REPAIR = ("_poly(*candidate(*inp), inp) <= 0.0001", "abs(_poly(*inp, candidate(*inp))) <= 0.0001")
LIMITS = Limits(cpu_s=10.0, wall_s=20.0, memory_bytes=1024 * MIB)
# Whose reference takes over 2 s: at least four times its CPU time on a busy machine, after EvalPlus's own rule.
SLOW_LIMITS = Limits(cpu_s=40.0, wall_s=60.0, memory_bytes=1024 * MIB)
SLOW = {"HumanEval/15", "HumanEval/36", "HumanEval/59", "HumanEval/83", "HumanEval/130", "HumanEval/139"}


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row is HumanEval's with the tests of HumanEval+."""
    return row.keys() >= humaneval.KEYS and "def assertion(" in str(row["test"])


def problem(row: dict[str, Any], dataset: str) -> Problem:
    """One row as a Problem, with limits for the larger tests."""
    if row["task_id"] == "HumanEval/32":
        row = {**row, "test": text(row, "test").replace(*REPAIR)}
    limits = SLOW_LIMITS if row["task_id"] in SLOW else LIMITS
    return dataclasses.replace(humaneval.problem(row, dataset), limits=limits)
