"""Programs, tests and executions as text: nothing is lost on the way, and nothing odd is believed."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import (
    CallTests,
    Compare,
    Execution,
    Integrity,
    Limits,
    Program,
    ProgramTests,
    StdioCase,
    StdioTests,
    Verdict,
    parcels,
)
from sandbox.types import Tests

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=50)  # lone surrogates too
PROGRAMS = st.builds(
    Program,
    source=ANY_TEXT,
    language=st.sampled_from(["python", "cpp"]),
    files=st.dictionaries(st.sampled_from(["a", "b/c"]), st.binary(max_size=20)),
    argv=st.tuples(ANY_TEXT),
    stdin=ANY_TEXT,
    fetch=st.sampled_from([(), ("a",)]),
    loopback=st.booleans(),
)
CALLS = st.builds(CallTests, source=ANY_TEXT, entry_point=ANY_TEXT, setup=ANY_TEXT, prelude=ANY_TEXT,
                  integrity=st.sampled_from(Integrity))  # fmt: skip
CASES = st.lists(st.builds(StdioCase, stdin=ANY_TEXT, stdout=ANY_TEXT), min_size=1, max_size=3).map(tuple)
STDIO = st.builds(StdioTests, cases=CASES, compare=st.just(Compare.TOKENS), tolerance=st.floats(0, 1))
EXECUTIONS = st.builds(
    Execution,
    verdict=st.sampled_from(Verdict),
    detail=ANY_TEXT,
    integrity=st.sampled_from([None, *Integrity]),
    cases=st.tuples(st.sampled_from(Verdict)),
    exit_code=st.none() | st.integers(0, 255),
    wall_s=st.floats(0, 1e6),
    cpu_s=st.floats(0, 1e6),
    peak_memory_bytes=st.integers(0, 2**50),
    stdout=ANY_TEXT,
    truncated=st.booleans(),
    files=st.dictionaries(st.just("out"), st.binary(max_size=20)),
)
OWN_LANGUAGE = st.builds(ProgramTests, source=ANY_TEXT, before=ANY_TEXT) | st.builds(
    ProgramTests, files=st.lists(st.tuples(st.sampled_from(["a_test.go", "b/c.txt"]), ANY_TEXT), min_size=1).map(tuple)
)
LIMITS = Limits(wall_s=9.25, memory_bytes=100 << 20)


@given(program=PROGRAMS, tests=CALLS | STDIO | OWN_LANGUAGE)
def test_a_program_arrives_as_it_was_sent(program: Program, tests: Tests) -> None:
    packed = parcels.pack_tests(tests)
    item = parcels.pack_item(program, packed.key, LIMITS)
    batch = parcels.read_batch(parcels.pack_batch([item, item], {packed.key: packed.text}))
    assert [dataclasses.asdict(each) for each in batch.items] == 2 * [
        {"program": dataclasses.asdict(program), "tests": packed.key, "limits": dataclasses.asdict(LIMITS)}
    ]
    kept = parcels.KeptTests()
    kept.add(batch.tests)
    assert kept.find(packed.key) == tests


@given(execution=EXECUTIONS)
def test_an_execution_arrives_as_it_was_sent(execution: Execution) -> None:
    line = parcels.pack_answer(parcels.Answer(index=3, execution=execution))
    assert line.isascii() and line.count(b"\n") == 1
    assert parcels.read_answer(line) == parcels.Answer(index=3, execution=execution)


ITEM: dict[str, Any] = json.loads(parcels.pack_item(Program(source="pass"), None, LIMITS))


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "nested too deeply"),
        ([], "a batch: dict is expected"),
        ({"items": []}, "tests is missing"),
        ({"tests": {}, "items": []}, "at least one"),
        ({"tests": {}, "items": [{**ITEM, "program": {"source": 1}}]}, "items[0]: source: str is expected, not int"),
        ({"tests": {}, "items": [{**ITEM, "program": {"source": "", "language": "x"}}]}, "unknown language 'x'"),
        ({"tests": {}, "items": [{**ITEM, "program": {"source": "", "files": {"../x": ""}}}]}, "stay inside"),
        ({"tests": {}, "items": [{**ITEM, "program": {"source": "", "files": {"x": "?"}}}]}, "not base64"),
        ({"tests": {}, "items": [ITEM, {**ITEM, "limits": {**ITEM["limits"], "cpu_s": 0}}]}, "items[1]: limit cpu_s"),
        ({"tests": {}, "items": [{**ITEM, "limits": {**ITEM["limits"], "cpu_s": float("inf")}}]}, "cpu_s: a number"),
        ({"tests": {}, "items": [{**ITEM, "limits": {**ITEM["limits"], "processes": True}}]}, "processes: int"),
        ({"tests": {}, "items": [{**ITEM, "limits": {**ITEM["limits"], "nice": 1}}]}, "unknown 'nice'"),
        ({"tests": {"ab": {"kind": "call"}}, "items": [ITEM]}, "not the SHA-256"),
    ],
)
def test_what_is_no_batch_is_refused_by_name(batch: Any, says: str) -> None:
    data = batch if isinstance(batch, bytes) else json.dumps(batch).encode()
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - its text is looked at
        parcels.read_batch(data)
    assert says in str(refused.value)


def test_the_tests_that_were_not_used_longest_go_first() -> None:
    all_tests = [parcels.pack_tests(CallTests(source="x" * 100 + str(n), entry_point="f")) for n in range(3)]
    kept = parcels.KeptTests(most_bytes=2 * len(all_tests[0].text))
    for each in all_tests[:2]:
        kept.add({each.key: each.text})
    kept.find(all_tests[0].key)
    kept.add({all_tests[2].key: all_tests[2].text})
    assert [kept.find(each.key) is not None for each in all_tests] == [True, False, True]
