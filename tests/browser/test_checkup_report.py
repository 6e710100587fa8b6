"""The checkup's report in a real browser: hostile texts, narrow screens, print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.datasets import shipped_folder
from tests.browser.conftest import CONTRAST, HOSTILE, LONG, Opener
from tests.fixtures.commands import Harness
from tests.fixtures.problems import write_rows

VIEWS = [(1400, "light"), (1400, "dark"), (360, "light"), (360, "dark")]


@pytest.fixture(scope="module")
def report(harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkup whose stored completions, and whose data, attack the page."""
    folder = tmp_path_factory.mktemp("checkup")
    data = folder / "data"
    data.mkdir()
    lines = (shipped_folder() / "starter.jsonl").read_text().splitlines(keepends=True)
    (data / "codegen.jsonl").write_text("".join(lines[:3]))
    rows = [{"id": f"{HOSTILE} {n}", "text": f"{HOSTILE} {n}", "label": label} for n, label in enumerate("ab")]
    write_rows(data / "classification.jsonl", *rows)
    (data / "train.jsonl").write_text("".join(json.dumps({"text": f"{HOSTILE} {n} a"}) + "\n" for n in range(2)))
    points = [{"step": step, "eval_loss": loss} for step, loss in enumerate((2.0, 1.0, 1.5, 2.0), 1)]
    (data / "trainer_state.json").write_text(json.dumps({"log_history": points}))
    command = ["checkup", "--base", "nano-base", "--tuned", "nano", "--data", "data", "--n", "2", "--prompts", "0"]
    first = harness(*command, cwd=folder)
    assert first.returncode == 0, first.stderr
    for path in folder.glob("results/codegen/*/*/completions.jsonl"):
        poisoned = [{**json.loads(row), "text": HOSTILE + LONG} for row in path.read_text().splitlines()]
        write_rows(path, *poisoned)
    again = harness(*command, cwd=folder)
    assert again.returncode == 0, again.stderr
    return folder / "checkup" / "report.html"


def test_hostile_texts_are_shown_and_do_nothing(report: Path, show: Opener) -> None:
    page = show(report)
    assert page.evaluate("window.hacked") is None
    assert page.locator("script, iframe, img, [onerror], [onload], [onfocus]").count() == 0
    assert "<script>window.hacked = 1</script>" in page.locator("article.example pre").first.inner_text() or (
        "<script>window.hacked = 1</script>" in page.locator("#examples ~ article").all_inner_texts()[0]
    )
    assert "\u202e" not in page.content() and page.locator("table.verdicts").is_visible()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_nothing_is_wider_than_the_screen_and_all_text_can_be_read(
    report: Path, show: Opener, width: int, scheme: str
) -> None:
    page = show(report, width=width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) == []


def test_the_verdict_of_every_line_is_in_sight_on_a_phone(report: Path, show: Opener) -> None:
    page = show(report, width=360)
    for tag in page.locator("table.verdicts .tag").all():
        box = tag.bounding_box()
        assert box is not None and box["x"] + box["width"] <= 360


def test_in_print_texts_are_whole_and_links_within_the_page_are_left_out(report: Path, show: Opener) -> None:
    page = show(report)
    page.emulate_media(media="print")
    assert not page.locator("nav.contents").is_visible()
    cut = "pres => pres.filter(pre => pre.scrollHeight > pre.clientHeight + 1).length"
    assert page.locator("article.example pre").evaluate_all(cut) == 0
