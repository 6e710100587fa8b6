"""A model as judge: asked in both orders through a real server, kept apart from people and held against them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.review.model_judge import read_verdict
from harness.review.results import ResultOptions, results
from harness.review.study import Study
from tests.fixtures import servers
from tests.fixtures.commands import Harness
from tests.fixtures.review import honest
from tests.unit.review.test_results import judged

Make = Callable[..., Study]
Judge = Callable[[str, str], str]


def respond(judge: Judge) -> servers.Respond:
    """A server's model that judges by the two answers in the prompt."""

    def answer(wanted: dict[str, Any], _: int) -> servers.Answer:
        text = wanted["messages"][0]["content"]
        first, second = re.findall(r"\[Answer [AB]\]\n(.*?)\n\[End of answer", text, re.DOTALL)
        message = {"role": "assistant", "content": judge(first, second)}
        made = [{"index": 0, "message": message, "finish_reason": "stop"}]
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        return 200, {"id": "1", "object": "chat.completion", "model": "m", "choices": made, "usage": usage}

    return answer


def ask(harness: Harness, study: Study, judge: Judge) -> list[dict[str, Any]]:
    """Let it judge; what it was asked."""
    with servers.serving(respond(judge)) as (url, asked):
        said = harness("review", "judge", study.path, "--base-url", url, "--model", "m", "--form", "chat")
    assert said.returncode == 0, said.stderr
    return asked


@pytest.fixture
def study(make: Make) -> Study:
    """Thirty items that one person judged, who prefers model-a."""
    made = make(items=30, checks=0.0)
    return judged(made, judge1=honest(made, "model-a"), judge2=honest(made, "model-a"))


def record(study: Study) -> dict[str, Any]:
    (found,) = results(study, ResultOptions(peek=True))["model_judges"]
    return dict(found)


def test_its_table_stands_there_before_anybody_has_voted(make: Make, harness: Harness) -> None:
    study = make(items=4, checks=0.0)
    asked = ask(harness, study, lambda first, _: "[[A]]" if first.startswith("a") else "[[B]]")
    assert not any("Reference answer" in each["messages"][0]["content"] for each in asked)  # people see none either
    said = harness("review", "results", study.path, "--peek")
    assert said.returncode == 0 and "Models as judges, apart from people" in said.stdout, said.stderr
    found = record(study)
    assert (found["pairs"], found["common"], found["kappa"], found["agreement"]) == (4, 0, None, None)


def test_a_judge_that_agrees_with_people_is_asked_each_pair_in_both_orders(study: Study, harness: Harness) -> None:
    before = results(study, ResultOptions(peek=True))["comparisons"]
    asked = ask(harness, study, lambda first, _: f"Clear. [[{'A' if first.startswith('a') else 'B'}]]")
    assert len(asked) == 60 and "model-" not in json.dumps(asked)
    found = record(study)
    assert (found["pairs"], found["flip_rate"], found["unreadable"], found["agreement"]) == (30, 0.0, 0, 1.0)
    assert found["comparisons"] == [{"a": "model-a", "b": "model-b", "wins": 30, "losses": 0, "ties": 0}]
    assert found["people_agreement"] == 1.0 and "kind:model|judge:m|prompt:" in found["signature"]
    assert results(study, ResultOptions(peek=True))["comparisons"] == before  # nothing is added to people's numbers
    assert any("only 30 pairs" in each for each in results(study, ResultOptions(peek=True))["warnings"])


def test_a_judge_that_always_takes_the_first_flips_every_time_and_so_says_tie(study: Study, harness: Harness) -> None:
    ask(harness, study, lambda *_: "[[A]]")
    found = record(study)
    assert found["flip_rate"] == 1.0 and found["comparisons"][0]["ties"] == 30 and found["agreement"] == 0.0


def test_replies_that_cannot_be_read_are_counted_and_kept_raw(study: Study, harness: Harness) -> None:
    ask(harness, study, lambda first, _: "I cannot say." if first.endswith("7") else "[[C]]")
    found = record(study)
    assert found["unreadable"] == 6 and found["pairs"] == 27 and found["replies"] == 60
    (path,) = study.path.glob("judge-*.jsonl")
    assert sum("I cannot say." in line for line in path.read_text().splitlines()) == 6


def test_one_that_was_killed_goes_on_and_asks_again_only_what_is_missing(study: Study, harness: Harness) -> None:
    ask(harness, study, lambda *_: "[[C]]")
    (path,) = study.path.glob("judge-*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:41]) + lines[41][:20])  # killed while it wrote
    assert record(study)["replies"] == 40
    assert len(ask(harness, study, lambda *_: "[[C]]")) == 20
    assert record(study)["replies"] == 60 and ask(harness, study, lambda *_: "[[C]]") == []


def test_a_model_that_judges_its_own_answers_is_warned_of(make: Make, harness: Harness, tmp_path: Path) -> None:
    made = make(items=4, checks=0.0)
    judged(made, judge1=honest(made, "model-a"))
    models = 200, {"object": "list", "data": [{"id": "org/model-a", "object": "model"}]}
    with servers.serving(respond(lambda *_: "[[A]]"), models) as (url, _):
        said = harness("review", "judge", made.path, "--base-url", url, "--model", "org/model-a", "--form", "chat")
    assert said.returncode == 0, said.stderr
    assert any(
        "judges its own answers (model-a)" in each for each in results(made, ResultOptions(peek=True))["warnings"]
    )


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [("[[A]]", "A"), ("first [[B]], no: [[ a ]]", "A"), ("[[C]]", "tie"), ("[[Tie]]", "tie"), ("A", None), ("", None),
     ("<think>[[A]]</think>[[B]]", "B")],
)  # fmt: skip
def test_verdicts_are_read_at_the_end_of_a_reply(reply: str, verdict: str | None) -> None:
    assert read_verdict(reply) == verdict


def test_the_embedded_model_can_be_asked_though_it_says_nothing_of_use(make: Make, harness: Harness) -> None:
    made = make(items=2, checks=0.0)
    judged(made, judge1=honest(made, "model-a"))
    said = harness("review", "judge", made.path, "--model", "nano")
    assert said.returncode == 0, said.stderr
    assert record(made)["replies"] == 4
