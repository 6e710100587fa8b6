"""Programs, tests and executions as text, for a sandbox that another machine has.

A batch is one JSON object, `{"tests": {KEY: tests}, "items": [item, ...]}`; an item is a program, its limits and the
key of its tests. Tests are sent once to a machine, which keeps them by their key: the SHA-256 of their text. An answer
is a line of JSON: `{"index": n, "execution": ...}`, or `{"index": n, "missing": KEY}` where the machine has the tests
no longer. All text is ASCII: a lone surrogate of a program passes, as it does in Python's json.

What is read here was written by a client or by a machine of ours: every value's type is checked, none is believed.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import json
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from sandbox.types import (
    CallTests,
    Compare,
    Execution,
    FailedCase,
    Integrity,
    Limits,
    Program,
    ProgramTests,
    StdioCase,
    StdioTests,
    Tests,
    Verdict,
)

KEPT_TESTS_BYTES = 256 * 1024 * 1024  # of text, on the machine that runs the programs
Json = Mapping[str, Any]
Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A program to run. tests: their key; None where there are none."""

    program: Program
    tests: str | None
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Items, and the tests of theirs that were sent along, as text by their key."""

    items: tuple[Item, ...]
    tests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestsText:
    """Tests as they travel."""

    __test__ = False  # for pytest

    key: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of the item at `index`: its execution, or the key of tests that are missing, or why it has none."""

    index: int
    execution: Execution | None = None
    missing: str | None = None
    refused: str | None = None


# -- towards the machine


@functools.lru_cache(maxsize=256)
def pack_tests(tests: Tests) -> TestsText:
    """Tests as text, with their key."""
    kind = {CallTests: "call", StdioTests: "stdio", ProgramTests: "program"}[type(tests)]
    text = json.dumps({"kind": kind, **asdict(tests)}, separators=(",", ":"))
    return TestsText(key=hashlib.sha256(text.encode()).hexdigest(), text=text)


def pack_item(program: Program, tests: str | None, limits: Limits) -> str:
    """An item as text. tests: their key."""
    packed: dict[str, Any] = {"source": program.source}
    if program.language != "python":
        packed["language"] = program.language
    if program.files:
        packed["files"] = _pack_files(program.files)
    for name in ("argv", "stdin", "fetch", "loopback"):
        if value := getattr(program, name):
            packed[name] = value
    return f'{{"program":{json.dumps(packed)},"tests":{json.dumps(tests)},"limits":{_pack_limits(limits)}}}'


def pack_batch(items: Sequence[str], tests: Mapping[str, str]) -> bytes:
    """A batch of items that are text already, with the tests to be sent along: text by key."""
    known = ",".join(f'"{key}":{text}' for key, text in tests.items())
    return f'{{"tests":{{{known}}},"items":[{",".join(items)}]}}'.encode("ascii")


def read_answer(line: bytes) -> Answer:
    """A line of an answer. Raises ValueError for what is none."""
    record = _object(line, "an answer")
    execution = record.get("execution")
    return Answer(
        index=_value(record, "index", int),
        execution=None if execution is None else _execution(_value(record, "execution", dict)),
        missing=_optional(record, "missing", str),
        refused=_optional(record, "refused", str),
    )


# -- on the machine


def read_batch(data: bytes) -> Batch:
    """A batch. Raises ValueError, which names what is wrong."""
    record = _object(data, "a batch")
    tests = {str(key): json.dumps(value, separators=(",", ":")) for key, value in _value(record, "tests", dict).items()}
    for key, text in tests.items():
        if hashlib.sha256(text.encode()).hexdigest() != key:
            raise ValueError(f"tests: {key[:80]!r} is not the SHA-256 of the tests that have it for a key")
    items = tuple(_item(each, at) for at, each in enumerate(_value(record, "items", list)))
    if not items:
        raise ValueError("items: at least one is needed")
    return Batch(items=items, tests=tests)


def read_tests(text: str) -> Tests:
    """Tests. Raises ValueError."""
    record = dict(_object(text, "tests"))
    kind = record.pop("kind", None)
    if kind == "call":
        texts = {name: _value(record, name, str) for name in ("source", "entry_point", "setup", "prelude")}
        return CallTests(
            **texts,
            integrity=Integrity(_value(record, "integrity", str)),
            all_cases=bool(_optional(record, "all_cases", bool)),
            repeatable=bool(_optional(record, "repeatable", bool)),
        )
    if kind == "stdio":
        cases = [_typed(each, dict, "cases") for each in _value(record, "cases", list)]
        return StdioTests(
            cases=tuple(
                StdioCase(stdin=_value(each, "stdin", str), stdout=_value(each, "stdout", str)) for each in cases
            ),
            compare=Compare(_value(record, "compare", str)),
            tolerance=_number(record, "tolerance"),
            all_cases=bool(_optional(record, "all_cases", bool)),
        )
    if kind == "program":
        pairs = [_typed(each, list, "files") for each in _value(record, "files", list)]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError("files: pairs of a path and a text are expected")
        return ProgramTests(
            source=_value(record, "source", str),
            before=_value(record, "before", str),
            files=tuple((_typed(name, str, "files"), _typed(text, str, "files")) for name, text in pairs),
        )
    raise ValueError(f"tests: unknown kind {kind!r}; known: call, stdio, program")


def pack_answer(answer: Answer) -> bytes:
    """A line of an answer."""
    record: dict[str, Any] = {"index": answer.index}
    if answer.execution is not None:
        record["execution"] = _pack_execution(answer.execution)
    for name in ("missing", "refused"):
        if value := getattr(answer, name):
            record[name] = value
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


class KeptTests:
    """Tests that were sent, by their key; the longest unused go first. Not for several threads at once."""

    def __init__(self, most_bytes: int = KEPT_TESTS_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held: OrderedDict[str, tuple[Tests, int]] = OrderedDict()
        self._bytes = 0

    def add(self, tests: Mapping[str, str]) -> None:
        """Keep them. Raises ValueError for what is no tests."""
        for key, text in tests.items():
            if key not in self._held:
                self._held[key] = (read_tests(text), len(text))
                self._bytes += len(text)
        while self._bytes > self._most_bytes and len(self._held) > len(tests):
            self._bytes -= self._held.popitem(last=False)[1][1]

    def find(self, key: str) -> Tests | None:
        """The tests of a key; None where they are not there."""
        if key not in self._held:
            return None
        self._held.move_to_end(key)
        return self._held[key][0]


# -- values


@functools.lru_cache(maxsize=256)
def _pack_limits(limits: Limits) -> str:
    return json.dumps(asdict(limits), separators=(",", ":"))


def _pack_files(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(content).decode() for name, content in files.items()}


def _pack_execution(execution: Execution) -> dict[str, Any]:
    packed = {name: getattr(execution, name) for name in Execution.__slots__ if name not in ("files", "failed_case")}
    if execution.failed_case is not None:
        packed["failed_case"] = asdict(execution.failed_case)
    return {**packed, "files": _pack_files(execution.files)} if execution.files else packed


def _item(given: object, at: int) -> Item:
    try:
        record = _typed(given, dict, "an item")
        limits = _value(record, "limits", dict)
        if unknown := limits.keys() - set(Limits.__slots__):
            raise ValueError(f"limits: unknown {min(unknown)!r}")
        seconds = {name: _number(limits, name) for name in ("wall_s", "cpu_s")}
        counts = {name: _value(limits, name, int) for name in Limits.__slots__ if name not in seconds}
        return Item(
            program=_program(_value(record, "program", dict)),
            tests=_optional(record, "tests", str),
            limits=Limits(**seconds, **counts),  # type: ignore[arg-type]  # by name: the two of seconds are floats
        )
    except ValueError as error:
        raise ValueError(f"items[{at}]: {error}") from error


def _program(record: Json) -> Program:
    return Program(
        source=_value(record, "source", str),
        language=_optional(record, "language", str) or "python",
        files=_files(record),
        argv=_texts(record, "argv"),
        stdin=_optional(record, "stdin", str) or "",
        fetch=_texts(record, "fetch"),
        loopback=bool(_optional(record, "loopback", bool)),
    )


def _execution(record: Json) -> Execution:
    return Execution(
        verdict=Verdict(_value(record, "verdict", str)),
        integrity=None if record.get("integrity") is None else Integrity(_value(record, "integrity", str)),
        cases=tuple(Verdict(each) for each in _texts(record, "cases")),
        exit_code=_optional(record, "exit_code", int),
        signal=_optional(record, "signal", int),
        wall_s=_number(record, "wall_s"),
        cpu_s=_number(record, "cpu_s"),
        judge_cpu_s=_number(record, "judge_cpu_s"),
        calls=_optional(record, "calls", int),
        failed_case=_failed_case(_optional(record, "failed_case", dict)),
        peak_memory_bytes=_value(record, "peak_memory_bytes", int),
        detail=_value(record, "detail", str),
        stdout=_value(record, "stdout", str),
        stderr=_value(record, "stderr", str),
        truncated=_value(record, "truncated", bool),
        files=_files(record),
        worker=_value(record, "worker", str),
    )


def _failed_case(record: Json | None) -> FailedCase | None:
    if record is None:
        return None
    texts = {name: _optional(record, name, str) for name in ("input", "expected", "got")}
    return FailedCase(number=_optional(record, "number", int), **texts)


def _files(record: Json) -> dict[str, bytes]:
    found = {}
    for name, text in (_optional(record, "files", dict) or {}).items():
        try:
            found[name] = base64.b64decode(_typed(text, str, "files"), validate=True)
        except binascii.Error as error:
            raise ValueError(f"files: {name!r} is not base64") from error
    return found


def _texts(record: Json, name: str) -> tuple[str, ...]:
    return tuple(_typed(each, str, name) for each in _optional(record, name, list) or ())


def _object(data: bytes | str, what: str) -> Json:
    try:
        return _typed(json.loads(data), dict, what)
    except RecursionError as error:
        raise ValueError(f"{what} is nested too deeply") from error


def _value(record: Json, name: str, kind: type[Kind]) -> Kind:
    if name not in record:
        raise ValueError(f"{name} is missing")
    return _typed(record[name], kind, name)


def _optional(record: Json, name: str, kind: type[Kind]) -> Kind | None:
    value = record.get(name)
    return None if value is None else _typed(value, kind, name)


def _number(record: Json, name: str) -> float:
    value = record.get(name)
    number = float(value) if type(value) is int else _typed(value, float, name)
    if not math.isfinite(number):
        raise ValueError(f"{name}: a number is expected, not {number}")
    return number


def _typed(value: object, kind: type[Kind], name: str) -> Kind:
    if type(value) is not kind:  # a bool is no int here
        raise ValueError(f"{name}: {kind.__name__} is expected, not {type(value).__name__}")
    return value
