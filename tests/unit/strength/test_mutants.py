"""Mutants of small programs: each kind of change, of the completion's lines only, each once."""

from __future__ import annotations

import ast
import random

import pytest

from harness.strength.mutants import mutants, normal_form

PROGRAM = '''def count(values, low=0):
    """Say how many of `values` are above 3."""
    total = 0
    for index in range(1, len(values)):
        if values[index] > 3 and not values[index] == low:
            total += 1
            continue
        elif min(values[:2]) < 0:
            break
    return total
'''


def made(source: str = PROGRAM, **options: int) -> list[str]:
    return [each.source for each in mutants(source, limit=1000, rng=random.Random(0), **options)]


@pytest.mark.parametrize(
    "change",
    [
        "values[index] >= 3", "values[index] != low", "> 4", "> 2", "total -= 1", " or not ", "range(1, len(values) + 1)",
        "range(1, len(values) - 1)", "range(1 + 1, len(values))", "range(len(values), 1)", "values[index + 1]",
        "max(values[:2])", "values[:]", "values[:2 + 1]", "return None", "total = 1", "if False:",
    ],
)  # fmt: skip
def test_each_kind_of_mistake_is_among_the_mutants(change: str) -> None:
    assert any(change in source for source in made())


def test_every_mutant_is_python_and_differs_from_the_program_and_from_each_other() -> None:
    sources = made()
    assert len(set(sources)) == len(sources) and normal_form(PROGRAM) not in sources
    for source in sources:
        ast.parse(source)


def test_docstrings_and_annotations_stay_as_they_are() -> None:
    assert all("Say how many of `values` are above 3." in source for source in made())


def test_lines_above_the_completion_stay_as_they_are() -> None:
    source = "def helper(x):\n    return x + 1\n\ndef f(x):\n    return helper(x) * 2\n"
    assert all("return x + 1" in each for each in made(source, first_line=4))


def test_the_same_seed_gives_the_same_mutants_and_a_limit_holds() -> None:
    first, second = (mutants(PROGRAM, limit=7, rng=random.Random(5)) for _ in range(2))
    assert first == second and len(first) == 7


def test_a_program_that_is_no_python_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        mutants("def f(:", limit=1, rng=random.Random(0))
