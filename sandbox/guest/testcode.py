"""The tests of problems as the judge keeps them: compiled once, the most recent ones."""

from __future__ import annotations

import opcode
import re
import sys
import types
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NamedTuple

from sandbox.guest import ahead, cases, unittest_suites

CACHED_BYTES = 16 * 2**20
# What tests can import and use without a trace, as long as they assign no attribute. `random` is seeded anew each time.
_HARMLESS = {
    "abc", "bisect", "collections", "copy", "enum", "fractions", "functools", "hashlib", "heapq", "inspect",
    "itertools", "json", "math", "numpy", "operator", "random", "re", "string", "typing",
}  # fmt: skip
_CHANGING = {
    "__builtins__", "__dict__", "__import__", "delattr", "eval", "exec", "globals", "importlib", "setattr", "vars",
    "set_printoptions", "set_string_function", "setbufsize", "seterr", "seterrcall",  # of numpy
}  # fmt: skip
_ASSIGNING = {opcode.opmap["STORE_ATTR"], opcode.opmap["DELETE_ATTR"]}
PRELOADABLE = ("numpy",)
# What the supervisor imports once many programs do, by the name that they import. Only numpy is in the usual image.
PRELOADS = {
    "numpy": "numpy",
    "pandas": "pandas",
    "matplotlib": "matplotlib.pyplot",
    "seaborn": "seaborn",
    "scipy": "scipy.stats",
    "sklearn": "sklearn.linear_model",
    "nltk": "nltk",
    "faker": "faker",
}
TESTS_FILE = "tests.py"
_IMPORT = re.compile(r"^[ \t]*+(?:import|from)[ \t]++(\w+)", re.MULTILINE)


class Tests(NamedTuple):
    """The tests of a problem, and their compiled parts; `fault` says why they do not compile.

    lasting: whether a run of them may change more than its own namespace: then no process runs them twice.
    nothing_asked: why they cannot ask the program anything; empty where they may. numpy: whether they use it. names:
    those that `source` uses. known: their calls, and answers that they accept (`known`); then
    they are compiled (`ready`) only where a program gives others.
    """

    about: dict[str, Any]
    prelude: types.CodeType | None = None
    source: types.CodeType | None = None
    fault: str = ""
    lasting: bool = False
    nothing_asked: str = ""
    numpy: bool = False
    names: frozenset[str] = frozenset()
    known: dict[str, list[str]] | None = None


class TestCache:
    """The tests that were sent last, at most CACHED_BYTES of them. gone: keys of those that had to make room."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, Tests]] = OrderedDict()
        self._bytes = 0
        self.gone: list[str] = []

    def keys(self) -> Iterable[str]:
        """Of what is kept."""
        return self._kept.keys()

    def get(self, key: str) -> Tests | None:
        """What was put under `key`; None where it is not there."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][1]

    def put(self, key: str, size: int, tests: Tests) -> None:
        """Keep `tests`; the oldest go until all fit."""
        self._kept[key] = (size, tests)
        self._bytes += size
        while self._bytes > CACHED_BYTES and len(self._kept) > 1:
            key, (size, _) = self._kept.popitem(last=False)
            self._bytes -= size
            self.gone.append(key)

    def renew(self, key: str, tests: Tests) -> None:
        """Keep `tests`, of which more is known now, in the place of those under `key`."""
        self._kept[key] = (self._kept[key][0], tests)


def _lasting(code: types.CodeType) -> bool:
    """Whether code assigns attributes, imports more than harmless modules, or may do either unseen."""
    operations = set(code.co_code[::2])
    if operations & _ASSIGNING or _CHANGING & set(code.co_names):
        return True
    if opcode.opmap["IMPORT_NAME"] in operations:
        steps = zip(code.co_code[::2], code.co_code[1::2], strict=True)
        imported = {
            code.co_names[at] for step, at in steps if step == opcode.opmap["IMPORT_NAME"] and at < len(code.co_names)
        }
        if len(code.co_names) > 255 or not {name.partition(".")[0] for name in imported} <= _HARMLESS:
            return True
    return any(_lasting(each) for each in code.co_consts if isinstance(each, types.CodeType))


ASKS_NOTHING = "the tests ask nothing"
_NOTHING = f"{ASKS_NOTHING}: they neither call {{}} nor define a check, a test_ function or a unittest class"


def _compile(source: str, name: str) -> types.CodeType:
    return compile(source, name, "exec", dont_inherit=True)


def _compile_tests(about: dict[str, Any]) -> types.CodeType:
    """With a verdict for each of their cases, where that is asked for."""
    if not about["all_cases"]:
        return _compile(ahead.mark(about["source"]), TESTS_FILE)
    return compile(cases.split(about["source"], about["entry_point"]), TESTS_FILE, "exec", dont_inherit=True)


def _uses_numpy(about: dict[str, Any]) -> bool:
    return "numpy" in _IMPORT.findall("\n".join((about["setup"], about["prelude"], about["source"])))


def _prepare_beside(about: dict[str, Any]) -> Tests:
    """Tests that run in the program's process: only looked at here."""
    try:
        code = _compile(about["source"], TESTS_FILE)
        asking = unittest_suites.is_asking(code, unittest_suites.names_used(code), about["entry_point"])
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # told where they run
        return Tests(about)
    return Tests(about, nothing_asked="" if asking else _NOTHING.format(about["entry_point"]))


def prepare(about: dict[str, Any]) -> Tests:
    """Load what the tests of a problem import, and compile them once, where that is not left for later."""
    if about["kind"] != "call":
        return Tests(about)
    if about["integrity"] != "judged":
        return _prepare_beside(about)
    ours = {"hashlib"} if about["repeatable"] else set()  # of `known`
    for name in ours | set(_IMPORT.findall("\n".join((about["setup"], about["prelude"], about["source"])))):
        if name in PRELOADABLE or name in sys.stdlib_module_names:
            try:
                __import__(name)
            except ImportError:  # the tests' own import will say so
                pass
    known = about.pop("known", None)
    return Tests(about, known=known) if known and not about["all_cases"] else _compiled(about)


def ready(tests: Tests) -> Tests:
    """The tests, compiled."""
    return tests if tests.known is None or tests.source else _compiled(tests.about)._replace(known=tests.known)


def _compiled(about: dict[str, Any]) -> Tests:
    try:
        prelude = _compile(f"{about['setup']}\n{about['prelude']}", "prelude.py")
    except (SyntaxError, ValueError):  # a prompt that is no program by itself
        try:
            prelude = _compile(about["setup"], "prelude.py")
        except (SyntaxError, ValueError) as error:
            return Tests(about, fault=f"the setup does not compile: {error}")
    try:
        source = _compile_tests(about)
        names = unittest_suites.names_used(source)
        if not unittest_suites.is_asking(source, names, about["entry_point"]):
            return Tests(about, nothing_asked=_NOTHING.format(about["entry_point"]))
        lasting = _lasting(prelude) or _lasting(source)
        return Tests(about, prelude, source, lasting=lasting, numpy=_uses_numpy(about), names=names)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Tests(about, fault=f"the tests do not compile: {error}")
