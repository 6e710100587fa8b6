"""Real runs made once, their site, and a real browser: Debian's chromium, driven by playwright."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness.datasets import ProblemSets, shipped_folder
from harness.leaderboard import site
from harness.leaderboard.pages import Pages
from harness.leaderboard.results import read_results
from harness.leaderboard.tables import make_tables
from harness.pipeline import run as pipeline
from harness.pipeline.job import StreamStart
from harness.tasks import load_config
from harness.types import Completion
from sandbox import Execution
from tests.fixtures.missing import missing
from tests.fixtures.problems import read_rows, write_rows

# The ratio of WCAG 2.1 (1.4.3): relative luminance of text and of the first background behind it that is not clear.
CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return parts(getComputedStyle(document.body).backgroundColor);
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest("svg, option, script, .hidden")) continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push(`${element.tagName}.${element.className} ${ratio.toFixed(2)} ${element.textContent.slice(0, 20)}`);
  }
  return faint;
}"""

PROBLEMS = 8
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync"]  # fmt: skip


class Silent:
    """An observer that shows nothing."""

    def note(self, message: str) -> None: ...
    def waiting(self, message: str | None) -> None: ...
    def started(self, begun: StreamStart) -> None: ...
    def generated(self, completions: list[Completion]) -> None: ...
    def executed(self, completion: Completion, execution: Execution | None) -> None: ...


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the embedded models at two temperatures: eight problems, three samples."""
    folder = tmp_path_factory.mktemp("leaderboard")
    lines = (shipped_folder() / "starter.jsonl").read_text().splitlines(keepends=True)[:PROBLEMS]
    (folder / "sample.jsonl").write_text("".join(lines))
    for model in ("nano", "nano-base"):
        for temperature in (0.2, 0.8):
            flags = {"problems": str(folder / "sample.jsonl"), "model": model, "temperature": temperature, "n": 3,
                     "k": (1, 3), "results": folder / "results", "workers": 1}  # fmt: skip
            pipeline.run(load_config(None, flags), Silent())
    return folder / "results"


def make_site(results: Path, out: Path) -> Path:
    """The site of a results folder."""
    sets = ProblemSets(out)
    records = read_results(results, sets)
    site.build_site(make_tables(records.runs), records, Pages(sets), out)
    return out


@pytest.fixture(scope="session")
def built(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the real runs."""
    return make_site(runs, tmp_path_factory.mktemp("site"))


HOSTILE = """</code></pre></article></td></tr></table><script>window.hacked = 1</script><tr><td>1</td><td>forged</td></tr>
<img src=x onerror="window.hacked = 1"><svg onload="window.hacked = 1"><iframe srcdoc="<script>parent.hacked=1</script>">
<style>* { display: none !important; width: 9000px }</style><a href="javascript:window.hacked=1" autofocus onfocus="hacked=1">
{{ 7 * 7 }}{% raw %}' onmouseover='window.hacked=1' \u202e\u2066gnp.exe\x1b[2J\u2028\x00<!--]]>"""
LONG = "W" * 4000


@pytest.fixture(scope="session")
def hostile(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the same runs and two more: a copy whose texts attack the page, and the same without the attack."""
    results = tmp_path_factory.mktemp("hostile") / "results"
    shutil.copytree(runs, results)
    source = next(path.parent for path in sorted(results.rglob("manifest.json")))
    for name, text in (("plain", "harmless"), ("attack", HOSTILE + LONG)):
        run = results / "sample" / name / source.name
        shutil.copytree(source, run)
        _edit(run / "manifest.json", lambda each, name=name, text=text: _rename(each, name, text))  # type: ignore[misc]
        _edit(run / "summary.json", lambda each, text=text: _poison(each, text))  # type: ignore[misc]
        for file, keys in (
            ("completions.jsonl", ("text", "finish_reason")),
            ("executions.jsonl", ("detail", "stdout")),
        ):
            rows = read_rows(run / file)
            for row in rows:
                row.update(dict.fromkeys(keys, f"{text} {row['index']}"))
            write_rows(run / file, *rows)
    left_out = results / "sample" / "left<script>window.hacked=1<"
    left_out.mkdir()
    (left_out / "manifest.json").write_text(HOSTILE)
    return make_site(results, tmp_path_factory.mktemp("hostile-site"))


def _rename(manifest: dict[str, Any], name: str, text: str) -> None:
    manifest["fingerprint"] = ("a" if name == "plain" else "b") * 64
    manifest["identity"]["model"]["name"] = f"{name} {text}"
    manifest["signature"] += f"|odd:{text}"
    manifest["host"]["system"] = text


def _poison(summary: dict[str, Any], text: str) -> None:
    for each in summary["estimates"]:
        each["signature"] += text
        each["method"] = text
    summary["sampling"] = {"warnings": [text]}
    summary["cost"] = {"price": 1.5, "currency": text}
    summary["verdicts"][text] = 3


def _edit(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without its network services; a fresh profile."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium", "no browser is installed", "apt-get install chromium")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


Opener = Callable[..., Page]


@pytest.fixture
def show(browser: Browser) -> Iterator[Opener]:
    """Open a page: show(path, width=1400, scheme="light"). The test fails if anything but a file is asked for, a dialog
    opens, or the page's policy is broken."""
    contexts, faults = [], []

    def opener(path: Path | str, *, width: int = 1400, scheme: Any = "light", network: bool = False) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("dialog", lambda dialog: (faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if not network:
            page.on("request", lambda request: None if request.url.startswith("file:") else faults.append(request.url))
        page.goto(path.as_uri() if isinstance(path, Path) else path)
        return page

    yield opener
    for context in contexts:
        context.close()
    assert not faults
