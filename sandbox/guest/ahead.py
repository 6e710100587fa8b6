"""Questions asked ahead: the calls of a plain loop over the tests' inputs, many in one frame.

One question and one answer at a time costs two changes of process a call, 33 us, and the tests of HumanEval+ make
124,000 calls. Where the text of the tests shows that a loop does nothing but call the program with each of its inputs,
the judge sends a window of calls, and the program answers one after the other as it gets there. Nothing else changes:
answers are taken in the tests' order, one per turn of the loop, each carries the nonce and the number of its question,
and the first wrong one ends the run. What a program can know early is the inputs of the window.

A loop is plain where each turn calls the program first and whatever happens, with `*inp` and nothing else, and where
nothing in the loop can change a later input. All other calls are asked one by one.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any

NAME = "_ask_ahead_"  # under which the loop finds it
WINDOWS = (1, 4, 16, 64, 128)  # calls in a frame: the first wrong answer stops the program soon
MAX_BYTES = 1 << 16  # of a frame
SLOW_S = 0.005  # a window that took longer is followed by a smaller one
_FLAT = frozenset((type(None), bool, int, float, str))
_LOOP = re.compile(r"^([ \t]*+)for ([^\n]{1,200}?) in ([^\n]{1,200}):[ \t]*+\n\1[ \t]++(\S[^\n]{1,500})$", re.MULTILINE)
_ONLY_AST = 0x400  # ast.PyCF_ONLY_AST: `ast` itself would cost every fork its pages


def mark(source: str) -> str:
    """The tests' text, where each plain loop names its inputs before it begins. No line moves."""
    pieces, done = [], 0
    for found in _LOOP.finditer(source):
        names = _plain(found, source[found.end() : found.end() + 500])
        if names:
            pieces += [source[done : found.start(3)], f"{NAME}({', '.join(names)}, {found[3]})"]
            done = found.end(3)
    return "".join([*pieces, source[done:]])


def _plain(loop: re.Match[str], following: str) -> tuple[str, str, str, str] | None:
    """The arguments of `Plan.of`, as text, behind what is called; None for other loops."""
    for line in following.split("\n")[1:]:
        if line.strip():
            if line.startswith((loop[1] + " ", loop[1] + "\t", loop[1] + "else")):
                return None  # more in the body than one line
            break
    try:
        (node,) = compile(f"for {loop[2]} in {loop[3]}:\n {loop[4]}", "loop", "exec", _ONLY_AST).body
        (statement,) = node.body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    call = _first_call(statement)
    if call is None or _kind(node) != "For" or node.orelse:
        return None
    inputs, beside = _lists(node.target, node.iter, call.args[0].value.id)
    words = re.findall(r"\w+", loop[4])
    if not inputs or inputs in words or words.count(call.func.id) != 1:
        return None
    return call.func.id, inputs, beside, str(words.count(call.args[0].value.id) > 1)


def _kind(node: Any) -> str:
    return type(node).__name__


def _first_call(statement: Any) -> Any:
    """The call `name(*inp)` that a statement evaluates first, always; None where there is none."""
    if _kind(statement) == "Expr" and _kind(statement.value) == "Call" and _kind(statement.value.func) == "Name":
        first: Any = statement.value.args[0] if statement.value.args else None
    elif _kind(statement) == "Assert":
        first = statement.test.left if _kind(statement.test) == "Compare" else statement.test
    else:
        return None
    fits = (
        _kind(first) == "Call"
        and _kind(first.func) == "Name"
        and not first.keywords
        and len(first.args) == 1
        and _kind(first.args[0]) == "Starred"
        and _kind(first.args[0].value) == "Name"
    )
    return first if fits else None


def _lists(target: Any, iterated: Any, name: str) -> tuple[str, str]:
    """The list whose items the loop calls `name`, and the list beside it, or "None". Empty for other loops.

    Such as `for name in A`, `for name, other in zip(A, B)`, and each of them with `enumerate`.
    """
    if _is_call(iterated, "enumerate") and len(iterated.args) == 1:
        pair = _kind(target) == "Tuple" and len(target.elts) == 2
        return _lists(target.elts[1], iterated.args[0], name) if pair else ("", "")
    if _is_call(iterated, "zip") and _kind(target) == "Tuple" and len(target.elts) == len(iterated.args) == 2:
        names = (*target.elts, *iterated.args)
        if all(_kind(each) == "Name" for each in names) and target.elts[0].id == name != target.elts[1].id:
            return str(iterated.args[0].id), str(iterated.args[1].id)
    if _kind(target) == "Name" and target.id == name and _kind(iterated) == "Name":
        return str(iterated.id), "None"
    return "", ""


def _is_call(node: Any, name: str) -> bool:
    return _kind(node) == "Call" and _kind(node.func) == "Name" and node.func.id == name and not node.keywords


class Plan:
    """The inputs that a loop will call the program with, and how far they are asked.

    count: of its turns. text: the arguments of a turn, from 0, as the JSON text of a list; None for what cannot be
    asked ahead. inputs: the arguments themselves, by which the loop's calls are told; empty until it begins.
    """

    @classmethod
    def of(cls, inputs: Any, beside: Any, only_flat: bool, pack: Callable[[Any], str]) -> Plan | None:
        """The plan of a loop over `inputs`, and over `beside` at the same time; None where they are no lists.

        only_flat: the loop has other uses for its inputs, so that only what nobody can change is asked ahead. pack:
        arguments as JSON text; raises TypeError for what cannot cross.
        """
        if type(inputs) is not list or (beside is not None and type(beside) is not list):
            return None
        inputs = inputs[: len(inputs if beside is None else beside)]

        def text(at: int) -> str | None:
            if only_flat and not _FLAT.issuperset(map(type, inputs[at])):
                return None
            try:
                return pack(inputs[at])
            except TypeError:  # no data, or no arguments
                return None

        return cls(len(inputs), text, inputs)

    def __init__(self, count: int, text: Callable[[int], str | None], inputs: list[Any]) -> None:
        self._count, self._text, self.inputs = count, text, inputs
        self.turns = 0  # of the loop that have their answer
        self._asked = 0  # inputs that were asked
        self._size = 0  # of the next window, an index of WINDOWS
        self.texts: list[str] = []  # of the present window
        self._began = 0.0
        self.nonce, self.window, self.arrived = "", 0, 0  # of the present window: questions, answers
        self.early: deque[list[Any]] = deque()  # answers of which the loop has not come to the turn

    def expects(self, args: tuple[Any, ...]) -> bool:
        """Whether the loop's next call is the one with these arguments."""
        wanted = self.inputs[self.turns] if self.turns < len(self.inputs) else ()
        return len(wanted) == len(args) and all(map(_is, wanted, args))

    def ready(self) -> bool:
        """Whether the next turn has its answer, or may be asked ahead; the turn counts as taken."""
        self.turns += 1
        if self.early or self.open:
            return True
        self.texts = self._next_window()
        self._asked += not self.texts
        return bool(self.texts)

    def begin(self, nonce: str) -> str:
        """The next window is asked: the arguments of its calls, as JSON."""
        self.nonce, self.window, self.arrived = nonce, len(self.texts), 0
        self._asked += self.window
        self._began = time.monotonic()
        return ",".join(self.texts)

    def _next_window(self) -> list[str]:
        texts: list[str] = []
        room = MAX_BYTES
        for at in range(self._asked, min(self._asked + WINDOWS[self._size], self._count)):
            text = self._text(at)
            if text is None:
                break
            texts.append(text)
            room -= len(text)
            if room < 0:
                break
        return texts

    def arrive(self, last: bool) -> None:
        """One more answer is here; `last`: the program does not go on with this window."""
        self.arrived += 1
        if last:
            self._asked -= self.window - self.arrived
            self.window = self.arrived
        if self.arrived == self.window:
            quick = time.monotonic() - self._began < SLOW_S
            self._size = min(max(self._size + (1 if quick else -1), 0), len(WINDOWS) - 1)

    @property
    def open(self) -> int:
        """Answers that are still to come."""
        return self.window - self.arrived


def _is(one: Any, other: Any) -> bool:
    return one is other
