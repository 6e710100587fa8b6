"""Python text from a model, read without being run: does it parse, what does it define, need and show off.

Reading is bounded: `Reader` gives up on what is too large or too much, so that a hostile reply costs no more than a
second. Knows Python's syntax tree; of replies and fences it knows nothing.
"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

LARGEST = 30_000  # characters of one text that is parsed: some 6 µs each at the worst
MOST = 60_000  # characters parsed for one reply
CALLS = 400
SCANNED = 400_000  # characters looked at line by line for one reply
STATEMENTS = 500  # of a program whose names are worked out
BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}
# What only a demonstration or a self-test uses; in a sandbox it fails or ends the program.
SHOW = frozenset({"__name__", "input", "exit", "quit", "unittest", "doctest", "pytest", "timeit"})
_FILE = "<reply>"
_CODE = re.compile(
    r"(?:async[ ]+def|def|class|import|from|if|for|while|with|try|return|yield|assert|raise|global|del)\b"
    r"|[@#]|(?:pass|else|try)\b|'''|\"\"\"|print[ ]*\("
    r"|[A-Za-z_][\w.]*[ ]*(?:[\[(]|[-+*/|&^%@]?=|:[^:=]{1,80}=|,)"
)
_GOES_ON = re.compile(r"[)\]}]|(?:elif|else|except|finally)\b")
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.)(?: |$)", re.MULTILINE)

# An odd escape in a string is the program's own affair, told when it is compiled in its sandbox.
warnings.filterwarnings("ignore", module=_FILE)

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Reader:
    """`ast.parse` within bounds, for one reply; what was read is remembered."""

    def __init__(self) -> None:
        self._left, self._calls, self._scans = MOST, CALLS, SCANNED
        self._known: dict[str, ast.Module | None] = {}

    def tree(self, text: str) -> ast.Module | None:
        """The syntax tree; None for what is no Python, too large, or beyond what is read of one reply."""
        if text not in self._known:
            self._known[text] = self._parse(text)
        return self._known[text]

    def may_scan(self, text: str) -> bool:
        """Whether `text` may be looked at line by line; it counts against the reply's share."""
        self._scans -= len(text) + 100
        return len(text) <= LARGEST and self._scans > 0

    def _parse(self, text: str) -> ast.Module | None:
        if len(text) > min(LARGEST, self._left) or not self._calls:
            return None
        self._left, self._calls = self._left - len(text), self._calls - 1
        try:
            return ast.parse(text, _FILE)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # all that the parser is known to raise
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A top-level statement: what it binds, what it needs from outside itself, and its lines [first, last)."""

    node: ast.stmt
    binds: frozenset[str]
    needs: frozenset[str]
    first: int
    last: int


def defines(source: str, name: str) -> bool:
    """Whether a top-level line of `source` defines the function or class `name`, or assigns to it."""
    if not name:
        return False
    pattern = rf"^(?:(?:async[ \t]+)?def|class)[ \t]+{re.escape(name)}\b|^{re.escape(name)}[ \t]*(?::[^=\n]+)?=(?!=)"
    return re.search(pattern, source, re.MULTILINE) is not None


def preamble(prompt: str, entry_point: str) -> str:
    """What stands in a prompt before the entry point's definition: imports and helpers that an answer may rely on."""
    match = re.search(rf"^(?:async[ \t]+)?def[ \t]+{re.escape(entry_point)}\b", prompt, re.MULTILINE)
    return prompt[: match.start()] if match and entry_point else ""


def statements(tree: ast.Module) -> list[Statement]:
    """The top-level statements. Raises RecursionError for functions nested, or statements, beyond reason."""
    if len(tree.body) > STATEMENTS:
        raise RecursionError("too many statements")
    return [
        Statement(
            node=node,
            binds=frozenset(_bound(node)),
            needs=frozenset(_needed(node)),
            first=min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))]) - 1,
            last=node.end_lineno or node.lineno,
        )
        for node in tree.body
    ]


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of one scope: nested functions and classes themselves, not what is inside them."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(_outer(each) if each is not node else ast.iter_child_nodes(each))


def _outer(node: ast.AST) -> Iterable[ast.AST]:
    """The children that are evaluated where the node stands."""
    if isinstance(node, ast.Lambda):
        return [*node.args.defaults, *[each for each in node.args.kw_defaults if each]]
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *node.keywords]
    if isinstance(node, Function):
        return [*node.decorator_list, *node.args.defaults, *[each for each in node.args.kw_defaults if each]]
    return ast.iter_child_nodes(node)


def _bound(statement: ast.stmt) -> set[str]:
    """Names that a statement binds where it stands, or changes through an attribute or an index."""
    names: set[str] = set()
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        declared = (each.names for each in ast.walk(statement) if isinstance(each, ast.Global))
        return names.union([statement.name], *declared)
    for node in _own(statement):
        names |= _names(node)
    return names


def _names(node: ast.AST) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.alias):
        return {(node.asname or node.name).partition(".")[0]}
    if isinstance(node, ast.Name):
        return set() if isinstance(node.ctx, ast.Load) else {node.id}
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        root: ast.AST = node
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        return {root.id} if isinstance(root, ast.Name) else set()
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        return {node.name} if node.name else set()
    return {node.arg} if isinstance(node, ast.arg) else set()


def _needed(node: ast.AST) -> set[str]:
    """Names that a statement or a function reads and does not bind itself."""
    inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    reads: set[str] = set()
    local: set[str] = set()
    for each in _own(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            reads.add(each.id)
        if inside and each is not node:
            local |= _names(each)
            local -= set(each.names) if isinstance(each, ast.Global) else set()
        if each is not node and isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            reads |= _needed(each)
    return reads - local


def function(tree: ast.Module, name: str) -> ast.stmt | None:
    """The last top-level statement that defines `name`, also inside `if` and `try`."""
    found: ast.stmt | None = None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found = node if node.name == name else found
        elif name in _bound(node):
            found = node
    return found


def owner(tree: ast.Module, name: str) -> tuple[ast.ClassDef, Function] | None:
    """The last top-level class with a method `name`, and the method."""
    for node in reversed(tree.body):
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, Function) and each.name == name:
                    return node, each
    return None


def is_stub(node: ast.stmt) -> bool:
    """Whether a definition is only a signature: docstring, `pass`, `...`, NotImplementedError."""
    if not isinstance(node, Function):
        return False
    for each in node.body:
        text = isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
        unwritten = isinstance(each, ast.Raise) and "NotImplemented" in ast.dump(each)
        if not (text or unwritten or isinstance(each, ast.Pass)):
            return False
    return True


def has_return(tree: ast.Module) -> bool:
    """Whether a `return` or `yield` stands outside every function: the text is a function's body."""
    return any(isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) for node in _own(tree))


def has_substance(tree: ast.Module) -> bool:
    """Whether more stands there than bare values: `Done`, `x, y` and `note: this` are Python, too."""
    return any(not _is_bare(node) for node in tree.body)


def _is_bare(node: ast.stmt) -> bool:
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    return isinstance(node, ast.Expr) and not any(
        isinstance(each, ast.Call | ast.Await | ast.Yield | ast.YieldFrom | ast.JoinedStr) for each in ast.walk(node)
    )


def without_prompts(text: str) -> str:
    """What was typed in an interactive session: without `>>>`, `...` and what was printed."""
    lines = []
    for line in text.split("\n"):
        prompt = _PROMPT.match(line)
        if prompt:
            lines.append(line[prompt.end() :])
    return "\n".join(lines) + "\n"


def has_prompts(text: str) -> bool:
    """Whether a line begins as an interactive session's does."""
    return re.search(r"^[ \t]*>>> ", text, re.MULTILINE) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Lines [first, last) of a text that begin at the left margin, with those that belong to them.

    code: whether they are Python. likely: whether they at least look like it.
    """

    first: int
    last: int
    code: bool
    likely: bool


def looks_like_code(line: str) -> bool:
    """Whether a text begins as a statement at the left margin does."""
    return _CODE.match(line) is not None


def chunks(lines: Sequence[str], reader: Reader) -> list[Chunk]:
    """A text's lines in pieces: prose by its lines, program text by its statements."""
    found: list[Chunk] = []
    first = 0
    while first < len(lines):
        last = _piece_end(lines, first)
        likely = looks_like_code(lines[first])
        tree = reader.tree("\n".join(lines[first:last]) + "\n") if likely else None
        code = tree is not None and (not tree.body or has_substance(tree))
        found.append(Chunk(first=first, last=last, code=code, likely=likely))
        first = last
    return found


def _piece_end(lines: Sequence[str], first: int) -> int:
    open_text: str | None
    last, open_text, decorated = first, None, False
    while last < len(lines):
        line = lines[last]
        margin = bool(line) and not line[0].isspace()
        inside = line.startswith("#") and lines[last + 1 : last + 2] and lines[last + 1][:1] in (" ", "\t")
        if last > first and margin and not (open_text or decorated or inside or _GOES_ON.match(line)):
            return last
        decorated = margin and line.startswith("@")
        open_text = _open_text(line, open_text)
        last += 1
    return last


def _open_text(line: str, mark: str | None) -> str | None:
    """The triple quotes that are open after `line`, if `mark` were before it."""
    if '"""' not in line and "'''" not in line:
        return mark
    for each in re.findall(r"\"\"\"|'''", line):
        mark = each if mark is None else None if each == mark else mark
    return mark
