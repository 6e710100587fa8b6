"""Our own problem format: problems/README.md describes it key by key."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.datasets._integrity import call_tests
from harness.types import Problem
from sandbox.types import Compare, Integrity, Limits, StdioCase, StdioTests, Tests

# Where a base model's completion of a function ends: the next thing at the left margin, the most frequent first.
STOP = ("\ndef", "\nclass", "\nprint", "\nif", "\n#", "\n@", "\n```")

# For chat models, where the task is in words: EvalPlus's sentence (`harness.prompts.template.INSTRUCTION`) with what
# such a
# program reads and writes, and without a fence around what is no code.
STDIO_INSTRUCTION = (
    "Please provide a self-contained Python script that solves the following problem in a markdown code block. "
    "It reads standard input and writes to standard output.\n\n{prompt}\n"
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


_Points = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Call(_Strict):
    kind: Literal["call"]
    source: str
    integrity: Integrity | None = None
    points: tuple[_Points, ...] = ()


class _Case(_Strict):
    stdin: str
    stdout: str
    points: _Points = 1.0


class _Stdio(_Strict):
    kind: Literal["stdio"]
    cases: tuple[_Case, ...]
    compare: Compare = Compare.TRIMMED
    tolerance: float = 0.0


class _Limits(_Strict):
    wall_s: float = Limits().wall_s
    cpu_s: float = Limits().cpu_s
    memory_bytes: int = Limits().memory_bytes
    output_bytes: int = Limits().output_bytes
    disk_bytes: int = Limits().disk_bytes
    processes: int = Limits().processes
    open_files: int = Limits().open_files


class _Row(_Strict):
    id: Annotated[str, Field(min_length=1)]
    prompt: str
    entry_point: str = ""
    tests: Annotated[_Call | _Stdio, Field(discriminator="kind")]
    reference: str | None = None
    wrong: tuple[str, ...] = ()
    limits: _Limits | None = None
    loopback: bool = False
    metadata: dict[str, Any] = {}


def problem(row: dict[str, Any], dataset: str) -> Problem:
    """One row as a Problem. Raises ValueError: which key, and what is wrong with it."""
    try:
        parsed = _Row.model_validate(row)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}" for fault in error.errors()]
        raise ValueError("; ".join(faults)) from error
    if parsed.tests.kind == "call" and not parsed.entry_point.isidentifier():
        raise ValueError(f"entry_point: the name of a function is expected, not {parsed.entry_point!r}")
    return Problem(
        id=parsed.id,
        dataset=dataset,
        prompt=parsed.prompt,
        tests=_tests(parsed),
        points=_points(parsed),
        entry_point=parsed.entry_point,
        references=() if parsed.reference is None else (parsed.reference,),
        wrong=parsed.wrong,
        limits=Limits(**parsed.limits.model_dump()) if parsed.limits else None,
        loopback=parsed.loopback,
        stop=STOP if parsed.tests.kind == "call" else ("\n```",),
        instruction="" if parsed.tests.kind == "call" else STDIO_INSTRUCTION,
        metadata=parsed.metadata,
    )


def _points(row: _Row) -> tuple[float, ...]:
    """Empty where every case has one. Raises ValueError where all of them have none."""
    points = tuple(case.points for case in row.tests.cases) if isinstance(row.tests, _Stdio) else row.tests.points
    if points and not any(points):
        raise ValueError("tests: every case has 0 points; at least one must count")
    return () if isinstance(row.tests, _Stdio) and all(each == 1 for each in points) else points


def _tests(row: _Row) -> Tests:
    if isinstance(row.tests, _Stdio):
        cases = tuple(StdioCase(stdin=case.stdin, stdout=case.stdout) for case in row.tests.cases)
        return StdioTests(cases=cases, compare=row.tests.compare, tolerance=row.tests.tolerance)
    # a suite of unittest classes runs itself; a function `check` is called
    call = f"\ncheck({row.entry_point})\n" if "def check(" in row.tests.source else "\n"
    tests = call_tests(row.tests.source + call, row.entry_point, prelude=row.prompt)
    return dataclasses.replace(tests, integrity=row.tests.integrity) if row.tests.integrity else tests
