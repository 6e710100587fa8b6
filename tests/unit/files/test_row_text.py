"""The text of rows of every known shape, and what is said of the fields that were not read."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import InputError
from harness.files.row_text import FieldsRead, Turn, prompt_and_completion, text_of, turns_of
from harness.files.rows import Row

OPENAI = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
PARTS = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "x"}}]},
                      {"role": "assistant", "content": [{"type": "text", "text": "ho"}]}]}  # fmt: skip
TOOLS = {"messages": [{"role": "user", "content": "hi"},
                      {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{\"x\": 1}"}}]}]}  # fmt: skip
SHAREGPT = {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]}


def row(fields: dict[str, Any]) -> Row:
    return Row(index=0, where="a.jsonl, line 1", fields=fields, raw=b"")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"prompt": "p", "completion": "c", "other": "x"}, "p\nc"),
        ({"text": "t", "label": "x"}, "t"),
        (OPENAI, "hi\nho"),
        (PARTS, "hi\nho"),
        (TOOLS, 'hi\nf\n{"x": 1}'),
        (SHAREGPT, "hi\nho"),
        ({"prompt": OPENAI["messages"][:1], "completion": OPENAI["messages"][1:]}, "hi\nho"),
        ({"prompt": "p", "chosen": "good", "rejected": "bad"}, "p\ngood\nbad"),
        ({"chosen": OPENAI["messages"], "rejected": OPENAI["messages"]}, "hi\nho\nhi\nho"),
        ({"instruction": "i", "input": "", "output": "o"}, "i\no"),
        ({"instruction": "i", "context": "c", "response": "r", "category": "closed_qa"}, "c\ni\nr"),
        ({"context": "c", "question": "q", "answers": {"text": ["a"], "answer_start": [3]}}, "c\nq\na"),
        ({"prompt": "p", "completion": "c", "label": True}, "p\nc"),
    ],
)
def test_the_text_of_a_row_is_that_of_all_fields_known_to_hold_it(fields: dict[str, Any], text: str) -> None:
    assert text_of(row(fields)) == text


@pytest.mark.parametrize("fields", [OPENAI, PARTS, SHAREGPT])
def test_conversations_of_every_form_are_the_same_turns(fields: dict[str, Any]) -> None:
    assert turns_of(row(fields)) == [Turn(role="user", text="hi"), Turn(role="assistant", text="ho")]


@pytest.mark.parametrize(
    ("fields", "pair"),
    [
        ({"prompt": "p", "completion": "c"}, ("p", "c")),
        ({"instruction": "i", "input": "x", "output": "o"}, ("i\nx", "o")),
        ({"prompt": "p", "chosen": "good", "rejected": "bad"}, ("p", "good")),
        (SHAREGPT, ("hi", "ho")),
        ({**SHAREGPT, "system": "s"}, ("s\nhi", "ho")),
        ({"prompt": "hi", "chosen": OPENAI["messages"], "rejected": OPENAI["messages"]}, ("hi", "ho")),
        ({"chosen": OPENAI["messages"], "rejected": OPENAI["messages"]}, ("hi", "ho")),
        ({"prompt": "hi", "chosen": OPENAI["messages"][1:], "rejected": OPENAI["messages"][1:]}, ("hi", "ho")),
        ({"text": "plain"}, None),
        ({"messages": [{"role": "user", "content": "hi"}]}, None),
        ({"prompt": "p", "completion": " "}, None),
    ],
)
def test_the_completion_is_told_from_its_prompt_where_the_row_says_so(
    fields: dict[str, Any], pair: tuple[str, str] | None
) -> None:
    assert prompt_and_completion(row(fields)) == pair


def test_fields_that_hold_text_and_are_not_read_are_named() -> None:
    found = FieldsRead()
    found.count(
        row({"prompt": "a b c", "notes": "some longer words here", "id": "x/1", "score": 3, "label": "positive"})
    )
    found.count(row({"prompt": "a b c"}))
    assert (
        str(found) == "read: prompt; not read: notes" and found.read == {"prompt": 2} and found.not_read == {"notes": 1}
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"body": "b"}, r"line 1: no field that is known to hold text \(its fields: body\)"),
        ({"text": "  \n"}, "line 1: the text is empty"),
        ({"text": 3}, "line 1: the field 'text' is int, not text"),
    ],
)
def test_a_row_without_text_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        text_of(row(fields))
