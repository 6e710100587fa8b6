"""What a run's model was asked is asked again from what the run recorded, and by no other version of the task."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from harness.tasks import open_task
from harness.tasks._preview import Message, TaskRecord, asked_of
from harness.types import Form, Problem

TEXT = Problem(id="x/1", dataset="x", prompt="The fog came in.", references=("a",), metadata={"labels": ("a", "b")})


def record(name: str, **fields: Any) -> TaskRecord:
    made = TaskRecord(name=name, version=open_task(name).version, options={}, prompting=None)
    return dataclasses.replace(made, **fields)


def test_the_parts_of_a_request_are_named_after_what_is_done_with_them() -> None:
    assert asked_of(record("perplexity"), TEXT, Form.COMPLETION) == (Message(role="text", text=TEXT.prompt),)
    assert [each.role for each in asked_of(record("summarization"), TEXT, Form.CHAT)] == ["user"]
    chosen = asked_of(record("classification", options={"by": "logprob"}), TEXT, Form.CHAT)
    assert [(each.role, each.text) for each in chosen[1:]] == [("continuation", " a"), ("continuation", " b")]
    assert chosen[0].role == "prompt" and chosen[0].text.endswith("Label:")


@pytest.mark.parametrize(
    "fields",
    [{"version": "summarization.v0"}, {"options": {"unknown": "1"}}, {"options": "text"}, {"prompting": {"shots": 3}}],
)
def test_nothing_is_shown_of_a_run_whose_task_cannot_be_opened_as_it_was(fields: dict[str, Any]) -> None:
    assert asked_of(record("summarization", **fields), TEXT, Form.CHAT) == ()


def test_nothing_is_shown_of_a_task_that_this_version_does_not_have() -> None:
    unknown = TaskRecord(name="translation", version="translation.v1", options={}, prompting=None)
    assert asked_of(unknown, TEXT, Form.CHAT) == ()
