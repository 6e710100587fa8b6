"""Which tests can run apart from the program."""

from __future__ import annotations

import pytest

from harness.datasets._integrity import call_tests
from sandbox import Integrity


@pytest.mark.parametrize(
    "source",
    [
        "def check(candidate):\n    assert candidate([1, 2]) == 3\ncheck(f)",
        "assert set(f((1, 2))) == {1}",
        "assert f('a').upper() == 'A'",
        "text = f('a')\nassert text.upper() == 'A' and text[0] == 'a'",
        "assert f(int) == [1]",
        "assert math.isclose(f(1), 2.0)",
        "for x in range(3):\n    assert f(x, key=helper(x)) == x\n",
        "try:\n    f(1)\nexcept ValueError as error:\n    pass\nelse:\n    raise AssertionError",
    ],
)
def test_tests_of_data_are_judged_apart(source: str) -> None:
    assert call_tests(source, "f", prelude="def helper(x): return x").integrity is Integrity.JUDGED


@pytest.mark.parametrize(
    "source",
    [
        "assert f(Node(1)) == 2",
        "root = Node(1)\nassert f(root)",
        "assert f(1)(2) == 3",
        "def check(c):\n    assert c(1)(2) == 3\ncheck(f)",
        "assert f(1).left.value == 3",
        "tree = f(1)\nassert tree.left.value == 3",
        "g = f(1)\nassert g(2) == 3",
        "assert eval(f('2')) == 2",
        "assert f(lambda x: x) == 3",
        "def g(x): return x\nassert f([g]) == 3",
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(f(1), 2)",
        "import pytest\ndef test(): assert f(1) == 2",
    ],
)
def test_tests_of_more_than_data_stay_beside_the_program(source: str) -> None:
    assert call_tests(source, "f").integrity is Integrity.IN_SANDBOX


def test_a_module_that_tests_take_from_the_program_is_imported_for_them() -> None:
    assert "import math" in call_tests("assert math.isclose(f(1), 2)", "f").prelude
