"""Program text of languages with braces, seen without its comments and texts: how deep it is, where a piece ends.

A scanner, no parser: it knows comments, quoted texts and characters of the C family, and of Rust that 'a may be a name.
Linear in the text.
"""

from __future__ import annotations

import re

_PIECE = re.compile(
    r"//[^\n]*|/\*.*?(?:\*/|\Z)|R\"\(.*?(?:\)\"|\Z)"
    r"|\"(?:\\.|[^\"\\\n])*\"?|`(?:\\.|[^`\\])*`?|'(?:\\[^\n]{1,8}?|[^'\\\n])'",
    re.DOTALL,
)


def bare(text: str) -> str:
    """`text` of the same length, with comments and texts overwritten by spaces; line ends stay."""
    return _PIECE.sub(lambda piece: re.sub(r"[^\n]", " ", piece[0]), text)


def depth(text: str) -> int:
    """How many braces are open at the end."""
    plain = bare(text)
    return plain.count("{") - plain.count("}")


def opened_to(text: str, wanted: int) -> str:
    """`text` without the last closing braces that leave it less deep than `wanted`."""
    plain, text = bare(text), text.rstrip()
    less = wanted - (plain.count("{") - plain.count("}"))
    for _ in range(max(less, 0)):
        at = plain.rfind("}", 0, len(text))
        if at < 0:
            break
        text = text[:at].rstrip()
    return text + "\n"


def closed(text: str) -> str:
    """`text` with the braces closed that are open at its end."""
    return text.rstrip() + "\n" + "}\n" * max(depth(text), 0)


def without_piece(text: str, head: re.Pattern[str]) -> str:
    """`text` without the function or class that `head` begins, up to its closing brace; itself where there is none."""
    plain = bare(text)
    begin = head.search(plain)
    if begin is None:
        return text
    level, at = 0, plain.find("{", begin.start())
    while 0 <= at < len(plain):
        level += (plain[at] == "{") - (plain[at] == "}")
        at += 1
        if level == 0:
            return text[: begin.start()] + text[at:]
    return text
