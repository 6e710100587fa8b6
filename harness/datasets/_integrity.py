"""Can tests run apart from the program? Decided from the tests alone, so that no program has a say in it.

They can where all that goes between tests and program is data. They cannot where they use names that only the program
defines, pass functions or objects of their own, call or take apart what the program returns, or are a suite of
unittest or pytest, whose mocks and fixtures live in one process.
"""

from __future__ import annotations

import ast
import builtins
import collections
import decimal
import fractions
import sys
from collections.abc import Iterator

from sandbox.types import CallTests, Integrity

_FRAMEWORKS = {"unittest", "pytest", "mock"}
_DATA = (list, tuple, dict, set, frozenset, str, bytes, bytearray, int, float, complex, range, collections.deque,
         decimal.Decimal, fractions.Fraction)  # fmt: skip
# Classes whose values cross as data, by the names under which tests know them.
_CROSSING = {"Decimal", "Fraction", "Path", "PurePath", "PurePosixPath", "UUID", "Counter", "OrderedDict", "ZoneInfo"}
_METHODS = {name for kind in _DATA for name in dir(kind) if not name.startswith("__")}


def call_tests(source: str, entry_point: str, *, setup: str = "", prelude: str = "") -> CallTests:
    """The tests with the integrity that they can have. Raises ValueError where `source` is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"tests: not Python ({error})") from error
    if not asks(tree, entry_point):
        raise ValueError(
            f"tests: ask nothing (they neither call {entry_point} nor define a check, a test_ function or a unittest "
            "class)"
        )
    known = _names(setup) | _names(prelude)
    # in one process the program's own imports serve the tests too
    imports = [f"import {name}" for name in sorted(_free(tree, known, entry_point) & sys.stdlib_module_names)]
    known |= {line.removeprefix("import ") for line in imports}
    split = not _reasons(tree, entry_point, known, _data_classes(f"{setup}\n{prelude}"))
    prelude = "\n".join([prelude, *imports]) if imports else prelude
    integrity = Integrity.JUDGED if split else Integrity.IN_SANDBOX
    return CallTests(source=source, entry_point=entry_point, setup=setup, prelude=prelude, integrity=integrity)


def asks(tree: ast.AST, entry_point: str) -> bool:
    """Whether tests can ask a program anything: they name the entry point, or define what is called for them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id == entry_point:
            return True
        if isinstance(node, ast.FunctionDef) and (node.name == "check" or node.name.startswith("test")):
            return True
    return "unittest" in set(_imported(tree))


def _names(source: str) -> set[str]:
    """The names that a text binds; none where it is no Python by itself."""
    try:
        return _bound(ast.parse(source))
    except (SyntaxError, ValueError):
        return set()


def _reasons(tree: ast.AST, entry_point: str, known: set[str], data: set[str]) -> list[str]:
    """Why the tests cannot be split; empty where they can."""
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    modules = {name.partition(".")[0] for name in _imported(tree)}
    found = [f"uses {name}, which is the program's" for name in sorted(_free(tree, known, entry_point))]
    found += [f"is a suite of {name}" for name in sorted(modules & _FRAMEWORKS)]
    found += [f"runs text as code by {name}" for name in sorted(loaded & {"eval", "exec", "compile", "__import__"})]
    aliases = _aliases(tree, entry_point)
    local = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)} - aliases
    results = _results(tree, aliases)
    tried = {id(each) for node in ast.walk(tree) if isinstance(node, ast.Try) for each in node.body}
    found += [f"looks at the program's output by {name}" for name in sorted(_printed(tree))]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _returned(node.func, aliases, results):
            found.append("calls what the program returns")
        elif isinstance(node, ast.Attribute) and _returned(node.value, aliases, results) and node.attr not in _METHODS:
            found.append(f"takes .{node.attr} of what the program returns")
        elif _calls(node, aliases) and any(_is_code(argument, local, data) for argument in _arguments(node)):
            found.append("passes code to the program")
        elif isinstance(node, ast.Expr) and id(node) not in tried and _calls(node.value, aliases):
            if any(isinstance(argument, ast.Name) for argument in _arguments(node.value)):  # and drops the result
                found.append("looks at what the program does to its arguments")
        elif _entered(node) and any(_returned(each, aliases, results) for each in ast.iter_child_nodes(node)):
            found.append("enters or awaits what the program returns")
    return found


def _entered(node: ast.AST) -> bool:
    """Whether it is a `with`, an `await`, or a call of asyncio, which awaits what it is given."""
    called = node.func if isinstance(node, ast.Call) else None
    of_asyncio = (
        isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "asyncio"
    )
    return isinstance(node, ast.withitem | ast.Await) or of_asyncio


def _printed(tree: ast.AST) -> set[str]:
    """What tests look at a program's output by: it is printed in another process than the judge's."""
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {node.attr for node in attributes}
    streams = {ast.unparse(node) for node in attributes if node.attr in ("stdout", "stderr")}
    return (names & {"redirect_stdout", "redirect_stderr"}) | (streams & {"sys.stdout", "sys.stderr"})


def _free(tree: ast.AST, known: set[str], entry_point: str) -> set[str]:
    """The names that the tests use and that neither they nor Python define."""
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return loaded - _bound(tree) - known - {entry_point} - set(dir(builtins))


def _bound(tree: ast.AST) -> set[str]:
    names = set(_imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
    return names


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
            for alias in node.names:
                yield (alias.asname or alias.name).partition(".")[0]


def _aliases(tree: ast.AST, entry_point: str) -> set[str]:
    """The names under which the tests call the entry point: also as the parameter of a function of theirs."""
    parameters = {node.name: [each.arg for each in node.args.args] for node in ast.walk(tree)
                  if isinstance(node, ast.FunctionDef)}  # fmt: skip
    names = {entry_point, "candidate"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for name, argument in zip(parameters.get(node.func.id, []), node.args, strict=False):
                if isinstance(argument, ast.Name) and argument.id == entry_point:
                    names.add(name)
    return names


def _calls(node: ast.AST, aliases: set[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in aliases


def _results(tree: ast.AST, aliases: set[str]) -> set[str]:
    """The names that the tests give to what the program returns."""
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign) and _calls(node.value, aliases)]
    return {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}


def _returned(node: ast.AST, aliases: set[str], results: set[str]) -> bool:
    return _calls(node, aliases) or (isinstance(node, ast.Name) and node.id in results)


def _arguments(node: ast.AST) -> list[ast.expr]:
    assert isinstance(node, ast.Call)
    return [*node.args, *[keyword.value for keyword in node.keywords]]


def _is_class(name: str, data: set[str]) -> bool:
    """Whether a name is, by its form, a class whose objects do not cross."""
    return name[:1].isupper() and name not in _CROSSING | data


def _data_classes(source: str) -> set[str]:
    """The classes of a text whose objects cross: dataclasses, enums, named tuples."""
    try:
        classes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError, RecursionError):
        return set()
    told = [(node.name, [ast.unparse(each) for each in (*node.bases, *node.decorator_list)]) for node in classes]
    marks = ("dataclass", "Enum", "NamedTuple", "IntFlag", "Flag")
    return {name for name, parts in told if any(mark in part for part in parts for mark in marks)}


def _is_code(argument: ast.expr, local: set[str], data: set[str]) -> bool:
    """Whether an argument is, or holds, a function or object of the tests; the result of a call is taken for data."""
    called = {id(node.func) for node in ast.walk(argument) if isinstance(node, ast.Call)}
    return any(
        isinstance(node, ast.Lambda)
        or (isinstance(node, ast.Name) and node.id in local and id(node) not in called)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and _is_class(node.func.id, data))
        for node in ast.walk(argument)
    )
