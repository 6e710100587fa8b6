from __future__ import annotations

import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from harness.datasets import ProblemSets, shipped_folder
from harness.leaderboard import server
from tests.browser.conftest import CONTRAST, make_site
from tests.fixtures.problems import read_rows

Opener = Callable[..., Page]

STARTER = shipped_folder() / "starter.jsonl"
EXAMPLES = Path(__file__).resolve().parents[2] / "results" / "example"
BELOW = ("runs/*", "problems/*/*", "completions/*/*", "compare/*")
VIEWS = [(1400, "light"), (1400, "dark"), (360, "light"), (360, "dark")]


def summaries(runs: Path) -> dict[str, dict[str, Any]]:
    """Fingerprint -> summary of each run."""
    return {
        json.loads((path.parent / "manifest.json").read_bytes())["fingerprint"]: json.loads(path.read_bytes())
        for path in runs.rglob("summary.json")
    }


def models(page: Page) -> list[str]:
    """The labels of the first table's rows that can be seen, from the top."""
    rows = page.locator("table.runs >> nth=0 >> tbody tr:visible th")
    return [re.sub(r"\s+", " ", text).partition(" sampling: ")[0].strip() for text in rows.all_inner_texts()]


def values(page: Page, column: int) -> list[float]:
    cells = page.locator(f"table.runs >> nth=0 >> tbody tr > :nth-child({column})")
    return [float(value) for value in cells.evaluate_all("cells => cells.map(cell => cell.dataset.v)")]


def heading(page: Page, name: str, nth: int = 0) -> Any:
    return page.locator("table.runs >> nth=0 >> thead").get_by_role("button", name=name, exact=True).nth(nth)


def test_every_number_of_the_first_page_is_that_of_a_summary(runs: Path, built: Path, show: Opener) -> None:
    page = show(built / "index.html")
    found = page.locator("table.runs >> nth=0 >> tbody tr").evaluate_all(
        """rows => rows.map(row => [row.querySelector("summary").textContent,
            ...["pass@1", "pass@3"].map(metric => {
                const cell = row.querySelector(`[data-metric="${metric}"]`), next = cell.nextElementSibling;
                return [cell.dataset.v, next.dataset.v, next.dataset.high, cell.innerText, next.innerText];
            })])"""
    )
    expected = summaries(runs)
    assert len(found) == len(expected) == 4
    for short, *cells in found:
        summary = next(each for fingerprint, each in expected.items() if fingerprint.startswith(short))
        for estimate, (value, low, high, text, interval) in zip(summary["estimates"], cells, strict=True):
            numbers = estimate["value"], estimate["low"], estimate["high"]
            assert (float(value), float(low), float(high)) == numbers
            assert text.startswith(f"{numbers[0]:.1%}") and interval == f"{numbers[1]:.1%} – {numbers[2]:.1%}"


def test_every_count_of_the_problem_pages_is_that_of_a_summary(runs: Path, built: Path, show: Opener) -> None:
    page = show(built / "index.html")
    pages = [built / "runs" / path.name for path in (built / "runs").iterdir()]
    expected = summaries(runs)
    for path in pages:
        page.goto(path.as_uri())
        fingerprint = next(name for name in expected if name in page.content())
        rows = page.locator("#problems ~ * table tbody tr").evaluate_all(
            "rows => rows.map(row => Array.from(row.cells).slice(0, 3).map(cell => cell.dataset.v))"
        )
        assert {name: {"n": int(n), "c": int(c)} for name, c, n in rows} == expected[fingerprint]["problems"]


@pytest.mark.parametrize("column", ["pass@1", "pass@3", "completions", "tokens each"])
def test_a_click_on_a_number_sorts_by_it_and_a_second_click_the_other_way(
    built: Path, show: Opener, column: str
) -> None:
    page = show(built / "index.html")
    button = heading(page, column)
    place = button.evaluate("button => button.parentElement.cellIndex + 1")
    button.click()
    assert values(page, place) == sorted(values(page, place), reverse=True)
    assert button.locator("..").get_attribute("aria-sort") == "descending"
    button.click()
    assert values(page, place) == sorted(values(page, place))
    assert page.locator("table.runs >> nth=0 >> [aria-sort]").count() == 1


def test_every_column_but_the_signature_can_be_sorted(built: Path, show: Opener) -> None:
    page = show(built / "index.html")
    buttons = page.locator("table.runs >> nth=0 >> thead button").all()
    assert len(buttons) == page.locator("table.runs >> nth=0 >> thead th").count() - 1
    for button in buttons:
        button.click()
        assert button.locator("..").get_attribute("aria-sort") in ("ascending", "descending")


def test_text_filters_rows_and_says_how_many_are_left(built: Path, show: Opener) -> None:
    page = show(built / "index.html")
    page.get_by_label("Text").fill("nano-base 0.8")
    assert [re.sub(r"^\d+ ", "", name) for name in models(page)] == ["nano-base T 0.8"]
    assert page.locator("#shown").inner_text() == "1 row"
    page.get_by_label("Text").fill("no such model")
    assert page.locator("section.board:visible").count() == 0 and page.locator("#nothing").is_visible()


def test_a_task_and_a_problem_set_can_be_chosen(built: Path, show: Opener) -> None:
    page = show(built / "index.html")
    for name in ("Task", "Problem set"):
        options = page.get_by_label(name).locator("option").all_inner_texts()
        assert len(options) == 2
        page.get_by_label(name).select_option(options[1])
        assert len(models(page)) == 4


def test_one_finds_a_problem_and_a_completion_by_keyboard_alone(runs: Path, built: Path, show: Opener) -> None:
    page = show(built / "index.html")
    press_until(page, "rank")
    page.keyboard.press("Tab")
    assert focused(page) == "model"
    page.keyboard.press("Enter")
    assert page.locator("th[aria-sort]").inner_text().startswith("model")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    press_until(page, "nano")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")
    press_until(page, "sample/sum_even_squares", "starter/sum_even_squares")
    page.keyboard.press("Enter")
    page.wait_for_url("**/problems/**")
    press_until(page, "all 3")
    page.keyboard.press("Enter")
    page.wait_for_url("**/completions/**")
    assert sum(times(page)) == 3


def test_the_filter_works_by_keyboard_alone(built: Path, show: Opener) -> None:
    page = show(built / "index.html")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "text":
            break
    page.keyboard.type("T:0.2")
    assert len(models(page)) == 2


def times(page: Page) -> list[int]:
    """How often each answer of a page of completions was given."""
    return [
        int((re.search(r"(\d+) times", text) or [0, 1])[1]) for text in page.locator("article h2").all_inner_texts()
    ]


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def press_until(page: Page, *names: str) -> None:
    """Press Tab until an element with one of these texts has the focus."""
    for _ in range(300):
        page.keyboard.press("Tab")
        if focused(page) in names:
            return
    raise AssertionError(f"{names} cannot be reached by keyboard")


def test_a_completion_is_shown_as_it_was_written_with_its_prompt_and_verdict(
    runs: Path, built: Path, show: Opener
) -> None:
    run = sorted(path.parent for path in runs.rglob("nano/*/manifest.json"))[0]
    completion = json.loads((run / "completions.jsonl").read_text().splitlines()[0])
    executions = read_rows(run / "executions.jsonl")
    key = (completion["problem_id"], completion["index"])
    execution = next(each for each in executions if (each["problem_id"], each["index"]) == key)
    problem = json.loads((runs.parent / "sample.jsonl").read_text().splitlines()[0])
    fingerprint = json.loads((run / "manifest.json").read_bytes())["fingerprint"]
    page = show(built / "index.html")
    page.locator("tr", has=page.locator("summary", has_text=fingerprint[:8])).locator("th a").click()
    page.get_by_role("link", name=problem["id"]).click()
    page.locator("tr", has_text="nano").filter(has=page.locator(f'a[href*="{run.name[-8:]}"]')).first.get_by_role(
        "link", name="all 3"
    ).click()
    assert page.locator("#asked ~ pre").first.text_content() == problem["prompt"]
    article = page.locator(f"#c{completion['index']}")
    assert article.locator("pre:not(.detail) code").first.text_content() == completion["text"]
    assert article.locator("h2 .verdict").inner_text() == execution["verdict"]
    article.get_by_text("Raw text").click()
    assert json.loads(article.locator("pre.raw").inner_text()) == completion["text"]


def every_kind(site: Path) -> list[Path]:
    """The first page, and one page of each other kind."""
    return [
        site / "index.html",
        *(sorted(site.glob(each))[0] for each in ("runs/*", "problems/*/*", "completions/*/*")),
    ]


def everything(site: Path) -> list[Path]:
    """The first page and one page of each kind whose run attacks the page."""
    attacked = next(path for path in (site / "runs").iterdir() if path.name.startswith("sample-attack"))
    completions = sorted((site / "completions" / attacked.stem).iterdir())[0]
    problem = sorted(site.glob("problems/*/*.html"))[0]
    compare = max(site.glob("compare/*.html"), key=lambda path: "attack" in path.read_text())
    return [site / "index.html", attacked, problem, completions, compare]


@pytest.mark.parametrize("view", VIEWS, ids=str)
@pytest.mark.parametrize("kind", range(5), ids=["index", "run", "problem", "completions", "compare"])
def test_hostile_texts_neither_run_nor_move_anything(
    hostile: Path, show: Opener, kind: int, view: tuple[int, str]
) -> None:
    page = show(everything(hostile)[kind], width=view[0], scheme=view[1])
    for summary in page.locator("summary").all():
        summary.evaluate("each => { each.parentElement.open = true }")
    page.wait_for_timeout(50)
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth") == view[0]
    assert page.locator("script").count() <= 3 and page.locator("iframe, img, style ~ style").count() == 0
    assert page.locator("a[href^=javascript], [onerror], [onload], [onfocus], [onmouseover]").count() == 0
    shown = page.locator("body").inner_text()
    assert not re.search("[\u202e\u2066\x1b\u2028]", shown)
    assert "\\u202e" in page.content() or kind == 2


def test_a_hostile_run_adds_one_row_and_no_more(hostile: Path, built: Path, show: Opener) -> None:
    honest = show(built / "index.html").locator("table.runs >> nth=0 >> tbody tr").count()
    page = show(hostile / "index.html")
    rows = [
        section.locator("table.runs >> nth=0 >> tbody tr").count() for section in page.locator("section.board").all()
    ]
    assert sum(rows) == honest + 2
    assert page.locator("table.left-out tbody tr").count() == 1
    cells = page.locator("section.board >> nth=0 >> table.runs >> nth=0 >> tbody tr").evaluate_all(
        "rows => rows.map(row => row.cells.length)"
    )
    assert len(set(cells)) == 1


def test_a_name_without_end_leaves_the_other_rows_in_sight(hostile: Path, show: Opener) -> None:
    page = show(hostile / "index.html")
    heights = page.locator("section.board >> nth=0 >> table.runs >> nth=0 >> tbody tr").evaluate_all(
        "rows => rows.map(row => row.getBoundingClientRect().height)"
    )
    assert max(heights) < 300


def test_hostile_texts_do_not_change_a_pages_structure(hostile: Path, show: Opener) -> None:
    def structure(name: str) -> list[str]:
        run = next(path for path in (hostile / "runs").iterdir() if path.name.startswith(f"sample-{name}"))
        page = show(sorted((hostile / "completions" / run.stem).iterdir())[0])
        tags: list[str] = page.evaluate("[...document.querySelectorAll('body *')].map(each => each.tagName)")
        return [tag for tag in tags if tag not in ("SPAN",)]  # marks of highlighted text

    assert structure("attack") == structure("plain")


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_no_page_scrolls_sideways(built: Path, show: Opener, view: tuple[int, str]) -> None:
    page = show(built / "index.html", width=view[0], scheme=view[1])
    for path in every_kind(built):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == view[0], path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(built: Path, show: Opener, scheme: str) -> None:
    page = show(built / "index.html", scheme=scheme)
    faint: list[str] = []
    for path in every_kind(built):
        page.goto(path.as_uri())
        faint += page.evaluate(CONTRAST)
    assert faint == []


def test_in_print_nothing_is_cut_and_no_filter_is_shown(built: Path, show: Opener) -> None:
    page = show(built / "index.html")
    page.emulate_media(media="print")
    assert not page.locator("form.filters").is_visible()
    assert page.locator(".scroll").first.evaluate("each => getComputedStyle(each).overflow") == "visible"


def test_no_column_is_cut_on_a_usual_screen(built: Path, show: Opener) -> None:
    page = show(built / "index.html", width=1400)
    for path in every_kind(built):
        page.goto(path.as_uri())
        cut = page.locator(".scroll").evaluate_all(
            "parts => parts.filter(each => each.checkVisibility() && each.scrollWidth > each.clientWidth)"
            ".map(each => each.ariaLabel)"
        )
        assert cut == [], path


def test_the_tables_of_four_tasks_are_not_cut_either(examples: Path, show: Opener) -> None:
    page = show(examples / "index.html", width=1400)
    assert page.locator("section.board").count() == 4
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every(each => each.scrollWidth <= each.clientWidth)"
    )


@pytest.mark.parametrize("width", [1280, 1024])
def test_on_a_narrower_screen_no_column_is_cut_and_what_is_left_out_is_on_the_runs_pages(
    examples: Path, show: Opener, width: int
) -> None:
    page = show(examples / "index.html", width=width)
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.scrollWidth <= e.clientWidth)")
    assert page.locator("table.runs >> nth=1 >> th.extra").last.is_visible() == (width == 1280)
    signature = page.locator("table.runs >> nth=1 >> summary").first.text_content()
    page.locator("table.runs >> nth=1 >> tbody th a").first.click()
    page.wait_for_url("**/runs/*")
    assert page.get_by_text(str(signature)).first.is_visible()


def test_on_a_phone_the_models_name_stays_while_its_row_is_scrolled(examples: Path, show: Opener) -> None:
    page = show(examples / "index.html", width=360)
    table = page.locator(".scroll", has=page.locator("table.runs:not(.models)")).first
    table.evaluate("each => { each.scrollLeft = 500 }")
    left = table.bounding_box()["x"]
    for name in (table.locator("tbody th").first, table.locator("thead th.row")):
        assert 0 <= name.bounding_box()["x"] - left < 3


def test_models_by_sets_shows_each_number_with_its_interval_and_who_leads(examples: Path, show: Opener) -> None:
    page = show(examples / "index.html")
    assert page.locator("p.headline").inner_text() == (
        "nano leads on 2 of 4 sets, nano-base on 1; on remarks the two models cannot be told apart."
    )
    assert page.locator("table.models thead th").count() == 1 + 4
    cells = page.locator("table.models tbody tr", has_text="nano-base").locator("td")
    summary = json.loads((EXAMPLES / "nano-base-perplexity" / "summary.json").read_bytes())["estimates"][0]
    texts = [re.sub(r"\s+", " ", text) for text in cells.all_inner_texts()]
    low, value, high = (f"{summary[name]:,.0f}" for name in ("low", "value", "high"))
    assert texts[2] == f"{value} {low} – {high} leads" and texts[3].endswith("rank 2")
    assert page.locator("table.models .leads").count() == 3  # a word, not a colour
    page.locator("table.models thead").get_by_role("button", name="passages").click()
    assert page.locator("table.models tbody th").all_inner_texts() == ["nano-base", "nano"]  # the lower is better


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the example runs: four tasks, and ten samples of the model at 0.8."""
    return make_site(EXAMPLES, tmp_path_factory.mktemp("examples"))


def completions_of(site: Path, run: str, problem: str) -> Path:
    (found,) = site.glob(f"completions/{run}-*/starter-{problem}-*.html")
    return found


def test_a_repeated_program_is_shown_once_with_how_often_and_no_error(examples: Path, show: Opener) -> None:
    rows = [
        r
        for r in read_rows(EXAMPLES / "nano-T0.8" / "completions.jsonl")
        if r["problem_id"] == "starter/sum_even_squares"
    ]
    texts = [row["text"] for row in rows]
    page = show(completions_of(examples, "nano-t0-8", "sum-even-squares"))
    assert times(page) == [8, 2] == [texts.count(text) for text in dict.fromkeys(texts)]
    assert page.locator(".detail").count() == 0  # "the same program as sample 0" is no error
    assert page.locator("article >> nth=0").get_by_text("samples 0, 2, 3, 4, 5, 7, 8, 9").is_visible()
    assert page.locator("p.lead").inner_text().startswith("10 completions of nano, 2 distinct")
    ids = page.locator("[id^=c]").evaluate_all("found => found.map(each => each.id)")
    assert sorted(ids) == sorted(f"c{index}" for index in range(10))


def test_a_link_to_a_folded_completion_opens_its_place(examples: Path, show: Opener) -> None:
    page = show(completions_of(examples, "nano-t0-8", "sum-even-squares").as_uri() + "#c6")
    assert page.locator("li#c6").is_visible()


def test_answers_are_filtered_by_verdict_and_by_text(examples: Path, show: Opener) -> None:
    run = EXAMPLES / "nano-T0.8"
    verdicts = {(r["problem_id"], r["index"]): r["verdict"] for r in read_rows(run / "executions.jsonl")}
    mixed = next(
        p for p, _ in verdicts if {"ACCEPTED", "WRONG_ANSWER"} <= {v for (q, _), v in verdicts.items() if q == p}
    )
    page = show(completions_of(examples, "nano-t0-8", mixed.partition("/")[2].replace("_", "-")))
    answers = page.locator("article").count()
    for verdict in ("ACCEPTED", "WRONG_ANSWER"):
        page.locator("select[name=verdict]").select_option(verdict)
        seen = page.locator("article:visible")
        assert set(seen.locator("h2 .verdict").all_inner_texts()) == {verdict}
        assert page.locator("#shown").inner_text().split()[0] == str(seen.count())
    page.locator("select[name=verdict]").select_option("")
    word = page.locator("article >> nth=1 >> pre:not(.detail) code >> nth=0").inner_text().strip()
    page.get_by_label("Text").fill(word)
    assert 1 <= page.locator("article:visible").count() < answers
    page.get_by_label("Text").fill("no program says this")
    assert page.locator("article:visible").count() == 0 and page.locator("#shown").inner_text() == "0 answers"


def test_problems_of_a_run_are_filtered_by_verdict(examples: Path, show: Opener) -> None:
    verdicts = read_rows(EXAMPLES / "nano-T0.8" / "executions.jsonl")
    expected = {row["problem_id"] for row in verdicts if row["verdict"] == "COMPILE_ERROR"}
    page = show(next(examples.glob("runs/nano-t0-8-*.html")))
    page.locator("select[name=verdict]").select_option("COMPILE_ERROR")
    assert set(page.locator("table.runs tbody tr:visible th").all_inner_texts()) == expected


def test_a_problems_page_has_its_tests_and_its_reference_folded(examples: Path, show: Opener) -> None:
    (path,) = examples.glob("problems/*/starter-sum-even-squares-*.html")
    row = next(r for r in read_rows(STARTER) if r["id"] == "starter/sum_even_squares")
    page = show(path)
    for name, text in (("Tests", row["tests"]["source"]), ("Reference", row["reference"])):
        part = page.locator("details", has=page.get_by_text(name, exact=True))
        assert not part.locator("pre").is_visible()
        part.locator("summary").click()
        assert str(part.locator("pre").text_content()).startswith(text.strip("\n"))


def test_no_verdict_and_no_share_is_told_by_colour_alone(examples: Path, show: Opener) -> None:
    (path,) = examples.glob("problems/*/starter-sum-even-squares-*.html")
    page = show(path)
    marks = page.locator(".one").evaluate_all(
        "found => found.map(each => [each.title, each.querySelector('i').textContent])"
    )
    assert dict(marks) == {"ACCEPTED": "\u2713", "RUNTIME_ERROR": "R", "COMPILE_ERROR": "C"}
    page.goto((examples / "index.html").as_uri())
    assert page.locator("table.verdicts .key").all_inner_texts()[:2] == ["\u2713", "W"]
    assert page.locator("table.verdicts svg text").count() > 4
    first = page.locator("section.board >> nth=0")
    assert first.locator(".heat .digit text").count() == 4 * 69


def compare_page(site: Path) -> Path:
    return next(site.glob("compare/codegen-*.html"))


def test_two_runs_side_by_side_show_what_changed(examples: Path, show: Opener) -> None:
    runs = [json.loads((EXAMPLES / f"{name}-T0.2" / "summary.json").read_bytes()) for name in ("nano", "nano-base")]
    gaps = {name: each["c"] - runs[1]["problems"][name]["c"] for name, each in runs[0]["problems"].items()}
    page = show(compare_page(examples))
    page.get_by_label("Run B").select_option(label="3 nano-base n:5 T:0.2")
    words = page.locator("p[data-pair]:visible").inner_text()
    better, same = sum(gap > 0 for gap in gaps.values()), sum(gap == 0 for gap in gaps.values())
    assert words == (
        f"Of 69 problems, run 1 (nano n:5 T:0.2) is better on {better}, run 3 (nano-base n:5 T:0.2) on 0; {same} are "
        "the same. pass@1 57.7% and 0.0%: run 1 (nano n:5 T:0.2) is significantly better (paired test, Holm over the "
        "table, 5 %)."
    )
    page.get_by_label("Changed").select_option("a")
    assert set(page.locator("tbody tr:visible th").all_inner_texts()) == {n for n, gap in gaps.items() if gap > 0}
    assert page.locator("#shown").inner_text() == f"{better} problems"
    assert page.locator("thead th:visible").count() == 1 + 2 + 2
    page.get_by_label("Changed").select_option("b")
    assert page.locator("tbody tr:visible").count() == 0


def test_two_runs_that_the_test_cannot_tell_apart_have_no_winner(examples: Path, show: Opener) -> None:
    page = show(compare_page(examples).as_uri() + "#a=3&b=4")
    assert page.get_by_label("Run A").input_value() == "3"
    assert "the two cannot be told apart" in page.locator("p[data-pair]:visible").inner_text()


def test_the_filter_of_verdicts_looks_at_the_two_chosen_runs_only(examples: Path, show: Opener) -> None:
    verdicts = {
        (name, row["problem_id"])
        for name in ("nano-T0.2", "nano-T0.8")
        for row in read_rows(EXAMPLES / name / "executions.jsonl")
        if row["verdict"] == "COMPILE_ERROR"
    }
    page = show(compare_page(examples))
    page.locator("select[name=verdict]").select_option("COMPILE_ERROR")
    assert set(page.locator("tbody tr:visible th").all_inner_texts()) == {problem for _, problem in verdicts}


def test_a_change_leads_to_both_programs_with_their_verdicts(examples: Path, show: Opener) -> None:
    page = show(compare_page(examples).as_uri() + "#a=1&b=3")
    page.locator("tr", has_text="starter/sum_even_squares").get_by_role("link", name="side by side").click()
    page.wait_for_url("**/problems/**#a=1&b=3")
    sides = page.locator(".sides > div:visible")
    assert sides.locator("h3").all_inner_texts() == ["A 1 nano n:5 T:0.2", "B 3 nano-base n:5 T:0.2"]
    for side, name in zip(sides.all(), ("nano-T0.2", "nano-base-T0.2"), strict=True):
        rows = [
            r for r in read_rows(EXAMPLES / name / "completions.jsonl") if r["problem_id"] == "starter/sum_even_squares"
        ]
        ran = {
            r["index"]: r
            for r in read_rows(EXAMPLES / name / "executions.jsonl")
            if r["problem_id"] == "starter/sum_even_squares"
        }
        first = min(rows, key=lambda row: row["index"])
        assert side.locator("pre:not(.detail) code").first.text_content() == first["text"]
        assert side.locator(".verdict").first.inner_text() == ran[first["index"]]["verdict"]
    page.get_by_label("Run A").select_option("3")  # the other takes its place: never a run beside itself
    assert (page.get_by_label("Run A").input_value(), page.get_by_label("Run B").input_value()) == ("3", "1")
    boxes = [
        each.bounding_box() for each in (page.locator("[data-run='3']:visible"), page.locator("[data-run='1']:visible"))
    ]
    assert boxes[0]["x"] < boxes[1]["x"]  # A stands at the left


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[tuple[server.Server, Path]]:
    """A served board of one whole run, and a run under way beside it: 100 of its 345 completions have a score."""
    shutil.copytree(EXAMPLES / "nano-base-T0.2", tmp_path / "results" / "whole")
    run = tmp_path / "results" / "going-on"
    shutil.copytree(EXAMPLES / "nano-T0.2", run)
    (run / "summary.json").unlink()
    for name in ("scores.jsonl", "executions.jsonl"):
        (run / name).write_text("".join((run / name).read_text().splitlines(keepends=True)[:100]))
    with server.open_server(tmp_path / "results", ProblemSets(tmp_path), tmp_path / "site", 0) as opened:
        thread = threading.Thread(target=opened.serve, args=(lambda message: None,))
        thread.start()
        yield opened, run
        opened.shutdown()
        thread.join()


def test_a_live_page_follows_a_run_and_never_ranks_it_before_its_end(
    followed: tuple[server.Server, Path], show: Opener
) -> None:
    served, run = followed
    served.wait(None, 0)
    page = show(served.url, network=True)
    part = page.locator("#under-way")
    part.get_by_text("100 of 345 completions scored").wait_for()
    assert part.locator("h3").inner_text() == "nano unfinished" and "345 generated" in part.inner_text()
    verdicts = Counter(row["verdict"] for row in read_rows(run / "executions.jsonl"))
    assert f"ACCEPTED\u00a0{verdicts['ACCEPTED']}" in part.inner_text()
    assert page.locator("section.board table.runs >> nth=0 >> tbody tr").count() == 1
    page.evaluate("window.loaded = 1")
    for name in ("scores.jsonl", "executions.jsonl"):
        rest = (EXAMPLES / "nano-T0.2" / name).read_text().splitlines(keepends=True)[100:150]
        with open(run / name, "a") as file:
            file.writelines(rest)
    part.get_by_text("150 of 345 completions scored").wait_for()
    assert re.search(r"per (second|minute), about .* left", part.inner_text())
    assert page.evaluate("window.loaded") == 1  # only that part was fetched anew
    for name in ("scores.jsonl", "executions.jsonl", "summary.json"):
        shutil.copy(EXAMPLES / "nano-T0.2" / name, run / name)
    page.locator("section.board table.runs >> nth=0 >> tbody tr >> nth=1").wait_for()
    assert not part.is_visible() and "nano leads" in page.locator(".headline").inner_text()
