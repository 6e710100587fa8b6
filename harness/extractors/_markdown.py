"""A chat model's reply as text: what is reasoning, what is fenced, where each piece stands in the reply.

Knows markdown's fences (CommonMark 0.31, 4.5) and the tags of reasoning models; of Python it knows nothing. Offsets are
those of the reply itself: reasoning is overwritten with spaces, not cut out. What is looked at has
bounds: a hostile megabyte takes less than a second.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass

_NAMES = r"think|thinking|thought|reasoning|seed:think"
_OPEN = re.compile(rf"^[ \t]*(?:<(?:{_NAMES})>|\[THINK\]|◁think▷|<\|begin_of_thought\|>)", re.MULTILINE)
# Without an opening tag a closing one counts at a line's start or end and before a fence: program text that mentions
# one has it between quotes. Reasoning that was opened ends at any that is not between quotes: `<think>so</think>def f`.
_TAG = rf"(?:</(?:{_NAMES})>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>)"
_CLOSE = re.compile(rf"^[ \t]*(?P<a>{_TAG})|(?P<b>{_TAG})(?=[ \t\r]*$|[ \t]*(?:```|~~~))", re.MULTILINE)
_END = re.compile(
    rf"(?P<a>{_TAG})(?=[ \t\r]*$|```)|(?P<b>(?<![\"'`]){_TAG}|(?<=\"){_TAG}(?!\")|(?<='){_TAG}(?!')|(?<=`){_TAG}(?!`))",
    re.MULTILINE,
)
_MARKER = re.compile(
    r"^(?P<indent>[ \t]*+(?:(?:[-*+]|\d{1,3}[.)])[ \t]++)?)(?P<fence>`{3,}+(?![^\n]*`)|~{3,}+)(?P<info>[^\n]*)",
    re.MULTILINE,
)
_FIRST_LINE = re.compile(
    r"[ \t]*(?:python3?|py)[ \t]+(?=(?:async[ \t]+def|def|class|import|from)[ \t]|@)", re.IGNORECASE
)
_PYTHON = {"", "python", "py", "python3", "py3", "ipython", "ipython3", "pycon", "sage"}
_NESTED = 4  # fence lines that are tried as a block's end
_MOST = 200  # fence lines that are looked at: a model that repeats itself writes any number
_WINDOW = 30_000  # characters at either end of an answer that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Text between two fences, or between a fence and the reply's end (not `closed`).

    text: without the fence's own indentation, newlines as \\n. start, end: of the text, in the reply.
    """

    text: str
    start: int
    end: int
    language: str
    closed: bool

    @property
    def python(self) -> bool:
        """Whether the fence says that it is Python, or says nothing."""
        return self.language in _PYTHON


@dataclass(frozen=True, slots=True)
class _Fence:
    """A line that is a fence."""

    marker: re.Match[str]

    @property
    def fence(self) -> str:
        return self.marker["fence"]

    @property
    def info(self) -> str:
        return self.marker["info"].strip()

    @property
    def margin(self) -> int:
        return len(self.marker["indent"].expandtabs(4))


def unix(text: str) -> str:
    """`text` with newlines as Python's own reader has them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def answer(reply: str) -> str:
    """`reply` with its reasoning overwritten by spaces, each offset as it was; of a huge one also the middle.

    Reasoning stands between tags, from an opening tag to the end of a reply that was cut, or, where the prompt already
    opened it, from the start to a closing tag.
    """
    first_open, close = _OPEN.search(reply), _CLOSE.search(reply)
    if close and (first_open is None or close.start() < first_open.start()):
        pieces, place = [_blank(_end(close))], _end(close)
    else:
        pieces, place = [], 0
    for _ in range(_MOST):
        opened = _OPEN.search(reply, place)
        if opened is None or _fenced_before(reply[place : opened.start()], opened.start() - place):
            break
        closed = _END.search(reply, opened.end())
        stop = _end(closed) if closed else len(reply)
        pieces += [reply[place : opened.start()], _blank(stop - opened.start())]
        place = stop
    return _bounded("".join([*pieces, reply[place:]]))


def _bounded(text: str) -> str:
    """`text` with its middle overwritten where more is written than a program and its prose take."""
    start = len(text) - len(text.lstrip())
    if start == len(text):
        return _blank(len(text))
    first, last = text.find("\n", start + _WINDOW), len(text) - _WINDOW
    return text if not start < first < last else text[:first] + _blank(last - first) + text[last:]


def _end(close: re.Match[str]) -> int:
    return close.end("a") if close["a"] else close.end("b")


def _blank(length: int) -> str:
    return " " * (length - 1) + "\n" if length else ""


def _fenced_before(text: str, place: int) -> bool:
    """Whether an open fence stands before `place`: a tag in there is program text."""
    opened: _Fence | None = None
    for line in _fences(text[:place]):
        if opened is None:
            opened = line
        elif _closes(line, opened.fence, opened.margin):
            opened = None
    return opened is not None


def _fences(text: str) -> list[_Fence]:
    return [_Fence(marker) for marker in itertools.islice(_MARKER.finditer(text), _MOST)]


def _closes(line: _Fence, fence: str, margin: int) -> bool:
    return line.fence.startswith(fence) and not line.info and line.margin <= margin + 3


def blocks(text: str, parses: Callable[[str], bool] | None = None) -> list[Block]:
    """The fenced blocks of `text`, in order.

    With `parses`, a Python block that does not parse up to its closing fence may end at another fence line: one that
    stood in a string of the program, or the next block's where the model forgot to close.
    """
    markers = _fences(text)
    found, place = [], 0
    while place < len(markers):
        block, place = _block(text, markers, place, parses)
        found.append(block)
    return found


def _block(text: str, markers: list[_Fence], place: int, parses: Callable[[str], bool] | None) -> tuple[Block, int]:
    """The block that the marker at `place` opens, and the place of the next one."""
    opening = markers[place]
    after = range(place + 1, len(markers))
    own = next((at for at in after if _closes(markers[at], opening.fence, opening.margin)), None)
    block = _cut(text, opening, markers[own] if own is not None else None)
    following = len(markers) if own is None else own + 1
    if parses is None or (block.python and parses(block.text)):
        return block, following
    for at in after[:_NESTED] if block.python else ():
        other = _cut(text, opening, markers[at])
        if at != own and parses(other.text):
            return other, at if markers[at].info else at + 1
    inner = next((at for at in after if at < following and _language(markers[at].info) in _PYTHON - {""}), None)
    return (_cut(text, opening, markers[inner]), inner) if inner is not None else (block, following)


def _cut(text: str, opening: _Fence, closing: _Fence | None) -> Block:
    inline = _FIRST_LINE.match(opening.marker["info"])  # the program starts on the fence's own line
    start = opening.marker.start("info") + inline.end() if inline else min(opening.marker.end() + 1, len(text))
    end = max(start, min(closing.marker.start() if closing else len(text), start + 2 * _WINDOW))
    return Block(
        text=_outdented(unix(text[start:end]), opening.margin),
        start=start,
        end=end,
        language="python" if inline else _language(opening.info),
        closed=closing is not None,
    )


def _language(info: str) -> str:
    """The first word of an info string: `python` of `Python`, `{.python}`, `python:main.py`, `python title="x"`."""
    word = re.match(r"[{.\s]*([\w+#-]*)", info)
    return word[1].lower() if word else ""


def _outdented(text: str, margin: int) -> str:
    """Lines without up to `margin` leading spaces, as CommonMark has it for an indented fence."""
    if not margin:
        return text
    return "\n".join(line[min(margin, len(line) - len(line.lstrip(" "))) :] for line in text.split("\n"))


def dedented(text: str) -> str:
    """`text` without the margin that all its lines share; lines of white space do not count."""
    # textwrap.dedent makes a regular expression of the margin: a minute for a megabyte of spaces
    lines = text.split("\n")
    margin = os.path.commonprefix([line[: len(line) - len(line.lstrip())] for line in lines if line.strip()])  # noqa: RUF071
    return "\n".join(line.removeprefix(margin) if line.strip() else "" for line in lines) if margin else text
