"""One text out of a pickle, without unpickling: a pickle is a program, and a data set's may be anybody's.

The instructions are read, none is run. Allowed are those of a pickled `str` and nothing else: protocol and frame, the
text, its place in the memo, the end.
"""

from __future__ import annotations

import pickletools

_TEXT = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_AROUND = {"PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT", "STOP"}


def pickled_text(data: bytes) -> str:
    """The text. Raises ValueError for a pickle of anything else, and for bytes that are none."""
    texts: list[str] = []
    at, last = 0, ""
    try:
        for instruction, argument, place in pickletools.genops(data):
            last, at = instruction.name, place or 0
            if last in _TEXT:
                texts.append(str(argument))
            elif last not in _AROUND:
                raise ValueError(f"the pickle holds more than text ({last} at byte {at}); it is not unpickled")
    except (ValueError, IndexError, UnicodeDecodeError, OverflowError) as error:
        if "not unpickled" in str(error):
            raise
        raise ValueError(f"no pickle of a text ({error}); it is not unpickled") from error
    if len(texts) != 1 or last != "STOP" or at + 1 != len(data):
        raise ValueError(f"the pickle holds {len(texts)} texts or more behind its end; it is not unpickled")
    return texts[0]
