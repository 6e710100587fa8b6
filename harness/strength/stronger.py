"""The problem set with the telling inputs as further tests, in our own format."""

from __future__ import annotations

import ast
import builtins
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.strength.drivers import Answer
from harness.strength.inputs import Call
from harness.strength.measure import Difference, ProblemStrength, call_text
from harness.types import Problem
from sandbox import CallTests

_RAISES = """def _raises(candidate, error, *args, **kwargs):
    try:
        candidate(*args, **kwargs)
    except error:
        return True
    return False


"""


def own_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Id -> row of a set in our own format; empty for a file of another one."""
    if path.suffix != ".jsonl":
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {row["id"]: row for row in rows if isinstance(row.get("tests"), dict) and "id" in row}


def telling_inputs(strength: ProblemStrength) -> list[int]:
    """The fewest inputs, greedily, that tell every survivor and disagreeing completion from the reference.

    Only those whose answer can be written as a test.
    """
    left = [
        {number for number in each.inputs if _writable(strength.answers[number])}
        for each in (*strength.survivors, *strength.disagreeing)
    ]
    left = [each for each in left if each]
    chosen = []
    while left:
        counts: dict[int, int] = {}
        for each in left:
            for number in each:
                counts[number] = counts.get(number, 0) + 1
        best = min(counts, key=lambda number: (-counts[number], len(repr(strength.calls[number])), number))
        chosen.append(best)
        left = [each for each in left if best not in each]
    return sorted(chosen)


def unwritten(strength: ProblemStrength) -> list[Difference]:
    """What no written test would tell: programs that do not end, or whose answers hold floats within other values."""
    differences = (*strength.survivors, *strength.disagreeing)
    return [each for each in differences if not any(_writable(strength.answers[number]) for number in each.inputs)]


def stronger_rows(
    problems: Mapping[str, Problem], strengths: Mapping[str, ProblemStrength], rows: Mapping[str, dict[str, Any]]
) -> Iterator[str]:
    """JSON lines of the set: each problem with its telling inputs added. rows: those that are in our own format."""
    for name, problem in problems.items():
        row = json.loads(json.dumps(rows.get(name) or _row(problem)))
        found = strengths.get(name)
        if found is not None and row["tests"]["kind"] == "call":
            added = [(found.calls[number], found.answers[number]) for number in telling_inputs(found)]
            row["tests"]["source"] = with_tests(row["tests"]["source"], problem.entry_point, added)
        yield json.dumps(row, ensure_ascii=False) + "\n"


def with_tests(source: str, entry_point: str, added: list[tuple[Call, Answer]]) -> str:
    """Test source with an assertion for each call: at the end of `check` where there is one, else at its end.

    So too where `check` is one line, or ends in a `return`, after which nothing runs.
    """
    if not added:
        return source
    tree = ast.parse(source)
    check = next((each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "check"), None)
    if check is not None and (check.body[-1].lineno == check.lineno or isinstance(check.body[-1], ast.Return)):
        check = None
    name = check.args.args[0].arg if check is not None and check.args.args else entry_point
    indent = " " * (check.body[-1].col_offset if check is not None else 0)
    lines = [f"{indent}{_assertion(name, call, answer)}" for call, answer in added]
    kept = source.split("\n")
    end = check.end_lineno if check is not None else None
    at = end or len(source.rstrip("\n").split("\n"))
    text = "\n".join([*kept[:at], *lines, *kept[at:]])
    if any(isinstance(answer.value, float) for _, answer in added) and not _has_math(tree):
        text = _headed("import math\n\n\n", text)
    if any(answer.raised for _, answer in added) and "def _raises(" not in source:
        text = _headed(_RAISES, text)
    return text


def _headed(head: str, source: str) -> str:
    """`head` in front of a source, but after what must come first there."""
    future = [
        each for each in ast.parse(source).body if isinstance(each, ast.ImportFrom) and each.module == "__future__"
    ]
    lines = source.split("\n")
    at = future[-1].end_lineno or 0 if future else 0
    return "\n".join([*lines[:at], head + "\n".join(lines[at:])])


def _has_math(tree: ast.Module) -> bool:
    return any(isinstance(each, ast.Import) and any(alias.name == "math" for alias in each.names) for each in tree.body)


def _assertion(name: str, call: Call, answer: Answer) -> str:
    text = call_text(name, call)
    if answer.raised:
        arguments = text[len(name) + 1 : -1]
        return f"assert _raises({name}, {answer.raised}{', ' if arguments else ''}{arguments})"
    if isinstance(answer.value, float) and not math.isfinite(answer.value):
        return f"assert {text} == float({str(answer.value)!r})"
    if isinstance(answer.value, float):
        return f"assert math.isclose({text}, {answer.value!r}, rel_tol=1e-6, abs_tol=1e-6)"
    if answer.value is None or isinstance(answer.value, bool):
        return f"assert {text} is {answer.value!r}"
    return f"assert {text} == {answer.value!r}"


def _writable(answer: Answer) -> bool:
    """Whether a test says it: not of floats inside other values, whose last digit is the reference's own, and not of
    exceptions that the program defines, whose names the tests do not know.
    """
    if answer.raised:
        error = getattr(builtins, answer.raised, None)
        return isinstance(error, type) and issubclass(error, BaseException)
    if isinstance(answer.value, float):
        return not math.isnan(answer.value)
    return not _holds_float(answer.value)


def _holds_float(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_float(each) for pair in value.items() for each in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return any(_holds_float(each) for each in value)
    return isinstance(value, float | complex) and not (isinstance(value, float) and value.is_integer())


def _row(problem: Problem) -> dict[str, Any]:
    """A problem of another format in ours."""
    assert isinstance(problem.tests, CallTests)
    source = problem.tests.source
    if "def check(" in source:  # called by whoever reads the set
        source = source.rstrip().removesuffix(f"check({problem.entry_point})")
    row = {
        "id": problem.id,
        "prompt": problem.prompt,
        "entry_point": problem.entry_point,
        "tests": {"kind": "call", "source": f"{problem.tests.setup}\n{source}".lstrip("\n")},
        "reference": problem.references[0] if problem.references else "",
        "wrong": list(problem.wrong),
    }
    return {**row, "metadata": dict(problem.metadata)} if problem.metadata else row
