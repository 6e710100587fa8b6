"""The rating sheet as one HTML file: works offline, keeps its state in the browser, saves JSON, prints."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness import __version__
from harness.html import highlight
from harness.html.environment import TEMPLATES as SHARED
from harness.html.environment import make_environment, make_policy
from harness.review.study import PICTURES, Study
from harness.text.printable import printable

SMALL = 256  # pixels: a picture that is less wide is shown larger
TEMPLATES = Path(__file__).resolve().parent / "templates"


def styles(*names: str) -> str:
    """The shared style of all pages, then these of ours."""
    return "".join(path.read_text("utf-8") for path in (SHARED / "page.css", *(TEMPLATES / name for name in names)))


def shown_html(text: str, language: str | None) -> Markup:
    """An answer as markup: escaped, code highlighted where it is known to be code or stands in a fence."""
    text = printable(text)
    if language == "python":
        return Markup('<pre class="answer"><code>{}</code></pre>').format(highlight.python(text))
    parts = []
    for number, part in enumerate(text.split("```")):
        if number % 2 == 0:
            if part.strip():
                parts.append(Markup('<div class="prose">{}</div>').format(part.strip("\n")))
        else:
            first, newline, rest = part.partition("\n")
            body = rest if newline and len(first.split()) <= 1 else part
            parts.append(Markup('<pre class="answer"><code>{}</code></pre>').format(highlight.python(body.rstrip())))
    return Markup("").join(parts) or Markup('<p class="muted">(no answer)</p>')


def render_form(study: Study, entries: Sequence[dict[str, Any]]) -> str:
    """The page. Its script knows the study's digest only, and reads everything else from the page."""
    style, script = styles("review.css", "form.css"), (TEMPLATES / "form.js").read_text("utf-8")
    rows = []
    for entry in entries:
        item = study.item(entry["id"])
        answer = item.answers[0]
        picture, small = None, False
        if answer.image is not None:
            data = (study.path / PICTURES / answer.image).read_bytes()
            picture = f"data:image/png;base64,{base64.b64encode(data).decode()}"
            small = int.from_bytes(data[16:20], "big") < SMALL  # the width in a PNG's first chunk
        rows.append({
            "id": entry["id"], "prompt": shown_html(item.prompt, answer.language),
            "expected": shown_html(item.expected, answer.language) if item.expected else None,
            "generated": shown_html(answer.text, answer.language), "picture": picture, "small": small,
        })  # fmt: skip
    environment = make_environment(TEMPLATES, SHARED)
    return environment.get_template("form.html.j2").render(
        policy=make_policy(style, [script]) + "; img-src data:",
        style=Markup(style),  # our own files, as the script
        scripts=[Markup(script)],
        version=__version__,
        study=study.id,
        design=study.design,
        rows=rows,
    )
