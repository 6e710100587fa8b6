"""What a reader of the site's pages would stumble over: words cut in two, numbers that cover each other, wrong units."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.review.report import write_report
from tests.browser.conftest import Opener, make_site

EXAMPLES = Path(__file__).resolve().parents[2] / "results" / "example"
OVERLAPS = """svgs => svgs.flatMap(svg => {
  const texts = Array.from(svg.querySelectorAll("text")).map(each => [each.textContent, each.getBoundingClientRect()]);
  return texts.flatMap(([a, p], index) => texts.slice(index + 1)
    .filter(([, q]) => Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1.5
                    && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 4)
    .map(([b]) => `${a} covers ${b}`));
})"""


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the example runs."""
    return make_site(EXAMPLES, tmp_path_factory.mktemp("examples"))


def page_of(site: Path, folder: str, part: str) -> Path:
    return next(path for path in sorted((site / folder).rglob("*.html")) if part in str(path))


@pytest.mark.parametrize("width", [1280, 390])
def test_charts_fit_the_screen_and_no_text_covers_another(examples: Path, show: Opener, width: int) -> None:
    page = show(examples / "index.html", width=width)
    plots = page.locator("svg.plot")
    assert plots.count() >= 7
    assert plots.evaluate_all(OVERLAPS) == []
    assert plots.evaluate_all("svgs => Math.max(...svgs.map(svg => svg.getBoundingClientRect().right))") <= width


def test_a_verdict_and_a_problems_name_are_not_cut_within_a_word_on_a_phone(examples: Path, show: Opener) -> None:
    page = show(page_of(examples, "runs", "nano-t0-8"), width=390)
    heights = page.locator("#problems ~ * td .verdict").evaluate_all(
        "all => all.map(each => each.getClientRects().length)"
    )
    assert heights and set(heights) == {1}
    name = page.locator("#problems ~ * tbody th a").first
    assert name.inner_text() == "starter/sum_even_squares" and "starter/<wbr>sum_<wbr>even_" in name.inner_html()


def test_a_problem_of_a_perplexity_run_is_in_nats_and_its_text_is_whole(examples: Path, show: Opener) -> None:
    page = show(page_of(examples, "problems", "passages-advert"))
    assert page.get_by_role("button", name="nats per token").is_visible()
    assert "Mean place between the worst value (0) and the best (100)" in page.locator("p.lead").inner_text()
    assert page.locator("#problem ~ pre").evaluate("pre => pre.scrollWidth <= pre.clientWidth")
    assert page.locator("#sides").count() == 0  # a text that was only read has no answers to show
    changes = show(page_of(examples, "compare", "perplexity"))
    assert "Values are nats per token." in changes.locator("main").inner_text()


def test_what_a_run_cost_has_words_and_units_and_stands_once(examples: Path, show: Opener) -> None:
    text = show(page_of(examples, "runs", "nano-t0-8")).locator("section[aria-labelledby=facts]").inner_text()
    assert "965 tokens/s" in text and "15.9 s" in text and text.count("15,374") == 1
    assert "_s" not in text and "prompt_tokens" not in text and "GPU time" not in text


@pytest.mark.parametrize("width", [1280, 390])
def test_long_names_stand_whole_beside_each_other_in_a_studys_drawing(show: Opener, tmp_path: Path, width: int) -> None:
    names = (
        "org__a-model-with-a-very-long-name-epoch-3",
        "org__a-model-with-a-very-long-name-epoch-4",
        "モデル名前日本語の大きなコード",
    )
    pairs = [{"a": a, "b": b, "share": 0.7, "low": 0.5, "high": 0.9} for a, b in ((0, 1), (2, 0), (1, 2))]
    counts = {
        "wins": 7, "losses": 3, "ties": 0, "both_bad": 0, "p_adjusted": 0.34, "verdict": "no evidence",
        "smallest_detectable": None, "items_needed": 40,
    }  # fmt: skip
    rows = [{**each, "a": names[each["a"]], "b": names[each["b"]], **counts} for each in pairs]
    result = {
        "kind": "ab", "closed": "20261130T120000Z", "data": "rows@00000000", "signature": "ab", "warnings": [],
        "items": {"n": 10, "votes": 30, "identical": 0, "decided": 10}, "comparisons": rows, "strengths": [],
        "strata": [], "ratings": None, "agreement": [], "position": None, "length": None, "judges": [],
        "model_judges": [],
    }  # fmt: skip
    write_report(result, tmp_path / "report.html")
    drawing = show(tmp_path / "report.html", width=width).locator("svg.share")
    assert drawing.evaluate_all(OVERLAPS) == []
    assert drawing.evaluate(
        "svg => Array.from(svg.querySelectorAll('text')).every(text => text.getBoundingClientRect().right <= "
        "svg.getBoundingClientRect().right && text.getBoundingClientRect().left >= svg.getBoundingClientRect().left)"
    )
