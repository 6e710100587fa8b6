"""Parts of a problem set."""

from __future__ import annotations

import pytest

from harness.datasets import load_set, subset
from harness.errors import ProblemError
from harness.types import ProblemSet


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> ProblemSet:
    return load_set("starter", tmp_path_factory.mktemp("cache"))


def ids(problems: ProblemSet) -> list[str]:
    return [problem.id for problem in problems.problems]


def test_the_whole_set_has_no_name_of_a_part(starter: ProblemSet) -> None:
    assert subset(starter).subset == "" == subset(starter, shuffle=3, limit=10_000).subset
    assert ids(subset(starter)) == ids(starter)


def test_a_part_is_named_by_what_is_in_it_however_it_was_chosen(starter: ProblemSet) -> None:
    first = subset(starter, limit=3)
    named = subset(starter, only=reversed(ids(starter)[:3]))
    assert (
        first.subset == named.subset == f"3-of-69@{first.subset[-8:]}" and ids(first) == ids(named) == ids(starter)[:3]
    )
    assert subset(starter, limit=4).subset != first.subset != subset(starter, limit=3, shuffle=1).subset


def test_a_longer_part_of_a_shuffled_set_holds_the_shorter_one(starter: ProblemSet) -> None:
    ten, twenty = (ids(subset(starter, shuffle=7, limit=each)) for each in (10, 20))
    assert twenty[:10] == ten != ids(starter)[:10] and ids(subset(starter, shuffle=8, limit=10)) != ten


def test_an_id_that_is_not_there_is_named(starter: ProblemSet) -> None:
    with pytest.raises(ProblemError, match=r"starter has no problem 'starter/odd_cube'.*starter/odd_cubes"):
        subset(starter, only=["starter/odd_cube"])
