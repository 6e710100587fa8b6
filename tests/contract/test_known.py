"""Answers that tests are known to accept change no verdict, and are found again by the next pool."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import sandbox
from sandbox import CallTests, Execution, Limits, Pool, Program, Verdict
from tests.contract.test_ahead import CASES, HELPERS, NUMBERS, SAME, SHORT

ACCEPTED, WRONG = Verdict.ACCEPTED, Verdict.WRONG_ANSWER
SLOW = "def same(out, exp):\n    for _ in range(200_000): pass\n    assert out == exp\n"
RIGHT = "def f(x):\n    return x"


def looped(inputs: str, results: str, helpers: str = HELPERS, *, repeatable: bool = True) -> CallTests:
    loop = "for i, (inp, exp) in enumerate(zip(inputs, results)):\n    same(f(*inp), exp)\n"
    source = f"{helpers}inputs = {inputs}\nresults = {results}\n{loop}"
    return CallTests(source=source, entry_point="f", repeatable=repeatable)


def told(found: Execution) -> tuple[object, ...]:
    """What people see of it; which call was the last before too much was printed depends on when the judge looked."""
    if found.verdict is Verdict.OUTPUT_LIMIT:
        return found.verdict, found.detail
    failed = re.sub("0x[0-9a-f]+", "0x", repr(found.failed_case))
    return found.verdict, found.detail, failed, found.calls, found.stdout, found.stderr


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_the_tests_own(box: Pool, name: str) -> None:
    source, inputs, results, verdict = CASES[name]
    right = f"left = iter({results})\ndef f(*_):\n    return next(left)"
    asked, known = looped(inputs, results, repeatable=False), looped(inputs, results)
    wanted = box.run(Program(source=source), asked, SHORT)
    assert box.run(Program(source=right), known, SHORT).verdict is ACCEPTED
    found = box.run(Program(source=source), known, SHORT)
    assert found.verdict is verdict
    assert told(found) == told(wanted)


def test_tests_are_not_run_for_answers_that_they_accepted(box: Pool) -> None:
    known = looped(NUMBERS, SAME, SLOW)
    first, second = (box.run(Program(source=RIGHT), known, Limits()) for _ in range(2))
    assert first.verdict is second.verdict is ACCEPTED and second.calls == 300
    assert second.judge_cpu_s < first.judge_cpu_s / 4


def test_the_tests_begin_where_the_first_other_answer_is(box: Pool) -> None:
    known = looped(NUMBERS, SAME, f"# nothing is known of these yet\n{SLOW}")
    first = box.run(Program(source=RIGHT), known, Limits())
    late = box.run(Program(source="def f(x):\n    return x if x != 290 else 0"), known, Limits())
    assert (late.verdict, late.calls) == (WRONG, 291)
    assert late.failed_case is not None and (late.failed_case.input, late.failed_case.expected) == ("f(290)", "290")
    assert late.judge_cpu_s < first.judge_cpu_s / 2
    other = box.run(Program(source="def f(x):\n    return float(x)"), known, Limits())
    assert (other.verdict, other.calls) == (ACCEPTED, 300)  # equal, and another text


@pytest.mark.parametrize(
    ("results", "source"),
    [
        ("[[n] for n in range(300)]", "def f(x):\n    yield x"),
        ("[n for n in range(300)]", "class N(int): pass\ndef f(x):\n    return N(x)"),
        ("[(n, {'a': {1.5, n}}) for n in range(300)]", "def f(x):\n    return x, {'a': {x, 1.5}}"),
    ],
)
def test_answers_of_every_kind_are_judged_alike_again(box: Pool, results: str, source: str) -> None:
    known = looped(NUMBERS, results)
    for _ in range(3):
        assert box.run(Program(source=source), known, SHORT).verdict is ACCEPTED
        wrong = box.run(Program(source=f"{source}\ng = f\nf = lambda x: g(x) if x < 70 else 8"), known, SHORT)
        assert wrong.verdict in (WRONG, Verdict.RUNTIME_ERROR) and wrong.calls == 71


def test_a_verdict_for_each_case_is_the_tests_own(box: Pool) -> None:
    known = looped(NUMBERS, SAME)
    assert box.run(Program(source=RIGHT), known, SHORT).verdict is ACCEPTED
    every = CallTests(source=known.source, entry_point="f", repeatable=True, all_cases=True)
    found = box.run(Program(source="def f(x):\n    return x if x % 3 else 0"), every, SHORT)
    assert len(found.cases) == 300 and found.cases.count(WRONG) == 99


def test_the_next_pool_finds_them_and_believes_no_file_that_was_changed(backend: str, tmp_path: Path) -> None:
    known = looped(NUMBERS, SAME, SLOW)

    def judge_cpu_s() -> float:
        with sandbox.open(backend, workers=1, answers=tmp_path / "answers") as box:
            found = box.run(Program(source=RIGHT), known, Limits())
            assert found.verdict is ACCEPTED
            assert box.run(Program(source="def f(x):\n    return 7"), known, Limits()).verdict is WRONG
        return found.judge_cpu_s

    first = judge_cpu_s()
    (file,) = (tmp_path / "answers").iterdir()
    kept = file.read_bytes()
    assert judge_cpu_s() < first / 4
    for changed in (kept.replace(b'"7"', b'"8"'), kept[:-10], b""):
        file.write_bytes(changed)
        assert judge_cpu_s() > first / 4
        assert file.read_bytes() == kept


def test_a_folder_that_cannot_be_made_costs_no_verdict(backend: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with sandbox.open(backend, workers=1, answers=tmp_path / "file" / "answers") as box:
        assert box.run(Program(source=RIGHT), looped(NUMBERS, SAME), SHORT).verdict is ACCEPTED
