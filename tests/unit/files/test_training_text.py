from __future__ import annotations

from typing import Any

import pytest

from harness.files.rows import Row
from harness.files.training_text import join, parts_of

GREETING = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Ho"}]  # fmt: skip


def read(fields: dict[str, Any], *names: str) -> list[tuple[str | None, str, bool]]:
    parts = parts_of(Row(index=0, where="a, line 1", fields=fields, raw=b""), names)
    return [(part.role, part.text, part.scored) for part in parts]


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"text": "all of it"}, [(None, "all of it", True)]),
        ({"prompt": "2+2=", "completion": "4"}, [(None, "2+2=", False), (None, "4", True)]),
        ({"instruction": "Add.", "input": "2 2", "output": "4"}, [(None, "Add.\n2 2\n", False), (None, "4", True)]),
        ({"question": "Who?", "answer": "I."}, [(None, "Who?\n", False), (None, "I.", True)]),
        ({"messages": GREETING}, [("system", "Be brief.", False), ("user", "Hi", False), ("assistant", "Ho", True)]),
        (
            {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"},
                               {"from": "human", "value": "c"}, {"from": "gpt", "value": "d"},
                               {"from": "human", "value": "unanswered"}]},
            [("user", "a", False), ("assistant", "b", True), ("user", "c", False), ("assistant", "d", True)],
        ),
        ({"prompt": GREETING[1:2], "completion": GREETING[2:]}, [("user", "Hi", False), ("assistant", "Ho", True)]),
        (
            {"prompt": GREETING[1:2], "chosen": GREETING[2:], "rejected": GREETING[:1]},
            [("user", "Hi", False), ("assistant", "Ho", True)],
        ),
        (
            {"prompt": GREETING[1:2], "chosen": GREETING[1:]},
            [("user", "Hi", False), ("assistant", "Ho", True)],
        ),
        (
            {"system": "Be brief.", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
            [("system", "Be brief.", False), ("user", "a", False), ("assistant", "b", True)],
        ),
        ({"messages": GREETING[:2]}, [(None, "Be brief.\nHi", True)]),
    ],
)  # fmt: skip
def test_what_training_optimises_is_scored_and_the_rest_is_given(
    fields: dict[str, Any], parts: list[tuple[str | None, str, bool]]
) -> None:
    assert read(fields) == parts


def test_fields_that_the_user_names_are_plain_text() -> None:
    assert read({"prompt": "a", "completion": "b"}, "prompt", "completion") == [(None, "a\nb", True)]


def test_turns_without_a_template_stand_on_lines_of_their_own() -> None:
    parts = parts_of(Row(index=0, where="a", fields={"messages": GREETING}, raw=b""))
    assert join(parts) == "Be brief.\nHi\nHo\n"
