"""A verdict for each case of the tests, on every backend; and what the first that failed was about."""

from __future__ import annotations

import pytest

from sandbox import CallTests, Limits, Pool, Program, StdioCase, StdioTests, Verdict
from sandbox.types import RESTARTS, FailedCase

LIMITS = Limits(cpu_s=0.5, wall_s=2.0)
OK, WRONG, RUNTIME, LATE = Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR, Verdict.TIME_LIMIT
SQUARES = (
    "def f(x):\n    if x == 2:\n        return 0\n    while x == 3:\n        pass\n"
    "    if x == 4:\n        raise KeyError(x)\n    return x * x\n"
)


def run(box: Pool, source: str, tests: str, *, all_cases: bool = True) -> tuple[Verdict, tuple[Verdict, ...]]:
    execution = box.run(Program(source=source), CallTests(source=tests, entry_point="f", all_cases=all_cases), LIMITS)
    return execution.verdict, execution.cases


CALLS = {
    "each assertion, and each turn of a loop": (
        "def check(c):\n    assert c(1) == 1\n    assert c(2) == 4\n    for n in (4, 5):\n        assert c(n) == n * n\ncheck(f)\n",
        (OK, WRONG, RUNTIME, OK),
    ),
    "after a case that is late the others are still run": (
        "assert f(3) == 9\nassert f(1) == 1\nassert f(3) == 9\nassert f(5) == 25\n",
        (LATE, OK, LATE, OK),
    ),
    "a helper that compares": (
        "def same(out, exp):\n    assert out == exp\nfor inp, exp in ((1, 1), (2, 4), (5, 25)):\n    same(f(inp), exp)\n",
        (OK, WRONG, OK),
    ),
    "a call with a name counts where it is used": (
        "x = f(4)\nassert x == 16\nassert x > 0\ny = f(5)\nassert y == 25\n",
        (RUNTIME, RUNTIME, OK),
    ),
    "a value that nothing uses": ("f(1)\nx = f(4)\nf(5)\n", (OK, OK, RUNTIME)),
    "an error that is expected": (
        "try:\n    f(4)\nexcept KeyError:\n    pass\nelse:\n    assert False\ntry:\n    f(1)\nexcept KeyError:\n    pass\nelse:\n    assert False\n",
        (OK, WRONG),
    ),
    "what asks nothing is no case": ("assert True\nassert f(1) == 1\nassert 1 < 2, 'no'\n", (OK,)),
    "functions as pytest finds them": (
        "def test_one():\n    assert f(1) == 1\n\ndef test_two():\n    assert f(2) == 4\n    assert f(5) == 25\n",
        (OK, WRONG, OK),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_every_case_of_call_tests_has_its_verdict(box: Pool, name: str) -> None:
    tests, cases = CALLS[name]
    first = next((verdict for verdict in cases if verdict is not OK), OK)
    assert run(box, SQUARES, tests) == (first, cases)


@pytest.mark.parametrize("name", [name for name in CALLS if name != "an error that is expected"])
def test_a_right_program_passes_as_many_cases(box: Pool, name: str) -> None:
    tests, cases = CALLS[name]
    assert run(box, "def f(x):\n    return x * x\n", tests) == (OK, (OK,) * len(cases))


def test_a_program_that_does_not_compile_fails_every_case(box: Pool) -> None:
    broken = Verdict.COMPILE_ERROR
    assert run(box, "def f(:\n", "assert f(1) == 1\nassert f(2) == 4\n") == (broken, (broken, broken))


def test_a_program_that_ends_in_every_case_is_started_a_bounded_number_of_times(box: Pool) -> None:
    tests = "for n in range(40):\n    assert f(n) == n\n"
    leaves = "import os\ndef f(x):\n    os._exit(0)\n"
    assert run(box, leaves, tests) == (RUNTIME, (RUNTIME,) * 40)
    late_at_last = f"import os\ndef f(x):\n    if x < {RESTARTS}:\n        os._exit(0)\n    return x\n"
    assert run(box, late_at_last, tests) == (RUNTIME, (RUNTIME,) * RESTARTS + (OK,) * (40 - RESTARTS))


def test_the_first_case_that_failed_is_told(box: Pool) -> None:
    tests = "def check(c):\n    assert c(1) == 1\n    assert c(2) == 4\n    assert c(4) == 16\ncheck(f)\n"
    for all_cases, number in ((False, None), (True, 2)):
        given = CallTests(source=tests, entry_point="f", all_cases=all_cases)
        execution = box.run(Program(source=SQUARES), given, LIMITS)
        assert execution.failed_case == FailedCase(number=number, input="f(2)", expected="4", got="0")
    raising = box.run(Program(source=SQUARES), CallTests(source="assert f(4) == 16", entry_point="f"), LIMITS)
    assert raising.failed_case is not None and raising.failed_case.input == "f(4)"
    assert raising.failed_case.expected == "16" and "KeyError" in str(raising.failed_case.got)
    late = box.run(Program(source=SQUARES), CallTests(source="assert f(3) == 9", entry_point="f"), LIMITS)
    assert late.failed_case == FailedCase(number=None, input="f(3)", expected=None, got=None)
    fine = box.run(Program(source=SQUARES), CallTests(source="assert f(1) == 1", entry_point="f"), LIMITS)
    assert fine.failed_case is None


def test_a_long_value_is_shortened(box: Pool) -> None:
    tests = CallTests(source="x = 'ab' * 10**6\nassert f(x) == x", entry_point="f")
    execution = box.run(Program(source="def f(x):\n    return x[1:]\n"), tests, LIMITS)
    assert execution.failed_case is not None
    assert all(0 < len(str(text)) < 600 for text in (execution.failed_case.input, execution.failed_case.got))


STDIO = (
    "x = int(input())\nif x == 2:\n    print(0)\nwhile x == 3:\n    pass\nif x == 4:\n    raise KeyError\n"
    "if x in (1, 5):\n    print(x * x)\n"
)


def test_every_case_of_stdio_tests_has_its_verdict(box: Pool) -> None:
    cases = tuple(StdioCase(stdin=str(x), stdout=str(x * x)) for x in range(1, 6))
    execution = box.run(Program(source=STDIO), StdioTests(cases=cases, all_cases=True), LIMITS)
    assert execution.verdict is WRONG and execution.detail.startswith("case 2: ")
    assert execution.cases == (OK, WRONG, LATE, RUNTIME, OK)
    assert execution.failed_case == FailedCase(number=2, input="2", expected="4", got="0\n")
    stops = box.run(Program(source=STDIO), StdioTests(cases=cases), LIMITS)
    assert stops.cases == (OK, WRONG) and stops.failed_case == execution.failed_case


def test_a_program_cannot_read_what_was_expected_of_it(box: Pool) -> None:
    """In a later case it finds neither the earlier inputs nor what the judge keeps of them."""
    source = (
        "import gc, os\ndef f(x):\n    found = [o for o in gc.get_objects() if isinstance(o, dict) and 'expected' in o]\n"
        "    return (os.listdir('.'), len(found))\n"
    )
    tests = "assert f(1) == 'secret-1'\nassert f(2) == (['main.py'], 0) or f(2) == ([], 0)\n"
    assert run(box, source, tests)[1][1] is OK
