"""Tests that are unittest classes: nobody calls them, so whoever ran their source runs them."""

from __future__ import annotations

import sys
from typing import Any


def run(namespace: dict[str, Any]) -> None:
    """Run the unittest classes of a namespace, if any. Raises AssertionError with the first failure."""
    if "unittest" not in sys.modules:
        return
    import unittest

    cases = [value for value in namespace.values() if isinstance(value, type) and issubclass(value, unittest.TestCase)]
    load = unittest.TestLoader().loadTestsFromTestCase
    suite = unittest.TestSuite(load(case) for case in dict.fromkeys(cases) if case is not unittest.TestCase)
    if not suite.countTestCases():
        return
    result = unittest.TestResult()
    result.failfast = True
    suite.run(result)
    if not result.wasSuccessful():
        wrong = [text.strip().rpartition("\n")[2] for _, text in result.failures + result.errors]
        raise AssertionError(wrong[0] if wrong else "a test that must fail did not")
