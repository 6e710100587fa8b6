"""Programs that were compiled, and compilers, get nothing that a Python program does not get."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import pytest

import sandbox
from sandbox import Limits, Pool, Program, Verdict
from tests.attacks.native import COMPILERS, RIGHT, SOURCE

QUICK = "perl"  # in every run of the suite; of C++ `tests/contract/test_languages.py` has three there
LIMITS = Limits(cpu_s=5.0, wall_s=15.0, memory_bytes=256 * 2**20)


@pytest.fixture(scope="module")
def native(backend: str) -> Iterator[Pool]:
    sandbox.prepare(backend, language="c")
    with sandbox.open(backend, workers=1, ceiling=LIMITS, language="c") as pool:
        yield pool


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of its calls are those of x86-64")
def test_raw_system_calls_get_nothing(native: Pool) -> None:
    execution = native.run(Program(source=SOURCE, language="c"), limits=LIMITS)
    assert (execution.verdict, execution.stdout) == (Verdict.ACCEPTED, "asked all\n")


@pytest.mark.parametrize(
    "language", [pytest.param(name, marks=[] if name == QUICK else [pytest.mark.slow]) for name in COMPILERS]
)
def test_a_compiler_shows_nothing_ends_within_its_limits_and_leaves_nothing(backend: str, language: str) -> None:
    sandbox.prepare(backend, language=language)
    with sandbox.open(backend, workers=1, ceiling=LIMITS, language=language) as pool:
        for name, trick in COMPILERS[language].items():
            source, files = trick if isinstance(trick, tuple) else (trick, {})
            given = {path: text.encode() for path, text in files.items()}
            execution = pool.run(Program(source=source, language=language, files=given), limits=LIMITS)
            assert execution.verdict is Verdict.COMPILE_ERROR, (name, execution)
            assert "PATH=" not in execution.detail + execution.stderr + execution.stdout, name
            right = pool.run(Program(source=RIGHT[language], language=language), limits=LIMITS)
            assert right.verdict is Verdict.ACCEPTED, (name, right)
