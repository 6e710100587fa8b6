"""Programs of competitions: what they find imported, and functions that stand in a class `Solution`."""

from __future__ import annotations

import re

from harness.types import Assembly

# What LiveCodeBench's evaluator has before every program (lcb_runner/evaluation/testing_util.py, commit 15808c7), as
# its contestants' sites do: these modules' names, then the modules themselves, and a deep stack.
_STARRED = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools",
    "functools", "operator", "io", "sys", "json", "builtins", "typing",
)  # fmt: skip
_PLAIN = tuple(name for name in _STARRED if name not in ("builtins", "typing"))
PREAMBLE = (
    "".join(f"from {name} import *\n" for name in _STARRED)
    + f"import {', '.join(_PLAIN)}\n"
    + "sys.setrecursionlimit(50000)\n\n"
)
_DEFINED = re.compile(r"def\s+([A-Za-z_]\w*)\s*\(")


def assembly(entry_point: str) -> Assembly:
    """A program whose function the judge calls, where it is a method of `Solution` too; a script without a name."""
    if not entry_point:
        return Assembly(before=PREAMBLE, whole=True)
    after = f"\n\nif 'Solution' in globals():\n    {entry_point} = Solution().{entry_point}\n"
    return Assembly(before=PREAMBLE, after=after, whole=True)


def function_of(starter_code: str) -> str:
    """The function that a starter code asks for: the first that is not of Python's own. Raises ValueError."""
    for name in _DEFINED.findall(starter_code):
        if not name.startswith("__"):
            return str(name)
    raise ValueError(f"starter_code: no function in {starter_code[:100]!r}")
