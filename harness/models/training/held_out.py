"""What counts as the same problem: the held-out check of the `nano` corpus.

Two functions are the same problem when their bodies, their docstrings or their behaviour agree, whatever their names.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

STARTER = Path(__file__).resolve().parents[3] / "problems" / "starter.jsonl"
NOUN_FOLLOWERS = ("in", "of", "from", "among", "at", "after", "that")


class _Rename(ast.NodeTransformer):
    """Renames bound names in their order of appearance and hides constants that carry no structure."""

    def __init__(self, bound: set[str]) -> None:
        self.bound = bound
        self.names: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.bound:
            node.id = self.names.setdefault(node.id, f"v{len(self.names)}")
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self.names.setdefault(node.arg, f"v{len(self.names)}")
        node.annotation = None
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if type(node.value) is int and node.value > 2:
            node.value = "K"
        return node


def _function(source: str) -> ast.FunctionDef:
    """Return the first function definition in `source`."""
    return next(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))


def canonical_body(source: str) -> str:
    """Return the body of the function in `source`, free of names, docstring and constants.

    The function's name, its arguments and its local variables are renumbered in their order of appearance, integers
    above 2 become one symbol, and formatting is lost: two functions that are renamed copies have the same form.
    """
    return _body_of(_function(source))


def _body_of(function: ast.FunctionDef) -> str:
    """Return the canonical body; the names in `function` are changed in place."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    bound = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)} | {function.name}
    bound |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    rename = _Rename(bound)
    return "\n".join(ast.unparse(rename.visit(node)) for node in body)


def canonical_doc(source: str) -> str:
    """Return the docstring of the function in `source`: lower case, arguments renumbered, integers above 2 hidden."""
    return _doc_of(_function(source))


def _doc_of(function: ast.FunctionDef) -> str:
    arguments = {arg.arg.lower() for arg in function.args.args}
    names: dict[str, str] = {}
    words = re.findall(r"\w+|[^\w\s]", (ast.get_docstring(function) or "").lower())
    for i, word in enumerate(words):
        following = words[i + 1 :]
        quoted = i > 0 and words[i - 1] == "'" and following[:1] == ["'"]
        noun = len(word) > 2 and word in following and following[0] in NOUN_FOLLOWERS  # "the numbers in numbers"
        if word in arguments and not quoted and not noun:
            words[i] = names.setdefault(word, f"v{len(names)}")
        elif word.isdigit() and int(word) > 2:
            words[i] = "K"
    return " ".join(words)


_LISTS: tuple[Any, ...] = (
    [],
    [3],
    [4, 1, 7, 10],
    [-3, 8, 0, 5, 12, -6, 5],
    [9, 2, 2, -7, 15, 20, 4, 11, -8, 6],
    [-1, -4],
)
_WORDS: tuple[Any, ...] = (
    [],
    ["abc"],
    ["Kayak", "noon", "", "EX", "banana", "42", "toast", "sea", "noon"],
    ["izz", "oak tree", "bb"],
)
_TEXTS = ("", "a", "Hello big World 42", "noon sees radar\nEXTRA line, of-text a1", "abcde", "level")
_INTS = (0, 1, 4, 7, 12, 305, -6)
_DICTS: tuple[Any, ...] = ({}, {"ab": 3, "noon": 8, "Z": -5, "sea": 12, "extra": 5}, {"k": 10, "oak": 7})
_PROBES: dict[int, tuple[tuple[Any, ...], ...]] = {
    1: tuple((value,) for value in (*_LISTS, *_WORDS, *_TEXTS, *_INTS, *_DICTS)),
    2: (
        *itertools.product(_LISTS[2:5], (0, 2, 3, 5)),
        *itertools.pairwise(_LISTS),
        ([4, 1, 7, 7], [4, 2, 7, 1]),
        *itertools.product(_WORDS[2:], (0, 2, 3, "a", "n")),
        *itertools.product(_TEXTS[2:4], (0, 2, 3, "a", "eno")),
        *itertools.product(_DICTS[1:], (0, 2, 3, "a")),
        *itertools.product((0, 3, 4, 10, -5), (1, 2, 7, -4)),
    ),
    3: (
        *itertools.product((0, 5, -4), (1, 2, 8), (3, -7)),
        *((xs, ys, n) for xs, ys in itertools.pairwise(_LISTS[2:5]) for n in (2, 3)),
        *((words, n, c) for words in (_WORDS[2], _TEXTS[3]) for n in (1, 3) for c in "an"),
    ),
}


def behaviour(source: str, order: Sequence[int] | None = None) -> str:
    """Return what the function in `source` does on fixed inputs, its arguments taken in `order`.

    Inputs that raise count as such. Only for trusted code: it runs in this process.
    """
    return _behaviour_of(_function(source), order)


def _behaviour_of(function: ast.FunctionDef, order: Sequence[int] | None = None) -> str:
    space: dict[str, Any] = {}
    exec(compile(ast.Module([function], []), "<corpus>", "exec"), space)
    order = order or range(len(function.args.args))
    return "|".join(_outcome(space[function.name], [probe[i] for i in order]) for probe in _PROBES[len(order)])


def _outcome(function: Callable[..., Any], arguments: list[Any]) -> str:
    try:
        result = function(*arguments)
    except Exception:
        return "!"
    return repr(sorted(result, key=repr) if isinstance(result, set) else result)


class HeldOut:
    """The held-out problems: tells whether a function is one of them under other names."""

    def __init__(self, sources: Sequence[str]) -> None:
        self.bodies = {canonical_body(source) for source in sources}
        self.docs = {canonical_doc(source) for source in sources}
        self.behaviours: set[str] = set()
        for source in sources:
            for order in itertools.permutations(range(len(_function(source).args.args))):
                self.behaviours.add(behaviour(source, order))

    def reason(self, source: str) -> str | None:
        """Return why `source` is a held-out problem (`"body"`, `"docstring"`, `"behaviour"`), or None if it is not."""
        function = _function(source)
        if _doc_of(function) in self.docs:
            return "docstring"
        if _behaviour_of(function) in self.behaviours:
            return "behaviour"
        return "body" if _body_of(function) in self.bodies else None


def read_held_out(path: Path = STARTER) -> HeldOut:
    """Return the problems of a problem set of one-function problems as held out."""
    problems = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return HeldOut([problem["prompt"] + problem["reference"] for problem in problems])
