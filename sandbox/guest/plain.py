"""What the judge asks of a program in another language than Python: plain data, which every language has.

None, booleans, numbers, strings, lists and dictionaries with texts as keys, packed as `codec` packs them; a tuple is a
list there. A number that is none, or has no end, is {"x": "nan"}, for JSON has none of them.
"""

from __future__ import annotations

import math
from typing import Any

MAX_SAFE = 2**53 - 1  # beyond it a double is no longer one integer


class NotPlain(Exception):  # noqa: N818
    """A value of the tests that has no place in the other language; its text says which."""


def pack(value: Any) -> Any:
    """`value` as JSON holds it. Raises NotPlain; RecursionError for one that nests too deep."""
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        if abs(value) > MAX_SAFE:
            raise NotPlain("an integer beyond 2**53")
        return value
    if kind is float:
        return value if math.isfinite(value) else {"x": str(value)}
    if kind is list or kind is tuple:
        return [pack(each) for each in value]
    if kind is dict:
        if not all(type(key) is str for key in value):
            raise NotPlain("a dictionary with keys that are no texts")
        return {"d": [[key, pack(each)] for key, each in value.items()]}
    raise NotPlain(f"a value of {kind.__name__}")
