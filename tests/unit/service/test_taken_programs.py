"""What the service takes out of an answer as its program."""

from __future__ import annotations

import pytest

from harness.service.judging import take_program
from harness.types import Completion, Form, Problem
from sandbox import CallTests, StdioCase, StdioTests

CALL = CallTests(source="assert f() == 1", entry_point="f")
STDIO = StdioTests(cases=(StdioCase(stdin="", stdout="1"),))


@pytest.mark.parametrize(
    ("language", "tests", "mark"),
    [
        ("python", CALL, "python"),
        ("python_libs", CALL, "python"),
        ("typescript", STDIO, "ts"),
        ("typescript_checked", STDIO, "ts"),
    ],
)
def test_a_block_is_marked_with_the_language_that_it_is_written_in(
    language: str, tests: CallTests | StdioTests, mark: str
) -> None:
    problem = Problem(id="p", dataset="d", prompt="Do it.", tests=tests, entry_point="f", language=language)
    text = f"First:\n```{mark}\nf = lambda: 1\n```\nThen run it:\n```sh\nmake\n```\n"
    taken = take_program(problem, Completion(problem_id="p", index=0, text=text, form=Form.CHAT))
    assert taken is not None and taken.source.strip() == "f = lambda: 1"
