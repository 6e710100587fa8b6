"""Is what a program printed what it had to print? The ways in which judges compare.

exact: byte for byte. trimmed: lines, without white space at their ends and without empty lines at the end of all.
tokens: words between white space; two words that are both numbers may differ by the tolerance, absolutely or
relatively to the expected one. decimals: lines, without white space at either end of each and of all; two that are
numbers alone agree where these are the same decimals, one by one: 1.0 is 1, and no digit of a long integer is lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable


def difference(printed: bytes, expected: str, mode: str, tolerance: float) -> str:
    """Where they differ, in words that do not give the expected text away; empty where they agree."""
    if mode == "exact":
        return "" if printed == expected.encode("utf-8", "surrogatepass") else "the output differs"
    text = printed.decode("utf-8", "replace")
    if mode == "trimmed":
        return _places("line", _lines(text), _lines(expected), _never)
    if mode == "decimals":
        ours, theirs = ([line.strip() for line in each.strip().split("\n")] for each in (text, expected))
        return _places("line", ours, theirs, _same_decimals)
    return _places(
        "word", text.split(), expected.split(), lambda ours, theirs: bool(tolerance) and _close(ours, theirs, tolerance)
    )


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _never(_ours: str, _theirs: str) -> bool:
    return False


def _same_decimals(ours: str, theirs: str) -> bool:
    import decimal  # 0.1 MB, of which every program's fork would copy the page tables

    try:
        mine, goal = ([decimal.Decimal(word) for word in line.split()] for line in (ours, theirs))
        return mine == goal
    except ArithmeticError:  # a word that is no number, or one that compares with nothing
        return False


def _places(what: str, printed: list[str], expected: list[str], agree: Callable[[str, str], bool]) -> str:
    for number, (ours, theirs) in enumerate(zip(printed, expected, strict=False), start=1):
        if ours != theirs and not agree(ours, theirs):
            return f"the output differs in {what} {number}"
    if len(printed) != len(expected):
        return f"the output has {len(printed)} {what}s, not {len(expected)}"
    return ""


def _close(ours: str, theirs: str, tolerance: float) -> bool:
    try:
        value, goal = float(ours), float(theirs)
    except ValueError:
        return False
    if math.isnan(goal):
        return math.isnan(value)
    return math.isclose(value, goal, rel_tol=tolerance, abs_tol=tolerance)
