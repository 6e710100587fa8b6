"""LiveCodeBench (Jain et al. 2024), problems of contests with their dates: `livecodebench`, by path.

From the hub's data set livecodebench/code_generation_lite: test.jsonl, test2.jsonl ... (one for each release; several
are one file after `cat`). A row:
    {"question_title", "question_content", "platform", "question_id": "abc301_a", "contest_id",
     "contest_date": "2024-08-10T00:00:00", "starter_code": "" or a class Solution, "difficulty",
     "public_test_cases": JSON of [{"input", "output", "testtype": "stdin" or "functional"}],
     "private_test_cases": the same, or base64 of zlib of a pickle of the same text, "metadata": JSON {"func_name"}}

`--set from=2024-08,to=2025-02` is the window of contest dates, both ends in it; it stands in the signature. The pickle
is read as text and never unpickled (`_text_pickle`).

Judged as the published evaluator does (lcb_runner/evaluation/testing_util.py, commit 15808c7), but for three points:
standard input is a real pipe and not a mock, a program is run as a script of its own for each case, and the arguments
of a call are in the judge's process. A tuple that a function returns is a list; lines are compared without white space
at their ends, and lines of numbers as decimals. 6 s a case; a function has that for all of its cases together, at least
6 and at most 120.
Prompts: lcb_runner/prompts/code_generation.py, commit 0b6e5ff, its generic one with the system message in front, and
for base models its headings without the example.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from typing import Any

from harness.datasets import _methods
from harness.datasets._choice import Choice, Outside
from harness.datasets._download import ByPath
from harness.datasets._fields import text
from harness.datasets._text_pickle import pickled_text
from harness.files.jsonl import parse_json
from harness.files.limits import limits, size_label
from harness.types import Problem
from sandbox.types import MIB, CallTests, Compare, Limits, StdioCase, StdioTests, Tests

SOURCE = ByPath(
    urls=("https://huggingface.co/datasets/livecodebench/code_generation_lite",),
    file="test6.jsonl",
    licence="CC-BY-4.0",
)
OPTIONS = {"from": "the first month or day, such as 2024-08", "to": "the last month or day, such as 2025-02"}
STOP = ("###",)
CASE_S, MOST_S = 6.0, 120.0
INSTRUCTION = (
    "You are an expert Python programmer. You will be given a question (problem specification) and will generate a "
    "correct Python program that matches the specification and passes all tests. You will NOT return anything except "
    "for the program.\n\n### Question:\n{question}\n\n### Format: {format}\n```python\n{starter}\n```\n\n"
    "### Answer: (use the provided format with backticks)\n\n"
)
FORMAT = {
    True: "You will use the following starter code to write the solution to the problem and enclose your code within "
    "delimiters.",
    False: "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the "
    "sample inputs). Enclose your code within delimiters as follows.",
}
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?")

# Asks every case as it stands in the data: one JSON value a line.
_CALLS = """
import json


def _plain(value):
    return list(value) if isinstance(value, tuple) else value


for _given, _expected in {cases!r}:
    _arguments = [json.loads(line) for line in _given.split("\\n")]
    assert _plain({name}(*_arguments)) == json.loads(_expected)
"""


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has LiveCodeBench's keys."""
    return row.keys() >= {"question_content", "contest_date", "public_test_cases", "private_test_cases"}


def problem(row: dict[str, Any], dataset: str, choice: Choice) -> Problem | Outside:
    """One row as a Problem; Outside for one whose contest is not in the window.

    Raises KeyError for a missing key, ValueError for what is no day, no test, or a pickle of more than text.
    """
    day = text(row, "contest_date")[:10]
    if not _in_window(day, choice):
        return Outside(day)
    cases = [*_cases(row, "public_test_cases"), *_cases(row, "private_test_cases")]
    starter = text(row, "starter_code")
    name = _function(row, cases)
    question = text(row, "question_content")
    shown = f"### Starter Code\n{starter}\n\n" if starter else ""
    return Problem(
        id=text(row, "question_id"),
        dataset=dataset,
        prompt=f"### Question\n{question}\n\n{shown}### Answer\n\n",
        tests=_tests(cases, name),
        entry_point=name,
        assembly=_methods.assembly(name),
        limits=_limits(len(cases) if name else 1),
        stop=STOP,
        instruction=INSTRUCTION,
        metadata={
            "question": question,
            "starter": starter or "# YOUR CODE HERE",
            "format": FORMAT[bool(starter)],
            "contest_date": day,
            "difficulty": row.get("difficulty"),
            "platform": row.get("platform"),
        },
    )


def _in_window(day: str, choice: Choice) -> bool:
    first, last = choice.options.get("from", "0000-01"), choice.options.get("to", "9999-12")
    for name, given in choice.options.items():
        if not _DAY.fullmatch(given):
            raise ValueError(f"{name} takes a month or a day, such as 2024-08 or 2024-08-15, not {given!r}")
    if first[:7] > last[:7] or (len(first) == len(last) and first > last):
        raise ValueError(f"the window begins after its end: from={first}, to={last}")
    if not _DAY.fullmatch(day):
        raise ValueError(f"contest_date: a day such as 2024-08-10 is expected, not {day!r}")
    return day[: len(first)] >= first and day[: len(last)] <= last


def _cases(row: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The cases under a key, however they are packed. Raises ValueError."""
    value = row[key]
    if isinstance(value, str):
        packed = not value.lstrip().startswith("[")
        value = parse_json((_unpacked(value, key) if packed else value).encode(), key, ValueError)  # type: ignore[arg-type]  # any class of ours
    wanted = ("input", "output", "testtype")
    if not isinstance(value, list) or not all(
        isinstance(each, dict) and all(isinstance(each.get(name), str) for name in wanted) for each in value
    ):
        raise ValueError(f"{key}: a list of cases with the texts input, output and testtype is expected")
    return value


def _unpacked(packed: str, key: str) -> str:
    """The text in base64 of zlib of a pickle. Raises ValueError."""
    most = limits().document_bytes
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(base64.b64decode(packed, validate=True), most)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"{key}: neither JSON nor base64 of zlib ({error})") from error
    if reader.unconsumed_tail or not reader.eof:
        raise ValueError(f"{key}: it unpacks to more than {size_label(most)}, or is cut off")
    try:
        return pickled_text(data)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _function(row: dict[str, Any], cases: list[dict[str, Any]]) -> str:
    """The function that the cases call; empty for a script. Raises ValueError where they are of two kinds."""
    kinds = {each["testtype"] for each in cases}
    if not kinds:
        raise ValueError("there are no test cases")
    if kinds == {"stdin"}:
        return ""
    metadata = row.get("metadata") or "{}"
    name = (json.loads(metadata) if isinstance(metadata, str) else metadata).get("func_name")
    if kinds != {"functional"} or not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"testtype: stdin, or functional with func_name in metadata, is expected, not {sorted(kinds)}")
    return name


def _tests(cases: list[dict[str, Any]], name: str) -> Tests:
    if not name:
        asked = tuple(StdioCase(stdin=each["input"], stdout=each["output"]) for each in cases)
        return StdioTests(cases=asked, compare=Compare.DECIMALS)
    pairs = [(each["input"], each["output"]) for each in cases]
    return CallTests(source=_CALLS.format(cases=pairs, name=name), entry_point=name)


def _limits(cases: int) -> Limits:
    cpu_s = min(MOST_S, CASE_S * cases)
    return Limits(cpu_s=cpu_s, wall_s=3 * cpu_s, memory_bytes=2048 * MIB)
