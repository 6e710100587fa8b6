"""The corpus of the nano models: deterministic, valid Python, and without the problems of the starter set."""

from __future__ import annotations

import ast
import itertools
import json

import pytest

from harness.models import NAMES, model_dir
from harness.models.training.corpus import (
    FUNCTIONS,
    SEED,
    STARTER,
    VALIDATION,
    Function,
    HeldOut,
    behaviour,
    canonical_body,
    canonical_doc,
    corpus_sha256,
    functions,
    read_held_out,
)

RENAMED = '''
def total(numbers):
    """Return the sum of the squares of the even numbers in numbers."""
    return sum(n*n for n in numbers if n % 2 == 0)
'''
REPHRASED = '''
def f(a):
    """Add up what is left of a."""
    out = 0
    for i in a:
        if not i % 2:
            out += i ** 2
    return out
'''


@pytest.fixture(scope="module")
def references() -> list[str]:
    problems = [json.loads(line) for line in STARTER.read_text(encoding="utf-8").splitlines()]
    return [problem["prompt"] + problem["reference"] for problem in problems]


@pytest.fixture(scope="module")
def whole() -> list[Function]:
    """The corpus, as the training script draws it."""
    return list(itertools.islice(functions(SEED, read_held_out()), FUNCTIONS + VALIDATION))


@pytest.fixture(scope="module")
def corpus() -> list[Function]:
    """The first tenth of it: the whole takes half a minute."""
    return list(itertools.islice(functions(SEED, read_held_out()), (FUNCTIONS + VALIDATION) // 10))


def leaks(sources: list[str], references: list[str]) -> list[str]:
    """Return the sources that have the canonical body or docstring of a reference."""
    bodies, docs = {canonical_body(text) for text in references}, {canonical_doc(text) for text in references}
    return [text for text in sources if canonical_body(text) in bodies or canonical_doc(text) in docs]


def test_no_starter_problem_is_in_its_first_tenth(corpus: list[Function], references: list[str]) -> None:
    assert len(references) >= 44
    assert leaks([function.source for function in corpus], references) == []


@pytest.mark.slow
def test_no_starter_problem_is_in_the_corpus(whole: list[Function], references: list[str]) -> None:
    assert leaks([function.source for function in whole], references) == []


def test_a_planted_renamed_copy_is_found(references: list[str]) -> None:
    assert leaks([RENAMED], references) == [RENAMED]
    assert leaks([RENAMED.replace("Return the sum of", "Add up")], references) != []
    assert leaks([RENAMED.replace("n*n", "n+n")], references) != [], "the docstring alone must be enough"


def test_every_reference_is_rejected_by_the_generator(references: list[str]) -> None:
    held_out = HeldOut(references)
    assert [text for text in references if held_out.reason(text) is None] == []


def test_the_same_behaviour_in_other_words_is_rejected(references: list[str]) -> None:
    assert leaks([REPHRASED], references) == []
    assert HeldOut(references).reason(REPHRASED) == "behaviour"


def test_swapped_arguments_are_rejected() -> None:
    held_out = HeldOut(['def f(xs, n):\n    """Return the items."""\n    return xs[::-1][:n]\n'])
    assert held_out.reason('def g(k, a):\n    """Other."""\n    return list(reversed(a))[0:k]\n') == "behaviour"


def test_other_functions_are_not_rejected(references: list[str]) -> None:
    other = 'def f(xs):\n    """Return the sum of the cubes of xs."""\n    return sum(x ** 3 for x in xs)\n'
    assert HeldOut(references).reason(other) is None


def test_canonical_forms_ignore_names_and_constants() -> None:
    one = 'def f(xs):\n    """Return xs above 7."""\n    return [x for x in xs if x > 7]\n'
    two = 'def g(a):\n    """return a above 9."""\n    return [b for b in a if b > 9]\n'
    assert canonical_body(one) == canonical_body(two)
    assert canonical_doc(one) == canonical_doc(two)
    assert canonical_body(one) != canonical_body(one.replace(">", "<"))
    assert behaviour(one) != behaviour(two)


def test_the_corpus_is_valid_python_without_repeats(corpus: list[Function]) -> None:
    assert len({function.source for function in corpus}) == len(corpus)
    for function in corpus[::20]:
        tree = ast.parse(function.source).body
        assert len(tree) == 1
        assert isinstance(tree[0], ast.FunctionDef)
        assert ast.get_docstring(tree[0]) == function.doc
        assert len(ast.parse(function.without_doc()).body) == 1


def test_the_corpus_depends_on_the_seed_only(corpus: list[Function]) -> None:
    held_out = read_held_out()
    assert list(itertools.islice(functions(SEED, held_out), 300)) == corpus[:300]
    assert list(itertools.islice(functions(SEED + 1, held_out), 300)) != corpus[:300]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_models_were_trained_on_this_corpus(name: str, whole: list[Function]) -> None:
    record = json.loads((model_dir(name) / "loss.json").read_text(encoding="utf-8"))
    assert record["corpus_sha256"] == corpus_sha256(whole)
    assert record["plan"]["functions"] == FUNCTIONS
