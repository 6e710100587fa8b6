"""Tests that nobody calls: unittest classes, and functions as pytest finds them. Whoever ran their source calls them.

A function is called where nothing in the tests names it: `check(candidate)`, `test_*`, and the `test_*` methods of a
class `Test*`. Where the source asked nothing at all, they are called although it names them (behind an
`if __name__ == "__main__"`).
"""

from __future__ import annotations

import opcode
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

# Instructions that load a name -> by how many bits its number is shifted. With so few names it fits into the
# instruction's own byte.
_LOADING = {
    opcode.opmap[name]: shift
    for name, shift in (("LOAD_NAME", 0), ("LOAD_GLOBAL", 1), ("IMPORT_NAME", 0), ("LOAD_FROM_DICT_OR_GLOBALS", 0))
    if name in opcode.opmap
}
FEW_NAMES = 127


class NothingAsked(Exception):  # noqa: N818
    """The tests end without having asked the program anything; args: why."""


def run(
    namespace: dict[str, Any],
    before: dict[str, Any],
    file: str,
    names: frozenset[str],
    candidate: Callable[[], Any],
    asked: Callable[[], bool] = lambda: True,
) -> None:
    """Run what the tests define and do not call. Raises AssertionError with the first failure, and as the tests do.

    before: the namespace before their source ran: what was there is no test. file: the name that it was compiled with;
    names: those that it uses (`names_used`). candidate: the entry point. asked: whether the program was asked something
    by now; where nobody can tell, True.
    Raises NothingAsked for a test that cannot be called.
    """
    called = names if asked() else frozenset()
    for name, value in list(namespace.items()):
        if name in called or before.get(name) is value or not _is_test(name, value, file):
            continue
        for function in _functions(value):
            _call(name, function, candidate)
    _run_suites(namespace)


def names_used(code: types.CodeType) -> frozenset[str]:
    """Names that the code loads: those it only binds at its top are left out."""
    return frozenset(_names_used(code))


def is_asking(code: types.CodeType, names: frozenset[str], entry_point: str) -> bool:
    """Whether tests could ask: they name the entry point, or define what is called for them."""
    defined = {each.co_name for each in _nested(code)}
    return (
        entry_point in names
        or "unittest" in names
        or any(name == "check" or name.startswith("test") for name in defined)
    )


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from _nested(each)


def _names_used(code: types.CodeType) -> Iterator[str]:
    for each in (code, *_nested(code)):
        if len(each.co_names) <= FEW_NAMES:
            for step, at in set(zip(each.co_code[::2], each.co_code[1::2], strict=True)):
                if step in _LOADING:
                    yield each.co_names[at >> _LOADING[step]]
        else:
            yield from _names_of_many(each)


def _names_of_many(code: types.CodeType) -> Iterator[str]:
    """The same where a name's number takes more than one instruction; `dis` needs 30 times as long."""
    import dis

    for step in dis.get_instructions(code):
        if step.opcode in _LOADING and isinstance(step.argval, str):
            yield step.argval


def _is_test(name: str, value: Any, file: str) -> bool:
    if isinstance(value, types.FunctionType):
        own = value.__code__.co_filename == file
        return own and (name == "check" or name.startswith("test"))
    return isinstance(value, type) and name.startswith("Test") and not _is_suite(value)


def _functions(value: Any) -> Iterator[Callable[..., Any]]:
    if not isinstance(value, type):
        yield value
        return
    for name in dir(value):
        if name.startswith("test"):
            yield getattr(value(), name)


def _call(name: str, function: Callable[..., Any], candidate: Callable[[], Any]) -> None:
    """With the entry point where it takes one argument that could be that; with nothing where it takes none."""
    code = getattr(function, "__code__", None)
    bound = int(hasattr(function, "__self__"))
    if code is None:
        function()
        return
    wanted = code.co_varnames[bound : code.co_argcount - len(getattr(function, "__defaults__", None) or ())]
    if not wanted:
        function()
    elif len(wanted) == 1 and (name == "check" or wanted[0] in ("candidate", "solution", "func", "fn", "f")):
        function(candidate())
    else:
        raise NothingAsked(
            f"{name} takes {', '.join(wanted)}, which nobody gives it (fixtures of pytest are not known)"
        )


def _is_suite(value: Any) -> bool:
    unittest = sys.modules.get("unittest")
    return unittest is not None and isinstance(value, type) and issubclass(value, unittest.TestCase)


def _run_suites(namespace: dict[str, Any]) -> None:
    if "unittest" not in sys.modules:
        return
    import unittest

    cases = [value for value in namespace.values() if _is_suite(value)]
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
    if len(result.skipped) == result.testsRun:
        raise NothingAsked("every test of the suite was skipped")
