"""Pages that show hostile text safely: the templates' environment, and the policy of a page.

Whatever a page prints is first made printable (control and bidirectional characters as escapes), then escaped by the
templates; only `Markup` passes as it is. A page's policy forbids everything but its own style and its own scripts,
named by their hash, so that even markup which slipped through would neither run, load nor restyle anything.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import jinja2
from markupsafe import Markup, escape

from harness.text.printable import printable
from sandbox.types import Verdict

TEMPLATES = Path(__file__).resolve().parent / "templates"  # base page, charts, styles: shared by all reports

_MARKS: dict[str, str] = {
    Verdict.ACCEPTED: "\u2713", Verdict.WRONG_ANSWER: "W", Verdict.RUNTIME_ERROR: "R", Verdict.COMPILE_ERROR: "C",
    Verdict.TIME_LIMIT: "T", Verdict.MEMORY_LIMIT: "M", Verdict.OUTPUT_LIMIT: "O", Verdict.TAMPERED: "X",
    Verdict.INTERNAL_ERROR: "I",
}  # fmt: skip
_CLASSES: dict[str, str] = {name: name.lower().replace("_", "-") for name in Verdict}  # asked 100,000 times a site


def make_policy(style: str, scripts: Sequence[str] = (), *, connects: bool = False) -> str:
    """The policy of a page that has this style and these scripts, and nothing else. connects: to its own server."""
    allowed = ["default-src 'none'", f"style-src {_hash(style)}", "base-uri 'none'", "form-action 'none'"]
    if scripts:
        allowed.append(f"script-src {' '.join(map(_hash, scripts))}")
    return "; ".join([*allowed, *(["connect-src 'self'"] if connects else [])])


def make_environment(*folders: Path, names: Mapping[str, object] = MappingProxyType({})) -> jinja2.Environment:
    """Templates of these folders, the first one's before the others': escaped, printable, strict about names.

    names: what templates may use beside their context, such as functions that write values.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,  # Markup is a subclass, and passes
    )
    environment.filters["verdict_class"] = _verdict_class
    environment.filters["verdict_mark"] = _verdict_mark
    environment.filters["breakable"] = _breakable
    environment.globals.update(names)
    return environment


@functools.lru_cache(maxsize=64)  # a site has thousands of pages with the same style and scripts
def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _breakable(name: object) -> Markup:
    """A name that is broken after its slashes and underscores where it has no room, before it is broken in a word."""
    return Markup(re.sub(r"([/_])(?=.)", r"\1<wbr>", str(escape(printable(str(name))))))  # escaped


def _verdict_class(name: object) -> str:
    """A verdict's class; `other` for what is none."""
    return _CLASSES.get(str(name), "other")


def _verdict_mark(name: object) -> str:
    """One sign for a verdict, for where its word has no room: never the same for two, so that no colour is needed."""
    return _MARKS.get(str(name), "?")
