"""report.html: the result as one page that holds everything it shows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from markupsafe import Markup

from harness import __version__
from harness.errors import InputError
from harness.files.atomic import write_whole
from harness.html.environment import TEMPLATES as SHARED
from harness.html.environment import make_environment, make_policy
from harness.review.form import TEMPLATES, styles
from harness.review.text import headline, tables

LONGEST_NAME, HEAD = 20, 7  # columns that a drawing has room for, twice beside each other, and how many come first
_NUMBER = r"(?:< )?[+-]?[\d.,]+%?"
_NUMERIC = re.compile(rf"-|{_NUMBER}(?:(?: to | of |-){_NUMBER})?")


def render_report(result: Mapping[str, Any]) -> str:
    """The page. It has no script, and its policy allows none."""
    style = styles("review.css", "report.css")
    return make_environment(TEMPLATES, SHARED).get_template("report.html.j2").render(
        policy=make_policy(style),
        style=Markup(style),  # our own files
        scripts=[],
        version=__version__,
        result=result,
        headline=headline(result),
        tables=tables(result),
        short=shortened,
        numeric=numeric_columns,
    )  # fmt: skip


def shortened(name: str) -> str:
    """A model's name for a drawing: the middle of a long one is left out, for names of one family differ at the end."""
    if _columns(name) <= LONGEST_NAME:
        return name
    head, tail = name, name
    while _columns(head) > HEAD:
        head = head[:-1]
    while _columns(tail) > LONGEST_NAME - HEAD - 1:
        tail = tail[1:]
    return f"{head}\u2026{tail}"


def _columns(text: str) -> int:
    """As a terminal counts them: two for a wide sign."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def numeric_columns(rows: Sequence[Sequence[str]]) -> list[bool]:
    """Of each column, whether it holds numbers, intervals or dashes alone, which stand at the right."""
    return [all(_NUMERIC.fullmatch(cell) for cell in column) for column in zip(*rows, strict=True)]


def write_report(result: Mapping[str, Any], path: Path) -> None:
    """Raises InputError where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, render_report(result).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; name another with -o") from error
