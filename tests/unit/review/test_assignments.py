"""Who sees what: sides even within judge and item, own orders, leases, checks; the same after a restart."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest

from harness.errors import InputError
from harness.review.assignments import LEASE_S, REPEAT_AFTER, TaskAssigner, passed
from harness.review.study import Study
from tests.fixtures.review import honest, vote_of, work

Make = Callable[..., Study]


@pytest.mark.parametrize(("models", "judges"), [(2, 3), (2, 4), (3, 3), (4, 5)])
def test_sides_are_even_within_each_judge_and_each_item_for_every_pair_of_models(
    make: Make, models: int, judges: int
) -> None:
    study = make(items=15, models=models, judges=str(judges), checks=0.0)
    desk, of = TaskAssigner(study), study.key.answers
    by_judge: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    by_task: dict[str, Counter[str]] = defaultdict(Counter)
    for judge in study.design.judges:
        for lease in work(desk, judge, lambda _: "tie"):
            sides = [of[each] for each in lease.order.split(",")]
            by_judge[judge, *sorted(sides)][sides[0]] += 1
            by_task[lease.task][sides[0]] += 1
    assert len(by_judge) == judges * len(list(itertools.combinations(range(models), 2)))
    for counts in (*by_judge.values(), *by_task.values()):
        found = [*counts.values(), 0][:2]
        assert abs(found[0] - found[1]) <= 1, counts
    desk.close()


def test_every_judge_has_an_order_of_their_own_and_it_outlives_a_restart(make: Make) -> None:
    study = make(items=30, checks=0.0)
    orders = []
    for judge in study.design.judges:
        seen = []
        for _ in range(30):  # the server is started anew before each vote
            desk = TaskAssigner(study)
            (lease,) = desk.next(judge, 1)
            desk.vote(vote_of(lease, "tie"))
            seen.append((lease.item, lease.order))
            desk.close()
        orders.append(seen)
    desk = TaskAssigner(study)
    assert all(desk.next(judge, 1) == [] for judge in study.design.judges)
    assert len({tuple(item for item, _ in each) for each in orders}) == 3
    assert all(sorted(item for item, _ in each) == list(range(1, 31)) for each in orders)
    desk.close()


def test_what_is_handed_out_ahead_is_what_comes_one_by_one(make: Make) -> None:
    study = make(items=30, checks=0.3)
    desk = TaskAssigner(study)
    ahead = [each.token for each in desk.next("judge1", 12)]
    assert [each.token for each in work(desk, "judge1", lambda _: "tie", 12)] == ahead
    desk.close()


def test_an_item_is_leased_for_thirty_minutes_and_nobody_waits_while_work_remains(make: Make) -> None:
    now = [1000.0]
    study = make(items=6, judges="2", votes=1, checks=0.0)
    desk = TaskAssigner(study, lambda: now[0])
    mine, yours = desk.next("judge1", 3), desk.next("judge2", 3)
    assert not {each.task for each in mine} & {each.task for each in yours}
    for lease in yours:
        desk.vote(vote_of(lease, "tie"))
    assert {each.task for each in desk.next("judge2", 9)} == {each.task for each in mine}  # all that is left
    now[0] += LEASE_S + 1
    assert {each.task for each in desk.next("judge2", 9)} == {each.task for each in mine}
    work(desk, "judge2", lambda _: "tie")
    assert desk.next("judge1", 9) == []
    assert {vote.item for vote in desk.votes.latest()} == set(range(1, 7))
    desk.close()


def test_with_fewer_votes_than_judges_each_item_gets_as_many_as_were_asked_for(make: Make) -> None:
    study = make(items=12, judges="5", votes=2, checks=0.0)
    desk = TaskAssigner(study)
    for _ in range(12):  # one vote each in turn
        for judge in study.design.judges:
            work(desk, judge, lambda _: "tie", 1)
    votes = Counter(vote.task for vote in desk.votes.latest())
    assert set(votes.values()) == {2} and len(votes) == 12
    desk.close()


def test_checks_come_as_often_as_asked_and_a_repeat_is_swapped_and_ten_later_or_more(make: Make) -> None:
    study = make(items=40, checks=0.25)
    desk = TaskAssigner(study)
    handed = work(desk, "judge1", honest(study, "model-a"))
    checks = [each for each in handed if each.check]
    assert len(handed) == 50 and len(checks) == 10
    assert {each.check for each in checks} == {"identical", "repeat", "reference"}
    first_seen = {
        tuple(sorted(each.order.split(","))): (n, each.order) for n, each in enumerate(handed) if not each.check
    }
    for place, each in enumerate(handed):
        first, second = each.order.split(",")
        if each.check == "identical":
            assert first == second
        if each.check == "repeat":
            earlier, order = first_seen[tuple(sorted((first, second)))]
            assert place - earlier >= REPEAT_AFTER and order == f"{second},{first}"
        if each.check == "reference":
            assert "expected" in (first, second)
    votes = {(each.item, tuple(sorted(each.order.split(",")))): each for each in desk.votes.latest() if not each.check}
    asked = [each for each in desk.votes.latest() if each.check]
    assert all(passed(each, votes.get((each.item, tuple(sorted(each.order.split(",")))))) for each in asked)
    desk.close()


def test_equal_answers_are_ties_that_nobody_is_asked_about(
    make: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from harness.review import pairs
    from tests.fixtures.review import answers, read

    folder = tmp_path_factory.mktemp("equal")
    one = answers(folder / "a.jsonl", {"p1": "same\n", "p2": "x"})
    other = answers(folder / "b.jsonl", {"p1": "  same".strip() + "  ", "p2": "y"})
    study = pairs.make_ab(folder / "study", read(one, other), pairs.PairOptions(checks=0.0))
    asked, ties = pairs.tasks_of(study)
    assert len(asked) == len(ties) == 1 and study.key.problems[ties[0].item] == "p1"


def test_a_token_of_another_judge_opens_nothing(make: Make) -> None:
    desk = TaskAssigner(make())
    (lease,) = desk.next("judge1", 1)
    with pytest.raises(InputError, match="not handed to this judge"):
        desk.lease("judge2", lease.token)
    desk.close()
