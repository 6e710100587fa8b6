from __future__ import annotations

from harness.leaderboard.pace import Paces
from harness.leaderboard.results import LeftOut


def run(done: int, owed: int | None = 600, name: str = "r") -> LeftOut:
    return LeftOut(name=name, reason="", done=done, owed=owed)


def test_one_look_knows_no_rate() -> None:
    assert Paces().note([run(40)], 0.0) == {}


def test_the_rate_is_of_what_was_scored_while_it_was_watched() -> None:
    paces = Paces()
    paces.note([run(40)], 0.0)
    assert paces.note([run(100)], 30.0) == {"r": "2.0 per second, about 4 min left"}


def test_only_the_last_minute_counts() -> None:
    """10 a second at first, then 1 a second: after two minutes nothing is left of the first."""
    paces = Paces()
    done = 0
    for second in range(61):
        done = 10 * second
        paces.note([run(done, 5000)], float(second))
    for second in range(61, 181):
        done += 1
        words = paces.note([run(done, 5000)], float(second))
    assert words["r"].startswith("1.0 per second")


def test_a_slow_run_is_told_by_the_minute_and_one_of_unknown_size_has_no_end() -> None:
    paces = Paces()
    paces.note([run(0, None)], 0.0)
    assert paces.note([run(10, None)], 40.0) == {"r": "15.0 per minute"}


def test_a_run_that_stands_still_says_so() -> None:
    paces = Paces()
    paces.note([run(0)], 0.0)
    paces.note([run(10)], 10.0)
    assert paces.note([run(10)], 310.0) == {"r": "nothing new for 5 min"}


def test_a_run_that_has_ended_is_forgotten() -> None:
    paces = Paces()
    paces.note([run(0)], 0.0)
    paces.note([], 1.0)
    assert paces.note([run(500)], 2.0) == {}
