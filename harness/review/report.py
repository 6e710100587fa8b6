"""report.html: the result as one page that holds everything it shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness import __version__
from harness.errors import InputError
from harness.files.atomic import write_whole
from harness.html.environment import TEMPLATES as SHARED
from harness.html.environment import make_environment, make_policy
from harness.review.form import TEMPLATES, styles
from harness.review.text import headline, tables


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
    )  # fmt: skip


def write_report(result: Mapping[str, Any], path: Path) -> None:
    """Raises InputError where the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, render_report(result).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; name another with -o") from error
