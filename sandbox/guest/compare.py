"""Is what a program printed what it had to print? The three ways in which judges compare.

exact: byte for byte. trimmed: lines, without white space at their ends and without empty lines at the end of all.
tokens: words between white space; two words that are both numbers may differ by the tolerance, absolutely or
relatively to the expected one.
"""

from __future__ import annotations

import math


def difference(printed: bytes, expected: str, mode: str, tolerance: float) -> str:
    """Where they differ, in words that do not give the expected text away; empty where they agree."""
    if mode == "exact":
        return "" if printed == expected.encode("utf-8", "surrogatepass") else "the output differs"
    text = printed.decode("utf-8", "replace")
    if mode == "trimmed":
        return _places("line", _lines(text), _lines(expected), 0.0)
    return _places("word", text.split(), expected.split(), tolerance)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _places(what: str, printed: list[str], expected: list[str], tolerance: float) -> str:
    for number, (ours, theirs) in enumerate(zip(printed, expected, strict=False), start=1):
        if ours != theirs and not (tolerance and _close(ours, theirs, tolerance)):
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
