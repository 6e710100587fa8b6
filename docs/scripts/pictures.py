"""The screenshots in docs/pictures: `make pictures` (needs chromium and a sandbox; some minutes).

terminal.png      the first run, as a terminal shows it
leaderboard.png   the first page of the site of the example runs
side-by-side.png  the programs of two of its runs on one problem
checkup.png       the report on the two embedded models

Each is a real command's real output, drawn by chromium and saved with 128 colors, so that it stays small.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "pictures"
LARGEST_BYTES = 150_000
COLUMNS = 92
_PAGE = """<!doctype html><meta charset="utf-8"><style>{stylesheet}
body {{ background: {background}; color: {foreground}; margin: 24px; }}
pre {{ font: 14px/1.17 "DejaVu Sans Mono", monospace; margin: 0; }}</style><pre><code>{code}</code></pre>"""
_BROWSER = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
            "--disable-component-update", "--hide-scrollbars"]  # fmt: skip


def main() -> None:
    """Make all of them again."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        draw(terminal(place).as_uri(), "terminal.png", width=860, height=620)
        leaderboard(place)
        harness(place, "checkup", "--base", "nano-base", "--tuned", "nano", "-o", "checkup")
        draw((place / "checkup" / "report.html").as_uri(), "checkup.png", width=1100, height=900)


def leaderboard(place: Path) -> None:
    """The site's first page, and a problem of it with two runs."""
    words = ("--title", "Models of our team", "--description", "What we tried on the starter set.")
    harness(place, "leaderboard", ROOT / "results" / "example", "-o", "site", *words)
    draw((place / "site" / "index.html").as_uri(), "leaderboard.png", width=1340, height=900)
    (problem,) = place.glob("site/problems/codegen-*/starter-letter-counts-*.html")
    draw(f"{problem.as_uri()}#a=1&b=3", "side-by-side.png", width=1340, height=1420)


def harness(place: Path, *arguments: str | Path) -> str:
    """What a command prints, with its colors."""
    command = [sys.executable, "-m", "harness", *map(str, arguments)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS), "TERM": "xterm-256color", "PYTHONPATH": path}
    return subprocess.run(command, cwd=place, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout


def terminal(place: Path) -> Path:
    """A page with the first run, as a terminal shows it."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w", encoding="utf-8"))
    console.print(Text("$ harness run --k 1,10", style="bold"))
    console.print(Text.from_ansi(harness(place, "run", "--k", "1,10")))
    page = place / "terminal.html"
    page.write_text(console.export_html(theme=MONOKAI, code_format=_PAGE, inline_styles=False), encoding="utf-8")
    return page


def draw(url: str, name: str, *, width: int, height: int) -> None:
    """A picture of a page's top, without the empty rest. Raises ValueError for one that is too large to commit."""
    target = FOLDER / name
    with tempfile.TemporaryDirectory() as profile:
        size = [f"--window-size={width},{height}", f"--user-data-dir={profile}", f"--screenshot={target}"]
        subprocess.run(["chromium", *_BROWSER, *size, url], check=True, capture_output=True, timeout=120)
    picture = Image.open(target).convert("RGB")
    empty = Image.new("RGB", picture.size, picture.getpixel((0, picture.height - 1)))
    box = ImageChops.difference(picture, empty).getbbox()
    bottom = min(picture.height, box[3] + 24) if box else picture.height
    picture.crop((0, 0, picture.width, bottom)).quantize(128).save(target, optimize=True)
    if target.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"{target} has {target.stat().st_size} bytes; {LARGEST_BYTES} is the most")


if __name__ == "__main__":
    main()
