"""Text from models and problem sets, made safe to look at: characters that act or hide are shown as escapes."""

from __future__ import annotations

import re

# Unicode's controls, formats (bidirectional marks, zero width, tags), separators of lines and paragraphs, surrogates:
# categories Cc, Cf, Zl, Zp, Cs, but for newline and tab. Written out: asking unicodedata for each takes 0.5 s.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)


def printable(text: str) -> str:
    """`text` with every character that acts or hides (control, bidirectional, zero width, surrogate) escaped."""
    if text.isprintable():  # most of what a page shows, told in a tenth of the time
        return text
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def clipped(text: str, most: int) -> str:
    """`text`, cut to `most` characters with an ellipsis where it is longer."""
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


# What begins a formula in a spreadsheet, the wide forms too (Excel reads them so in East Asian locales).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def spreadsheet_cell(value: object) -> object:
    """A value for a CSV file: text that a spreadsheet would run as a formula gets an apostrophe, as OWASP advises."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith(_FORMULA) else text
