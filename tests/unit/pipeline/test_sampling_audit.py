"""The audit of draws: facts always, warnings only where the number is in doubt."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.pipeline.sampling_audit import SamplingAudit, SamplingCounter
from harness.types import Completion


def audit(problems: list[list[Completion]], temperature: float | None = 0.8) -> SamplingAudit:
    tally = SamplingCounter()
    distinct = {}
    for completions in problems:
        for each in completions:
            tally.add(each, empty=not each.text)
        distinct[completions[0].problem_id] = len({each.text for each in completions})
    found = tally.audit(distinct, temperature)
    assert found is not None
    return found


def draws(
    problem: int, texts: list[str], seeds: list[int] | None = None, reason: str | None = "stop"
) -> list[Completion]:
    given_seeds = seeds or list(range(len(texts)))
    return [
        Completion(problem_id=f"p/{problem}", index=index, text=text, seed=seed, finish_reason=reason)
        for index, (text, seed) in enumerate(zip(texts, given_seeds, strict=True))
    ]


def test_equal_texts_of_independent_draws_are_counted_without_a_warning() -> None:
    found = audit([draws(i, ["a", "a", "a", "b"]) for i in range(20)])
    assert (found.duplicate_share, found.distinct_per_problem, found.effective_n) == (0.5, 2.0, 4.0)
    assert found.warnings == ()


def test_the_same_seed_twice_is_one_draw_and_warned_of() -> None:
    found = audit([draws(i, list("abcd"), seeds=[7, 7, 7, 8]) for i in range(20)])
    assert (found.repeated_seeds, found.effective_n) == (40, 2.0)
    assert len(found.warnings) == 1 and "2.0 independent draws per problem, not 4.0" in found.warnings[0]


def test_a_server_that_copies_one_draw_is_warned_of() -> None:
    found = audit([draws(i, [f"{i}"] * 10) for i in range(20)])
    assert found.identical_problems == 1.0 and found.effective_n == 10.0
    assert len(found.warnings) == 1 and "100% of the problems all completions are the same text" in found.warnings[0]


@pytest.mark.parametrize(
    ("temperature", "n", "problems"),
    [(0.0, 1, 20), (0.8, 1, 20), (None, 10, 20), (0.8, 10, 9)],
    ids=["temperature 0", "n of 1", "saved completions", "too few problems to tell"],
)
def test_what_must_be_equal_or_cannot_be_told_is_not_warned_of(
    temperature: float | None, n: int, problems: int
) -> None:
    found = audit([draws(i, ["x"] * n) for i in range(problems)], temperature)
    assert found.warnings == ()
    assert (found.duplicate_share is None) == (n == 1 or temperature == 0)


def test_many_cut_at_max_tokens_are_warned_of_and_few_are_not() -> None:
    few = audit([draws(i, ["x"], reason="length" if i < 5 else "stop") for i in range(100)])
    many = audit([draws(i, ["x"], reason="length" if i < 6 else "stop") for i in range(100)])
    assert few.length_share == 0.05 and few.warnings == ()
    assert "6.0% of the completions were cut at max_tokens" in "".join(many.warnings)


def test_an_unknown_end_has_no_share() -> None:
    assert audit([draws(0, ["x", "y"], reason=None)]).length_share is None


def test_many_without_a_program_are_warned_of() -> None:
    found = audit([draws(i, ["" if i < 6 else "x"]) for i in range(100)])
    assert found.empty_share == 0.06 and "6.0% of the completions are empty or hold no program" in "".join(
        found.warnings
    )


def test_no_completions_have_no_audit() -> None:
    assert SamplingCounter().audit({}, 0.8) is None


@given(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=6), min_size=1, max_size=6))
def test_repeated_seeds_are_those_that_a_multiset_has_more_than_once(seeds: list[list[int]]) -> None:
    found = audit([draws(i, ["x"] * len(each), seeds=each) for i, each in enumerate(seeds)])
    assert found.repeated_seeds == sum(count - 1 for each in seeds for count in Counter(each).values())


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("```python\ndef f(): pass\n```", (1.0, 0.0)),
        ("Here it is:\n~~~\nx = 1\n~~~", (1.0, 0.0)),
        ("    return 1<|endoftext|>", (0.0, 1.0)),
        ("    return 1\n<|im_end|>\n", (0.0, 1.0)),
        ("    return 1</s>", (0.0, 1.0)),
        ("    return '<|endoftext|>'\n", (0.0, 0.0)),
        ("    return a < b | c > d\n", (0.0, 0.0)),
    ],
)
def test_programs_that_are_replies_or_end_in_special_tokens_are_warned_of(
    text: str, shares: tuple[float, float]
) -> None:
    counter = SamplingCounter()
    counter.add(Completion(problem_id="p", index=0, text=text), empty=False, program=True)
    found = counter.audit({"p": 1}, 0.8)
    assert found is not None and (found.fenced_share, found.special_token_share) == shares
    assert len(found.warnings) == sum(share > 0 for share in shares)


def test_answers_that_are_not_read_and_programs_that_do_not_compile_are_warned_of() -> None:
    counter = SamplingCounter()
    for index in range(10):
        counter.add(Completion(problem_id="p", index=index, text=f"{index}"), empty=False)
    for counts, words in (({"unread": 3}, "name no label"), ({"compile_errors": 6}, "do not compile")):
        found = counter.audit({"p": 10}, 0.8, **counts)
        assert found is not None and len(found.warnings) == 1 and words in found.warnings[0]
    assert counter.audit({"p": 10}, 0.8, unread=1, compile_errors=4).warnings == ()
