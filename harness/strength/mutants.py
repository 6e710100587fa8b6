"""Mutants of a program: one small change each, of the kinds that people and models make.

Pure: source text in, source texts out. A mutant that prints as another one, or as the program itself, is left out.
Whether a mutant means something else is for its runs to say.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}  # fmt: skip
_BINARY: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Add, ast.FloorDiv), ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mult), ast.Mod: (ast.FloorDiv,), ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,), ast.BitXor: (ast.BitOr,), ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,),
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_ATTRIBUTES = {
    "startswith": "endswith", "endswith": "startswith", "lower": "upper", "upper": "lower", "lstrip": "rstrip",
    "rstrip": "lstrip", "find": "rfind", "index": "count", "isdigit": "isalpha", "isalpha": "isdigit",
    "isupper": "islower", "islower": "isupper", "append": "extend", "union": "intersection",
    "intersection": "union",
}  # fmt: skip
_WRAPPERS = {"abs", "set", "sorted", "list", "int", "round", "reversed", "str", "len", "sum"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """kind: of the change. line: of the program as printed, from 1. source: the whole changed program."""

    kind: str
    line: int
    source: str


@dataclass(frozen=True, slots=True)
class _Change:
    """One change: applied to its own copy of the program's tree, of which `path` finds the node."""

    kind: str
    line: int
    path: tuple[tuple[str, int | None], ...]
    apply: Callable[[ast.AST], ast.AST | None]


def mutants(source: str, *, first_line: int = 1, limit: int, rng: random.Random) -> list[Mutant]:
    """At most `limit` mutants of a program, drawn over kinds alike; only of what stands at or below `first_line`.

    Raises SyntaxError where the source is no Python.
    """
    tree = ast.parse(source)
    changes = list(_changes(tree, first_line))
    rng.shuffle(changes)
    seen = {ast.unparse(tree)}
    found: list[Mutant] = []
    for change in _spread(changes):
        if len(found) == limit:
            break
        mutant = _apply(tree, change)
        if mutant is not None and mutant.source not in seen:
            seen.add(mutant.source)
            found.append(mutant)
    return found


def normal_form(source: str) -> str:
    """The program as its mutants are printed, to show what differs."""
    return ast.unparse(ast.parse(source))


def _spread(changes: list[_Change]) -> Iterator[_Change]:
    """One of each kind in turn, so that a program of many constants is not all about constants."""
    by_kind: dict[str, list[_Change]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, []).append(change)
    while by_kind:
        for kind in sorted(by_kind):
            yield by_kind[kind].pop()
            if not by_kind[kind]:
                del by_kind[kind]


def _apply(tree: ast.AST, change: _Change) -> Mutant | None:
    field, at = change.path[0]
    changed = copy.copy(tree)  # a program is long, a change small: only the statement around it is copied whole
    statements = list(getattr(tree, field))
    statements[at or 0] = copy.deepcopy(statements[at or 0])
    setattr(changed, field, statements)
    parent, name, index = _find(changed, change.path)
    node = getattr(parent, name) if index is None else getattr(parent, name)[index]
    new = change.apply(node)
    if new is None:
        return None
    if index is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[index] = new
    try:
        source = ast.unparse(ast.fix_missing_locations(changed))
        # of a whole program the compiler takes quadratic time where functions are alike
        compile(ast.unparse(getattr(changed, field)[at or 0]), "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return Mutant(kind=change.kind, line=change.line, source=source)


def _find(tree: ast.AST, path: tuple[tuple[str, int | None], ...]) -> tuple[ast.AST, str, int | None]:
    node = tree
    for name, index in path[:-1]:
        node = getattr(node, name) if index is None else getattr(node, name)[index]
    return node, *path[-1]


def _changes(tree: ast.AST, first_line: int) -> Iterator[_Change]:
    for path, node, parent in _walk(tree, (), tree):
        line = getattr(node, "lineno", 0)
        if line >= first_line and not _is_docstring(node, parent):
            for kind, apply in [*_of_expression(node), *_of_statement(node)]:
                yield _Change(kind, line, path, apply)


def _walk(
    node: ast.AST, path: tuple[tuple[str, int | None], ...], parent: ast.AST
) -> Iterator[tuple[tuple[tuple[str, int | None], ...], ast.AST, ast.AST]]:
    if path:
        yield path, node, parent
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        if isinstance(value, ast.AST):
            yield from _walk(value, (*path, (name, None)), node)
        elif isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, ast.AST):
                    yield from _walk(each, (*path, (name, index)), node)


def _is_docstring(node: ast.AST, parent: ast.AST) -> bool:
    inner = node.value if isinstance(node, ast.Expr) else node
    text = isinstance(inner, ast.Constant) and isinstance(inner.value, str)
    return text and (isinstance(parent, ast.Expr) or isinstance(node, ast.Expr))


_Apply = Callable[[ast.AST], ast.AST | None]


def _of_expression(node: ast.AST) -> Iterator[tuple[str, _Apply]]:
    if isinstance(node, ast.Compare):
        yield from _compare(node)
    elif isinstance(node, ast.BinOp | ast.AugAssign):
        yield from (("operator", _operator(new)) for new in _BINARY.get(type(node.op), ()))
    elif isinstance(node, ast.BoolOp):
        yield "and/or", _boolean
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield "sign or not", lambda each: each.operand  # type: ignore[attr-defined]  # a UnaryOp, as node is
    elif isinstance(node, ast.Constant):
        yield from _constant(node)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Subscript):
        yield from _subscript(node)


def _of_statement(node: ast.AST) -> Iterator[tuple[str, _Apply]]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield from _condition(node)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield from _return(node)
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Delete | ast.Raise | ast.Assert):
        yield "dropped statement", lambda _: ast.Pass()
    elif isinstance(node, ast.Break):
        yield "break/continue", lambda _: ast.Continue()
        yield "dropped statement", lambda _: ast.Pass()
    elif isinstance(node, ast.Continue):
        yield "break/continue", lambda _: ast.Break()
        yield "dropped statement", lambda _: ast.Pass()
    elif isinstance(node, ast.For):
        yield "early return", _only_first_turn


def _compare(node: ast.Compare) -> Iterator[tuple[str, _Apply]]:
    for at, operator in enumerate(node.ops):
        for new in _COMPARE.get(type(operator), ()):
            yield "comparison", _comparison(at, new)


def _comparison(at: int, new: type[ast.cmpop]) -> _Apply:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Compare)
        node.ops[at] = new()
        return node

    return apply


def _operator(new: type[ast.operator]) -> _Apply:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.BinOp | ast.AugAssign)
        node.op = new()
        return node

    return apply


def _boolean(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return node


def _constant(node: ast.Constant) -> Iterator[tuple[str, _Apply]]:
    value = node.value
    news: list[object] = []
    if isinstance(value, bool):
        news = [not value]
    elif isinstance(value, int):
        news = [value + 1, value - 1, *([0] if value not in (0, 1) else [])]
    elif isinstance(value, float):
        news = [value + 1.0, value / 2, -value]
    elif isinstance(value, str):
        news = [""] if value else ["x"]
    for new in news:
        if new != value or type(new) is not type(value):
            yield "constant", _to_constant(new)


def _to_constant(value: object) -> _Apply:
    return lambda _: ast.Constant(value=value)  # type: ignore[arg-type]  # plain numbers and texts


def _call(node: ast.Call) -> Iterator[tuple[str, _Apply]]:
    if isinstance(node.func, ast.Name) and node.func.id in _NAMES:
        yield "function", _renamed(_NAMES[node.func.id])
    if isinstance(node.func, ast.Attribute) and node.func.attr in _ATTRIBUTES:
        yield "function", _renamed(_ATTRIBUTES[node.func.attr])
    if isinstance(node.func, ast.Name) and node.func.id in _WRAPPERS and len(node.args) == 1:
        yield "dropped call", lambda each: each.args[0]  # type: ignore[attr-defined]  # a Call, as node is
    if len(node.args) >= 2 and not any(isinstance(each, ast.Starred) for each in node.args[:2]):
        yield "swapped arguments", _swapped
    if isinstance(node.func, ast.Name) and node.func.id == "range":
        last = min(len(node.args), 2) - 1
        yield "off by one", _shifted_argument(last, 1)
        yield "off by one", _shifted_argument(last, -1)
        if len(node.args) >= 2:
            yield "off by one", _shifted_argument(0, 1)
    for at, keyword in enumerate(node.keywords):
        if keyword.arg in ("key", "reverse", "default"):
            yield "dropped option", _without_keyword(at)


def _renamed(name: str) -> _Apply:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call)
        if isinstance(node.func, ast.Name):
            node.func.id = name
        elif isinstance(node.func, ast.Attribute):
            node.func.attr = name
        return node

    return apply


def _swapped(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Call)
    node.args[0], node.args[1] = node.args[1], node.args[0]
    return node


def _shifted(node: ast.expr, by: int) -> ast.expr:
    operator = ast.Add() if by > 0 else ast.Sub()
    return ast.BinOp(left=node, op=operator, right=ast.Constant(value=abs(by)))


def _shifted_argument(at: int, by: int) -> _Apply:
    def apply(node: ast.AST) -> ast.AST | None:
        assert isinstance(node, ast.Call)
        if at >= len(node.args) or isinstance(node.args[at], ast.Starred):
            return None
        node.args[at] = _shifted(node.args[at], by)
        return node

    return apply


def _without_keyword(at: int) -> _Apply:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Call)
        del node.keywords[at]
        return node

    return apply


def _subscript(node: ast.Subscript) -> Iterator[tuple[str, _Apply]]:
    if not isinstance(node.slice, ast.Slice):
        if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
            yield "off by one", _moved_index(1)
            yield "off by one", _moved_index(-1)
        return
    for name in ("lower", "upper", "step"):
        if getattr(node.slice, name) is not None:
            yield "slice", _slice(name, None)
            if name != "step":
                yield "off by one", _slice(name, 1)
                yield "off by one", _slice(name, -1)


def _moved_index(by: int) -> _Apply:
    def apply(node: ast.AST) -> ast.AST | None:
        assert isinstance(node, ast.Subscript)
        if isinstance(node.slice, ast.Tuple):
            return None
        node.slice = _shifted(node.slice, by)
        return node

    return apply


def _slice(name: str, by: int | None) -> _Apply:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Subscript)
        setattr(node.slice, name, None if by is None else _shifted(getattr(node.slice, name), by))
        return node

    return apply


def _condition(node: ast.If | ast.While | ast.IfExp) -> Iterator[tuple[str, _Apply]]:
    yield "condition", _negated
    yield "dropped branch", _with_test(value=False)
    if not isinstance(node, ast.While):
        yield "dropped branch", _with_test(value=True)


def _negated(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.If | ast.While | ast.IfExp)
    node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)
    return node


def _with_test(*, value: bool) -> _Apply:
    def apply(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.If | ast.While | ast.IfExp)
        node.test = ast.Constant(value=value)
        return node

    return apply


def _return(node: ast.Return) -> Iterator[tuple[str, _Apply]]:
    if not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield "returned value", _returning(ast.Constant(value=None))
    if isinstance(node.value, ast.Compare | ast.BoolOp):
        yield "returned value", lambda each: ast.Return(value=ast.UnaryOp(op=ast.Not(), operand=each.value))  # type: ignore[attr-defined]  # a Return, as node is
    if isinstance(node.value, ast.List | ast.ListComp):
        yield "returned value", _returning(ast.List(elts=[], ctx=ast.Load()))


def _returning(value: ast.expr) -> _Apply:
    return lambda _: ast.Return(value=value)


def _only_first_turn(node: ast.AST) -> ast.AST | None:
    assert isinstance(node, ast.For)
    if isinstance(node.body[-1], ast.Break | ast.Return | ast.Continue):
        return None
    node.body.append(ast.Break())
    return node
