"""Every command's help has examples that its own parser takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from harness.cli import tree
from tests.fixtures.commands import Harness

COMMANDS = tree.Commands()


def every() -> Iterator[tuple[str, Any]]:
    for name in COMMANDS:
        command = COMMANDS[name]
        below = getattr(command, "commands", None)
        yield from ([(f"{name} {each}", found) for each, found in below.items()] if below else [(name, command)])


EVERY = dict(every())


@pytest.mark.parametrize("name", EVERY)
def test_a_command_has_two_examples_that_parse_and_its_help_shows_them(name: str, harness: Harness) -> None:
    command = EVERY[name]
    assert len(set(command.examples)) >= 2
    shown = harness(*name.split(), "--help").stdout
    for example in command.examples:
        assert len(example) <= 98 and f"  {example}\n" in shown
        words = shlex.split(example.partition("<(")[2].rstrip(")") or example.partition(" >")[0])
        called = name.split()
        assert words[0] == "harness" and words[1 : 1 + len(called)] == called, example
        with command.make_context(name, words[1 + len(called) :]) as context:  # raises where it does not parse
            assert not context.args


def test_many_options_stand_in_groups(harness: Harness) -> None:
    shown = harness("run", "--help").stdout
    titles = [line.rstrip(":") for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert titles == [
        "Arguments", "Model", "Sampling", "Prompting", "Sandbox", "Machines", "Problems and scoring", "Output",
        "Options", "Examples",
    ]  # fmt: skip
    assert shown.index("Machines:") < shown.index("--cluster") < shown.index("Problems and scoring:")


def test_few_options_stand_together(harness: Harness) -> None:
    assert "Problems and scoring:" not in harness("gate", "--help").stdout


@pytest.mark.parametrize(
    ("name", "usage"),
    [("show", "RUN [PROBLEM]"), ("review ab", "RUN..."), ("leaks", "TRAIN TESTS..."), ("gate", "RUN")],
)
def test_a_usage_names_what_must_be_given_in_capitals_and_without_braces(
    name: str, usage: str, harness: Harness
) -> None:
    line = harness(*name.split(), "--help").stdout.splitlines()[0]
    assert line.endswith(f"harness {name} [OPTIONS] {usage}")


@pytest.mark.parametrize("name", EVERY)
def test_help_names_kinds_of_values_not_types_of_a_program(name: str, harness: Harness) -> None:
    shown = harness(*name.split(), "--help").stdout
    assert not re.search(r"<(list\[|\w+ range)|\[\[[A-Z]+\]\]", shown)
