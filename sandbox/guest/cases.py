"""Cases of tests that call a function: what the first that fails was about, and a verdict for each where it is asked.

A case is an assertion, or another statement that calls the program, in the text of the tests, in `check` and in `test*`
functions; in a loop each turn is one. With a verdict for each (`split`), every such statement stands in a `with` of
its own, which notes how it ended and goes on. A statement in `try` or `with` is part of that one's case: it may be
there for the error. `x = f(1)` is no case: where it fails, whatever uses x does.

How many cases there are is found by running the tests once without a program (`Cases.counting`): a call then raises,
its case fails, and the next one follows. So the number does not depend on what a program does.

Everything here is the judge's: no program sees an input before it is asked, or what was expected of it.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ast

NAME = "__cases__"
SHOWN_CHARS = 500
STATEMENT_LINES = 20

_PARAMETER = re.compile(r"^def (?:check|test\w*)\((\w+)", re.MULTILINE)  # under which tests know the program's function


def written(value: Any) -> str:
    """A value as Python writes it, shortened; of a class that cannot be written, its name."""
    import reprlib

    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = writer.maxlong = SHOWN_CHARS
    writer.maxlist = writer.maxtuple = writer.maxset = writer.maxfrozenset = writer.maxdict = writer.maxdeque = 100
    try:
        text = writer.repr(value)
    except Exception:  # the text is a data set's class's, or an integer has too many digits
        text = f"<{type(value).__name__}>"
    return clipped(text)


def _load_ast() -> None:
    """`ast`, in the judge alone: in the process that programs are forked from it would cost each its pages."""
    import ast

    globals()["ast"] = ast


def clipped(text: str) -> str:
    """At most SHOWN_CHARS of a text, with a mark where it was longer."""
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}... ({len(text)} characters)"


class LastCall:
    """The call of the program that was made last: what a failing case was about."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._call: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self._end: tuple[str, Any] | None = None

    def begins(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """It is asked."""
        self._call, self._end = (args, kwargs), None

    def ends(self, how: str, value: Any) -> None:
        """It answered. how: `returned`, or `raised` with the line that says what."""
        self._end = how, value

    def record(self, error: BaseException | None, file: str, source: str) -> dict[str, str | None]:
        """`input`, `expected` and `got`, each None where it is not known. error: of the tests."""
        if self._call is None:
            return {"input": None, "expected": None, "got": None}
        args, kwargs = self._call
        texts = [written(each) for each in args] + [f"{key}={written(each)}" for key, each in kwargs.items()]
        got = None
        if self._end is not None:
            how, value = self._end
            got = written(value) if how == "returned" else clipped(str(value))
        expected = _expected(error, file, source, self._name) if error is not None else None
        return {"input": clipped(f"{self._name}({', '.join(texts)})"), "expected": expected, "got": got}


def _expected(error: BaseException, file: str, source: str, name: str) -> str | None:
    """What a failing statement of the tests compares the program's answer with, where it can be read from its text.

    That is the other side of ==, or the argument after the call (`assertion(candidate(x), wanted)`).
    """
    _load_ast()
    lines = source.splitlines()
    names = {name, "candidate", *_PARAMETER.findall(source)}
    trace = error.__traceback__
    found = None
    while trace is not None and found is None:
        frame = trace.tb_frame
        if frame.f_code.co_filename == file and 0 < trace.tb_lineno <= len(lines):
            statement = _statement(lines, trace.tb_lineno - 1)
            side = _other_side(statement, names) if statement is not None else None
            found = _value(side, frame) if side is not None else None
        trace = trace.tb_next
    return found


def _statement(lines: list[str], at: int) -> ast.stmt | None:
    """The statement that begins on a line; None where it does not."""
    for end in range(at + 1, min(at + STATEMENT_LINES, len(lines)) + 1):
        try:
            (statement,) = ast.parse("\n".join([lines[at].strip(), *lines[at + 1 : end]])).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return statement
    return None


def _other_side(statement: ast.stmt, names: set[str]) -> ast.expr | None:
    if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Compare):
        left, (right, *more) = statement.test.left, statement.test.comparators
        if more or not isinstance(statement.test.ops[0], ast.Eq | ast.Is):
            return None
        return right if not _calls(right, names) else left if not _calls(left, names) else None
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        arguments = statement.value.args
        asking = [place for place, each in enumerate(arguments) if _calls(each, names)]
        after = asking[0] + 1 if asking else len(arguments)
        return arguments[after] if after < len(arguments) else None
    return None


def _value(side: ast.expr, frame: types.FrameType) -> str | None:
    try:
        code = compile(ast.Expression(side), "expected", "eval")
        return written(eval(code, frame.f_globals, dict(frame.f_locals)))
    except Exception:  # a name that is gone by now, or a text that cannot be run again
        return None


def _calls(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(each, ast.Name) and each.id in names for each in ast.walk(node))


# -- a verdict for each


class Cases:
    """The verdicts of cases, in their order, as the tests come to them.

    asked: how many calls of the program there were. describe: verdict, detail and record of an error. ended: at which
    statements earlier processes of the program ended, counted from 1: cases up to the last of them are not run again.
    verdicts: of this process. first: place, verdict, detail and record of the first that failed. reached: the statement
    at which the tests are. open: `case` or `setup` while that has not ended.
    """

    def __init__(
        self,
        asked: Callable[[], int],
        describe: Callable[[Exception], tuple[str, str, dict[str, str | None]]],
        ended: Sequence[int] = (),
    ) -> None:
        self._asked, self._describe, self._ended = asked, describe, ended
        self._unknown: list[Unknown] = []
        self.verdicts: list[str] = []
        self.first: tuple[int, str, str, dict[str, str | None]] | None = None
        self.reached = 0
        self.open = ""
        self.asking, self.sure, self.setup = _Case(self, False), _Case(self, True), _Setup(self)

    @property
    def due(self) -> bool:
        """Whether the next case is to be run."""
        self.reached += 1
        return self.reached > max(self._ended, default=0)

    @property
    def setup_due(self) -> bool:
        """Whether the next call for a name is to be made: not again where the program ended in it."""
        self.reached += 1
        if self.reached in self._ended:
            state(self._unknown[-1])["used"] = True  # that end is a case already
        return self.reached not in self._ended

    def asked(self) -> int:
        """How many calls there were."""
        return self._asked()

    def passed(self) -> None:
        """The statement was a case, and passed."""
        self.open = ""
        self.verdicts.append("ACCEPTED")

    def failed(self, error: Exception) -> None:
        """The statement was a case, and failed."""
        self.open = ""
        found = self._describe(error)
        self.verdicts.append(found[0])
        self.first = self.first or (len(self.verdicts) - 1, *found)

    def unknown(self) -> Unknown:
        """What a name stands for until the program has answered."""
        self._unknown.append(Unknown())
        return self._unknown[-1]

    def not_answered(self, error: Exception) -> None:
        """The call for the name that was made unknown last failed."""
        state(self._unknown[-1])["error"] = error

    def finish(self) -> None:
        """The tests are through. A call that failed, and whose value nothing used, is a case of its own."""
        for each in self._unknown:
            if state(each).get("error") is not None and not state(each).get("used"):
                self.failed(state(each)["error"])


class _Case:
    """One statement. sure: it counts although it does not itself call the program."""

    def __init__(self, cases: Cases, sure: bool) -> None:
        self._cases, self._sure, self._before = cases, sure, 0

    def __enter__(self) -> None:
        self._before = self._cases.asked()
        self._cases.open = "case"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            self._cases.failed(error)
        elif error is None and (self._sure or self._cases.asked() > self._before):
            self._cases.passed()
        elif error is None:
            self._cases.open = ""
        return isinstance(error, Exception)


class _Setup:
    """A call whose value is given a name."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    def __enter__(self) -> None:
        self._cases.open = "setup"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            self._cases.not_answered(error)
        if error is None or isinstance(error, Exception):
            self._cases.open = ""
        return isinstance(error, Exception)


class Unknown:
    """The value of a call that failed: using it raises what the call raised."""


def state(unknown: Unknown) -> dict[str, Any]:
    """What is known of it; its attributes cannot be asked for."""
    found: dict[str, Any] = object.__getattribute__(unknown, "__dict__")
    return found


def _raise(self: Unknown, *_: object, **__: object) -> Any:
    known = state(self)
    known["used"] = True
    raise known.get("error") or TypeError("the program ended where it was to give this value")


for _name in (
    "eq", "ne", "lt", "le", "gt", "ge", "hash", "bool", "len", "iter", "next", "getitem", "contains", "call", "getattr",
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv", "mod", "rmod", "pow",
    "neg", "abs", "float", "int", "index", "round", "str", "repr", "format", "reversed", "and", "or", "xor",
):  # fmt: skip
    setattr(Unknown, f"__{_name}__", _raise)


def split(source: str, entry_point: str) -> ast.Module:
    """The tests with each case in a `with` of its own. Raises SyntaxError, ValueError, RecursionError, MemoryError."""
    _load_ast()
    tree = ast.parse(source)
    tests = [each for each in tree.body if isinstance(each, ast.FunctionDef) and _is_test(each.name)]
    splitter = _Splitter(entry_point, {each.name for each in tests})
    for function in tests:
        splitter.names |= {each.arg for each in function.args.args}
    for function in tests:
        function.body = splitter.block(function.body)
    tree.body = splitter.block(tree.body)
    return ast.fix_missing_locations(tree)


def _is_test(name: str) -> bool:
    return name == "check" or name.startswith("test")


class _Splitter:
    """names: under which the tests call the program. tests: functions that are split themselves."""

    def __init__(self, entry_point: str, tests: set[str]) -> None:
        self.names = {entry_point, "candidate"}
        self._tests = tests
        self._answers: set[str] = set()  # names of what the program answered

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """The statements of a body."""
        return [each for statement in statements for each in self._statement(statement)]

    def _statement(self, statement: ast.stmt) -> list[ast.stmt]:
        match statement:
            case ast.Assert():
                return [self._case(statement, "sure" if _calls(statement, self._answers) else "asking")]
            case ast.Expr(value=ast.Call(func=ast.Name(id=name))) if name in self._tests:
                return [statement]
            case ast.Expr(value=ast.Call()) | ast.Try() | ast.With():
                return [self._case(statement, "asking")]
            case ast.Assign(targets=targets, value=value) if _calls(value, self.names):
                names = [name for target in targets for name in _plain_names(target)]
                return self._answer(statement, names)
            case ast.For() | ast.While() | ast.If():
                statement.body = self.block(statement.body)
                statement.orelse = self.block(statement.orelse)
        return [statement]

    def _answer(self, statement: ast.stmt, names: list[str]) -> list[ast.stmt]:
        """`x = f(1)`: x is unknown until then."""
        if not names:
            return [statement]
        self._answers |= set(names)
        unknown = ast.Call(_attribute("unknown"), [], [])
        before = ast.Assign([ast.Name(name, ast.Store()) for name in names], unknown)
        due = ast.copy_location(ast.If(_attribute("setup_due"), [_within("setup", statement)], []), statement)
        return [ast.copy_location(before, statement), due]

    def _case(self, statement: ast.stmt, kind: str) -> ast.stmt:
        return ast.copy_location(ast.If(_attribute("due"), [_within(kind, statement)], []), statement)


def _plain_names(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, ast.Tuple) and all(isinstance(each, ast.Name) for each in target.elts):
        return [each.id for each in target.elts if isinstance(each, ast.Name)]
    return []


def _attribute(name: str) -> ast.expr:
    return ast.Attribute(ast.Name(NAME, ast.Load()), name, ast.Load())


def _within(kind: str, statement: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.With([ast.withitem(_attribute(kind))], [statement]), statement)
