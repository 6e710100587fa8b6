"""Tests with further assertions: whatever form the tests have, they run, and the assertions with them."""

from __future__ import annotations

import pytest

from harness.strength.drivers import Answer
from harness.strength.inputs import Call
from harness.strength.measure import Difference, ProblemStrength
from harness.strength.stronger import telling_inputs, unwritten, with_tests

CALL: Call = ((2,), {})
SOURCES = {
    "check": "def check(candidate):\n    assert candidate(1) == 1\n",
    "one line": "def check(candidate): assert candidate(1) == 1\n",
    "return": "def check(candidate):\n    assert candidate(1) == 1\n    return True\n",
    "from __future__": "from __future__ import annotations\n\n\ndef check(candidate):\n    assert candidate(1) == 1\n",
    "plain": "assert f(1) == 1",
}


def passes(source: str, two: object) -> bool:
    """Whether tests accept a function that gives 1 for 1, and `two` for 2 or raises it."""

    def function(x: int) -> object:
        if x == 2 and isinstance(two, Exception):
            raise two
        return two if x == 2 else x

    names: dict[str, object] = {"f": function}
    try:
        exec(source + ("\ncheck(f)\n" if "def check(" in source else ""), names)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
@pytest.mark.parametrize(
    ("answer", "right", "wrong"),
    [(Answer(value=4), 4, 5), (Answer(value=0.5), 0.5, 0.6), (Answer(raised="KeyError"), KeyError(), 4)],
)
def test_a_further_assertion_runs(source: str, answer: Answer, right: object, wrong: object) -> None:
    made = with_tests(source, "f", [(CALL, answer)])
    assert passes(made, right) and not passes(made, wrong)


def test_an_exception_that_the_program_defines_is_not_written() -> None:
    difference = Difference(what="constant", diff="", inputs=(0,))
    found = ProblemStrength(
        problem_id="p", survivors=(difference,), calls=(CALL,), answers=(Answer(raised="NoSuchThing"),)
    )
    assert telling_inputs(found) == [] and unwritten(found) == [difference]
