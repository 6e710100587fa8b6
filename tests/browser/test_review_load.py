"""Twenty judges in a real browser, a server that is killed at random moments, and connections that are cut."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from playwright.sync_api import Error as BrowserError

from harness.review.study import VOTES, Study
from harness.review.votes import Votes
from tests.fixtures.commands import Harness
from tests.fixtures.review import make_study
from tests.fixtures.servers import closed_port

KILLS, JUDGES, ITEMS = 50, 20, 60
# every vote that the page ever keeps to send, by the name that it was given
WATCH = """() => {
  window.cast = {};
  const set = Storage.prototype.setItem;
  Storage.prototype.setItem = function (place, text) {
    for (const each of JSON.parse(text).waiting || []) window.cast[each.client_id] = each.choice;
    return set.call(this, place, text);
  };
}"""


class Seat:
    """A judge's browser, and what was voted in it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.page, self.cast = context, context.new_page(), dict[str, str]()
        self.page.add_init_script(f"({WATCH})()")
        self.page.goto(url)
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#practice")).to_contain_text("Practice")
        self.page.keyboard.press("a")
        self.page.keyboard.press("t")
        expect(self.page.locator("#practice")).to_contain_text("Now it counts")

    def vote(self, key: str) -> None:
        """As a judge who does not look at the connection."""
        self.page.keyboard.press(key)

    def reload(self) -> None:
        """The page again, as after a crash; without a connection it stays."""
        self.keep()
        try:
            self.page.reload(timeout=5000)
            self.page.keyboard.press("Enter")
        except BrowserError:
            self.page.go_back()

    def keep(self) -> None:
        self.cast.update(self.page.evaluate("() => window.cast || {}"))

    @property
    def done(self) -> bool:
        return bool(self.page.evaluate("() => document.getElementById('end-title').textContent === 'Done' && !document.getElementById('end').hidden"))  # fmt: skip


@contextmanager
def served(harness: Harness, study: Study, port: int) -> Iterator[subprocess.Popen[str]]:
    """The study in a process that is killed at the end of the block."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    server = harness.popen("review", "serve", study.path, "--port", str(port), **pipes)
    assert server.stdout is not None
    assert re.search("http://", server.stdout.readline())
    try:
        yield server
    finally:
        server.send_signal(signal.SIGKILL)
        server.communicate()


@pytest.mark.slow
def test_twenty_judges_lose_and_double_no_vote_whatever_happens_to_the_server_and_the_network(
    browser: Browser, harness: Harness, tmp_path: Path
) -> None:
    study, port, draw = (
        make_study(tmp_path, items=ITEMS, judges=str(JUDGES), samples=ITEMS),
        closed_port(),
        random.Random(11),
    )
    links = [f"http://127.0.0.1:{port}/j/{study.key.token(name)}" for name in study.design.judges]
    with ExitStack() as stack:
        with served(harness, study, port):
            seats = [Seat(stack.enter_context(browser.new_context()), link) for link in links]
        for number in range(KILLS):
            cut = draw.sample(seats, 3)
            for seat in cut:
                seat.context.set_offline(True)
            with served(harness, study, port):
                for seat in draw.sample(seats, draw.randint(1, JUDGES)):
                    seat.vote(draw.choice("abtx"))
                seats[0].page.wait_for_timeout(draw.uniform(0, 1500))
            for seat in cut:
                seat.context.set_offline(False)
            draw.choice(seats).vote(draw.choice("abtx"))  # nobody is there to take it
            print(f"kill {number + 1}: {kept(study)} votes are kept")
        with served(harness, study, port):
            for seat in draw.sample(seats, JUDGES // 4):
                seat.reload()
            while not all(seat.done for seat in seats):
                for seat in seats:
                    if not seat.done:
                        seat.vote(draw.choice("abtx"))
            for seat in seats:
                seat.keep()
                expect(seat.page.locator("#net")).to_be_hidden()
    check(study, seats)


def kept(study: Study) -> int:
    with Votes(study.path / VOTES) as votes:
        return len(votes.all())


def check(study: Study, seats: list[Seat]) -> None:
    """What each browser cast is what is kept, each once."""
    with Votes(study.path / VOTES) as votes:
        rows = votes.all()
    for name, seat in zip(study.design.judges, seats, strict=True):
        mine = [row for row in rows if row.judge == name]
        assert {row.client_id.partition("-")[2]: row.choice for row in mine} == seat.cast, name
        assert len(mine) == len(seat.cast) == len({row.task for row in mine}), name
        assert sum(not row.check for row in mine) == ITEMS
    print(json.dumps({"judges": len(seats), "votes": len(rows), "kills": KILLS}))
