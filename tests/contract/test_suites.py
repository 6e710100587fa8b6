"""Programs of several files with tests in files of their own, in every language that has a framework for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sandbox
from sandbox import Limits, Pool, Program, ProgramTests, Verdict, languages
from sandbox.types import LANGUAGES
from tests.fixtures.suites import SUITES

LIMITS = Limits(cpu_s=20.0, wall_s=60.0, memory_bytes=512 * 2**20, processes=128)
QUICK = ("cpp",)  # in every run of the suite, as in `test_languages`
NAMES = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in SUITES]


@pytest.fixture(scope="module", params=NAMES)
def language(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def pool(backend: str, language: str) -> Iterator[Pool]:
    sandbox.prepare(backend, language=language)
    with sandbox.open(backend, workers=1, ceiling=LIMITS, language=language) as opened:
        yield opened


def run(pool: Pool, language: str, files: dict[str, str]) -> sandbox.Execution:
    tests = ProgramTests(files=tuple(SUITES[language].tests.items()))
    program = Program(source="", language=language, files={name: text.encode() for name, text in files.items()})
    return pool.run(program, tests, LIMITS)


def test_all_tests_are_run_and_decide(pool: Pool, language: str) -> None:
    suite = SUITES[language]
    right, wrong = run(pool, language, suite.right), run(pool, language, suite.wrong)
    assert right.verdict is Verdict.ACCEPTED and right.integrity is sandbox.Integrity.IN_SANDBOX, right
    assert wrong.verdict is Verdict.WRONG_ANSWER, wrong


def test_leaving_early_with_exit_code_0_is_no_pass(pool: Pool, language: str) -> None:
    for name, files in SUITES[language].leaving.items():
        left = run(pool, language, files)
        assert (left.verdict, left.detail) == (Verdict.RUNTIME_ERROR, "ended before its tests did"), (name, left)


def test_a_program_cannot_put_a_file_in_the_place_of_a_test(pool: Pool, language: str) -> None:
    suite = SUITES[language]
    emptied = dict.fromkeys(suite.tests, "")
    assert run(pool, language, {**suite.wrong, **emptied}).verdict is Verdict.WRONG_ANSWER


def test_what_does_not_compile_is_a_compile_error(pool: Pool, language: str) -> None:
    broken = {name: f"{text}\n}}{{(\n" for name, text in SUITES[language].right.items()}
    assert run(pool, language, broken).verdict is Verdict.COMPILE_ERROR


def test_every_language_with_a_framework_has_its_programs() -> None:
    assert set(SUITES) == {name for name in LANGUAGES if languages.find(name).suite}
