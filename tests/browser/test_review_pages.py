"""The page on which judges vote, in a real browser: by keyboard, on a phone, without a network, under attack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from harness.review import app, pairs, sheets
from harness.review.pairs import PairOptions
from harness.review.report import write_report
from harness.review.results import close
from harness.review.sheet_import import import_sheet
from harness.review.study import VOTES, Study
from harness.review.votes import Vote, Votes
from tests.browser.conftest import CONTRAST, HOSTILE, LONG
from tests.fixtures.processes import until
from tests.fixtures.review import SECRET, answers, make_study, read, serving

Opener = Callable[..., Page]
VIEWS = [(1400, "light"), (1400, "dark"), (360, "light"), (360, "dark")]
NARROW = "() => document.documentElement.scrollWidth <= innerWidth"


def rows(study: Study) -> list[Vote]:
    with Votes(study.path / VOTES) as votes:
        return votes.all()


def begin(page: Page) -> None:
    """Past the guidelines and the two practice items, by keyboard alone."""
    page.keyboard.press("Enter")
    expect(page.locator("#practice")).to_contain_text("Practice")
    page.keyboard.press("a")
    page.keyboard.press("t")
    expect(page.locator("#practice")).to_contain_text("Now it counts")


@contextmanager
def opened(study: Study, show: Opener, **options: object) -> Iterator[tuple[Page, app.StudyServer]]:
    with serving(study) as running:
        yield show(running.links()[0][1], network=True, **options), running


def test_a_study_is_voted_through_with_the_keyboard_alone(show: Opener, tmp_path: Path) -> None:
    study = make_study(tmp_path, items=4, checks=0.0)
    with opened(study, show) as (page, _):
        begin(page)
        assert rows(study) == []  # practice does not count
        for number, key in enumerate(("a", "ArrowRight", "3", "x"), start=1):
            page.keyboard.press(key)
            expect(page.locator("#count")).to_have_text(f"{number} of 4")
        expect(page.locator("#end-title")).to_have_text("Done")
    assert [each.choice for each in rows(study)] == ["first", "second", "tie", "bad"]
    assert all(each.shown_at is not None and each.shown_at < each.answered_at for each in rows(study))


def test_undo_changes_a_vote_and_a_note_goes_with_it(show: Opener, tmp_path: Path) -> None:
    study = make_study(tmp_path, items=3, checks=0.0)
    with opened(study, show) as (page, _):
        begin(page)
        first = page.locator("#answer-a").inner_text()
        page.keyboard.press("a")
        expect(page.locator("#count")).to_have_text("1 of 3")
        page.keyboard.press("z")
        expect(page.locator("#answer-a")).to_have_text(first)
        expect(page.locator('[data-choice="first"]')).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("n")
        page.keyboard.type("b is better, a and x are letters here")
        page.keyboard.press("Escape")
        page.keyboard.press("b")
        expect(page.locator("#answer-a")).not_to_have_text(first)
        until(lambda: len(rows(study)) == 2, 30, "the second vote does not arrive")
        expect(page.locator("#count")).to_have_text("1 of 3")
    changed = {each.task: each for each in rows(study)}
    assert [each.choice for each in rows(study)] == ["first", "second"] and len(changed) == 1
    assert [each.note for each in rows(study)] == ["", "b is better, a and x are letters here"]


def test_a_reload_and_another_device_go_on_where_the_judge_was(show: Opener, tmp_path: Path) -> None:
    study = make_study(tmp_path, items=5, checks=0.0)
    with opened(study, show) as (page, running):
        begin(page)
        page.keyboard.press("a")
        page.keyboard.press("b")
        expect(page.locator("#count")).to_have_text("2 of 5")
        prompt = page.locator("#prompt").inner_text()
        page.reload()
        expect(page.locator("#prompt")).to_have_text(prompt)  # no guidelines and no practice again
        phone = show(running.links()[0][1], network=True, width=360)
        expect(phone.locator("#prompt")).to_have_text(prompt)
        phone.locator('[data-choice="tie"]').click()
        expect(phone.locator("#count")).to_have_text("3 of 5")
        phone.locator("#undo").click()  # a vote that was cast on the other device can be changed here
        phone.locator("#undo").click()
        expect(phone.locator('[data-choice="second"]')).to_have_attribute("aria-pressed", "true")
    assert len(rows(study)) == 3


def test_a_vote_whose_answer_is_lost_waits_in_the_browser_and_is_sent_once(browser: Browser, tmp_path: Path) -> None:
    study = make_study(tmp_path, items=8, checks=0.0)
    with serving(study) as running, browser.new_context() as context:
        page = context.new_page()
        page.goto(running.links()[0][1])
        begin(page)
        lost: list[str] = []

        def cut(route: Route) -> None:  # the vote arrives and its answer does not: the worst case of sending again
            lost.append(route.request.post_data or "")
            route.fetch()
            route.fulfill(status=502, body="")

        page.route("**/votes", cut)
        page.keyboard.press("a")
        expect(page.locator("#net")).to_contain_text("1 vote waits")
        page.keyboard.press("b")
        expect(page.locator("#net")).to_contain_text("2 votes wait")
        page.reload()  # they outlive the page
        expect(page.locator("#net")).to_contain_text("vote")
        page.unroute("**/votes")
        expect(page.locator("#net")).to_be_hidden()
        expect(page.locator("#count")).to_have_text("2 of 8")
    assert len(lost) >= 2 and len({json.loads(each)["client_id"] for each in lost}) < len(
        lost
    )  # sent again, by one name
    assert [each.choice for each in rows(study)] == ["first", "second"]


def test_a_cut_connection_keeps_the_judge_voting_on_what_is_at_hand(browser: Browser, tmp_path: Path) -> None:
    study = make_study(tmp_path, items=8, checks=0.0)
    with serving(study) as running, browser.new_context() as context:
        page = context.new_page()
        page.goto(running.links()[0][1])
        begin(page)
        context.set_offline(True)
        for key in "abt":
            page.keyboard.press(key)
        expect(page.locator("#net")).to_contain_text("3 votes wait")
        assert rows(study) == []
        context.set_offline(False)
        expect(page.locator("#net")).to_be_hidden(timeout=10_000)
        expect(page.locator("#count")).to_have_text("3 of 8")
    assert [each.choice for each in rows(study)] == ["first", "second", "tie"]


def test_a_study_that_is_closed_meanwhile_says_so(show: Opener, tmp_path: Path) -> None:
    study = make_study(tmp_path, items=4, checks=0.0)
    with opened(study, show) as (page, _):
        begin(page)
        page.keyboard.press("a")
        expect(page.locator("#count")).to_have_text("1 of 4")
        close(study)
        page.reload()
        expect(page.locator("#end-title")).to_have_text("The study is closed")


def attacked(folder: Path) -> Study:
    text = HOSTILE + LONG
    paths = [answers(folder / f"{name}.jsonl", {f"p{n} {text}": f"{name} ```python\n{text}\n``` {text}" for n in range(2)},
                     prompt=text, expected=text) for name in ("a", "b")]  # fmt: skip
    return pairs.make_ab(
        folder / "study", read(*paths), PairOptions(judges=("ana", "ben"), checks=0.0, guidelines=text), SECRET
    )


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_hostile_answer_prompt_and_note_run_nothing_and_keep_within_their_column(
    show: Opener, tmp_path: Path, width: int, scheme: str
) -> None:
    study = attacked(tmp_path)
    with opened(study, show, width=width, scheme=scheme) as (page, running):
        begin(page)
        assert page.evaluate(NARROW) and page.evaluate("() => window.hacked === undefined")
        assert page.locator("main img, main iframe, main svg, main a").count() == 0
        page.keyboard.press("n")
        page.locator("#note").fill(HOSTILE[:900])
        page.keyboard.press("Escape")
        page.keyboard.press("a")
        expect(page.locator("#count")).to_have_text("1 of 2")
        page.keyboard.press("z")
        expect(page.locator("#note")).to_have_value(HOSTILE[:900].replace("\r", ""))
        assert page.evaluate("() => window.hacked === undefined")
        page.goto(running.links()[-1][1])
        close(study)
        page.reload()
        assert page.evaluate("() => window.hacked === undefined") and page.evaluate(NARROW)


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_everything_is_readable_and_large_enough_to_touch(
    show: Opener, tmp_path: Path, width: int, scheme: str
) -> None:
    study = make_study(tmp_path, items=4, checks=0.0)
    with opened(study, show, width=width, scheme=scheme) as (page, running):
        assert page.evaluate(CONTRAST) == []
        begin(page)
        page.keyboard.press("?")
        assert page.evaluate(CONTRAST) == [] and page.evaluate(NARROW)
        page.keyboard.press("?")
        sizes = page.locator("button:visible").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
        )
        assert sizes and all(w >= 44 and h >= 44 for w, h in sizes), sizes
        box = page.locator("#actions").bounding_box()
        assert box is not None and box["y"] + box["height"] <= 901  # always in reach
        left, right = (page.locator(f"#card-{side}").bounding_box() for side in "ab")
        assert left is not None and right is not None
        assert (left["y"] == right["y"]) == (width >= 700)
        page.goto(running.links()[-1][1])
        assert page.evaluate(CONTRAST) == [] and page.evaluate(NARROW)


def test_what_changes_is_told_to_a_screen_reader_and_no_state_is_a_colour_alone(show: Opener, tmp_path: Path) -> None:
    study = make_study(tmp_path, items=3, checks=0.0)
    with opened(study, show) as (page, _):
        begin(page)
        page.keyboard.press("a")
        expect(page.locator("#said")).to_have_text("A is better")
        assert page.evaluate("() => document.activeElement.id") == "task-title"
        page.keyboard.press("z")
        mark = page.evaluate(
            """() => getComputedStyle(document.querySelector('[data-choice="first"]'), '::before').content"""
        )
        assert "\u2713" in mark
        assert page.locator("button:not([aria-pressed]):not([aria-expanded]):visible").count() <= 1  # Back


def make_ratings(folder: Path) -> Study:
    path = answers(folder / "model.jsonl", {f"p{n}": f"text {n} {HOSTILE if n == 1 else ''}" for n in range(3)})
    asked = PairOptions(judges=("ana", "ben"), checks=0.0, guidelines=sheets.GUIDELINES)
    return sheets.make_sheet(folder / "sheet", read(path), asked, sheets.CRITERIA, SECRET)


def test_ratings_are_given_by_keyboard(show: Opener, tmp_path: Path) -> None:
    study = make_ratings(tmp_path)
    with opened(study, show) as (page, _):
        page.keyboard.press("Enter")
        expect(page.locator("fieldset.current legend")).to_have_text("accuracy")
        for key in ("5", "4", "0", "1", "Enter"):
            page.keyboard.press(key)
        expect(page.locator("#count")).to_have_text("1 of 3")
    (row,) = rows(study)
    assert row.scores == {"accuracy": 5, "relevance": 4, "fluency": None, "format": 1}


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_offline_form_keeps_its_state_and_what_it_saves_is_read_back(
    show: Opener, tmp_path: Path, width: int, scheme: str
) -> None:
    study = make_ratings(tmp_path)
    page = show(study.path / "evaluation_sheet.html", width=width, scheme=scheme)
    assert page.evaluate(NARROW) and page.evaluate(CONTRAST) == []
    page.locator('section[data-id="2"] input[name="2-accuracy"][value="4"]').check()
    page.locator('section[data-id="2"] input[name="2-format"][value="cannot tell"]').check()
    page.locator('section[data-id="2"] textarea').fill("a note")
    page.reload()
    assert page.locator('input[name="2-accuracy"][value="4"]').is_checked()
    with page.expect_download() as saved:
        page.locator("#save").click()
    saved.value.save_as(tmp_path / "saved.json")
    assert import_sheet(study, tmp_path / "saved.json", "ana").added == 1
    (row,) = rows(study)
    assert (row.item, row.scores, row.note) == (2, {"accuracy": 4, "format": None}, "a note")
    assert page.evaluate("() => window.hacked === undefined")


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_report_is_one_file_that_fits(show: Opener, tmp_path: Path, width: int, scheme: str) -> None:
    study = make_study(tmp_path, items=4, models=3, checks=0.0)
    with opened(study, show) as (page, _):
        begin(page)
        for number in range(1, 13):
            page.keyboard.press("abt"[number % 3])
            expect(page.locator("#count")).to_have_text(f"{number} of 12")
    write_report(close(study), tmp_path / "report.html")
    page = show(tmp_path / "report.html", width=width, scheme=scheme)
    assert page.evaluate(NARROW) and page.evaluate(CONTRAST) == []
    assert page.locator("table").count() >= 3
