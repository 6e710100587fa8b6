"""The frame of the image reports: one offline file. Names and prompts are other people's: every text is escaped,
nothing can run."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape as escape
from typing import Any

import numpy as np

from harness.images.pictures import Pixels, png, resize

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#59636e;--line:#d1d9e0;
--a:#0969da;--b:#bc4c00;--c:#1a7f37;--soft:#f6f8fa;--warn:#9a6700}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#3d444d;
--a:#4493f8;--b:#f0883e;--c:#3fb950;--soft:#151b23;--warn:#d29922}}
@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;--soft:#fff;
--a:#0969da;--b:#bc4c00;--c:#1a7f37}figure,svg,table,.say{break-inside:avoid}h2,h3{break-after:avoid}
.wide{overflow:visible}table{font-size:9px}th,td{padding:3px 4px}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1120px;padding:24px 16px;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:32px 0 8px}
h3{font-size:1rem;margin:16px 0 6px}p{margin:6px 0;max-width:75ch;overflow-wrap:anywhere}
.dim,figcaption{color:var(--dim)}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:4px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child,td.text,th.text{text-align:left}
.wrap th{white-space:normal;vertical-align:bottom;max-width:9em}
td.text{white-space:normal;min-width:16em;overflow-wrap:anywhere}
@media (max-width:640px){.wide table{font-size:12px}.wide th,.wide td{padding:3px 6px}}
.say{border-left:4px solid var(--a);padding:6px 12px;background:var(--soft);margin:8px 0;max-width:80ch}
.say.caution{border-color:var(--warn)}.say.note{border-color:var(--line)}
svg{width:100%;height:auto;display:block;overflow:visible}.grid{stroke:var(--line);stroke-width:.6}.axis{stroke:var(--dim)}
.tick,.name{fill:var(--dim);font-size:11px}.name{fill:var(--fg)}
.line{fill:none;stroke-width:2}.line.a{stroke:var(--a)}.line.b{stroke:var(--b)}
.line.c{stroke:var(--c);stroke-width:1}.line.d{stroke:var(--dim);stroke-dasharray:5 4;stroke-width:1.4}
.dot.a{fill:var(--a)}.dot.b{fill:var(--b)}.dot.c{fill:var(--c)}.dot.d{fill:var(--dim)}
.area{opacity:.16}.area.a{fill:var(--a)}.area.b{fill:var(--b)}.area.c{fill:var(--c)}.area.d{fill:var(--dim)}
.bar{opacity:.55}.bar.a{fill:var(--a)}.bar.b{fill:var(--b)}
.band{fill:var(--c);opacity:.08}.mark{stroke:var(--fg);stroke-dasharray:4 3}
.legend span{margin-right:18px;white-space:nowrap}
.key{display:inline-block;width:12px;height:12px;margin-right:6px;border-radius:3px;background:var(--dim)}
.key.a{background:var(--a)}.key.b{background:var(--b)}.key.c{background:var(--c)}
.key.mark{height:2px;vertical-align:middle;background:var(--fg)}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:16px}
.pics{display:flex;flex-wrap:wrap;gap:8px}.pics figure{width:96px}
.strip{display:flex;gap:8px;overflow-x:auto;padding-bottom:6px}.strip figure{flex:0 0 84px}
@media (max-width:640px){.tick{font-size:17px}.name{font-size:16px}}
h2.model{font-size:1.3rem;border-top:1px solid var(--line);padding-top:16px;overflow-wrap:anywhere}
.pics img,.strip img,.sheet{image-rendering:pixelated;width:100%;display:block;border:1px solid var(--line)}
@media print{.strip{flex-wrap:wrap;overflow:visible}.pics figure,.strip figure{width:74px;flex:0 0 74px}
.two{grid-template-columns:1fr 1fr}}
figcaption{font-size:12px;line-height:1.3;overflow-wrap:anywhere}figure{margin:0}
"""


def page(title: str, body: Sequence[str]) -> bytes:
    """The whole file."""
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style></head><body>'
    )
    return (head + "\n".join(body) + "</body></html>\n").encode()


def section(title: str, *parts: str) -> str:
    """A part of the page with its heading."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def paragraph(text: str, style: str = "") -> str:
    """A paragraph."""
    return f'<p class="{style}">{escape(text)}</p>' if style else f"<p>{escape(text)}</p>"


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    text_columns: Sequence[int] = (),
    *,
    narrow_heads: bool = False,
) -> str:
    """A table; the first column and `text_columns` are text, the others numbers. narrow_heads: long heads may wrap."""

    def cell(tag: str, place: int, value: Any) -> str:
        style = ' class="text"' if place in text_columns else ""
        return f"<{tag}{style}>{escape(str(value))}</{tag}>"

    head = "".join(cell("th", place, name) for place, name in enumerate(columns))
    lines = ["<tr>" + "".join(cell("td", place, value) for place, value in enumerate(row)) + "</tr>" for row in rows]
    style = "wide wrap" if narrow_heads else "wide"
    return f'<div class="{style}" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def picture_uri(pixels: Pixels, largest: int = 192) -> str:
    """The picture as a data URI, made smaller where it is large."""
    side = max(pixels.shape[:2])
    if side > largest:
        pixels = np.rint(resize(pixels, largest)).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def figure(pixels: Pixels, caption: str) -> str:
    """A picture with its words."""
    return f'<figure><img src="{picture_uri(pixels)}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'


def sheet(pictures: Sequence[Pixels], columns: int, caption: str, side: int = 64) -> str:
    """Many pictures as one, row by row."""
    small = [np.rint(resize(one, min(side, max(one.shape[:2])))).astype(np.uint8) for one in pictures]
    edge = max(one.shape[0] for one in small)
    rows = -(-len(small) // columns)
    whole = np.full((rows * (edge + 1), columns * (edge + 1), 3), 255, np.uint8)
    for i, one in enumerate(small):
        top, left = i // columns * (edge + 1), i % columns * (edge + 1)
        whole[top : top + one.shape[0], left : left + one.shape[1]] = one
    uri = picture_uri(whole, largest=10_000)
    return f'<figure><img class="sheet" src="{uri}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
