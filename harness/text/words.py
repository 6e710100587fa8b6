"""Texts as words, in any script: what counts as equal, and where a word begins and ends.

A word is a run of letters, digits, underscores and the marks that belong to them (Unicode categories L, N, M), so that
vowel signs and accents do not split it. Scripts that write no spaces between words (Han, kana, Thai, Lao, Khmer,
Myanmar) give one word a character with its marks: a segmenter would need a dictionary, and two of them disagree.
"""

from __future__ import annotations

import re
import unicodedata

import regex

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー]"
_MARKED = rf"{_UNSPACED}\p{{M}}*"
_LETTERS = rf"(?:(?!{_UNSPACED})[\p{{L}}\p{{N}}\p{{M}}_])+"
_TOKEN = regex.compile(rf"{_MARKED}|{_LETTERS}|\S")
_ASCII_TOKEN = re.compile(r"\w+|\S")
_WORD = regex.compile(rf"{_MARKED}|{_LETTERS}")
# What shows nothing: format characters (zero width space and joiners, direction marks, soft hyphen, byte order mark),
# the combining grapheme joiner, variation selectors.
_INVISIBLE = regex.compile(
    r"[\p{Cf}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]+"
)
_UNSPACED_RUN = regex.compile(_UNSPACED)


def visible(text: str) -> str:
    """The text in its composed form (NFC), without characters that show nothing: equal texts look the same."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text))


def tokens(text: str) -> list[str]:
    """The words and single marks of a text, in its order; white space and invisible characters do not count."""
    if text.isascii():  # the same, at a fifth of the time
        return _ASCII_TOKEN.findall(text)
    found: list[str] = _TOKEN.findall(visible(text))
    return found


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    found: list[str] = _WORD.findall(visible(text).lower())
    return [word for word in found if word.strip("_")]


def has_unspaced(text: str) -> bool:
    """Whether it has characters of a script that writes no spaces between words."""
    return not text.isascii() and _UNSPACED_RUN.search(text) is not None
