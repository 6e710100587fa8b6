"""Aider's polyglot benchmark (2024), 225 of Exercism's exercises in six languages, MIT: `polyglot:go`, `:java`, ...

Packed by Aider-AI/polyglot-benchmark, commit 7e0611e, as GitHub's archive of it; one exercise is a folder:
    .docs/instructions.md           what is asked, with introduction.md before and instructions.append.md after it
    .meta/config.json               which files are to be changed, which are tests, which are the example's
    the files to be changed, as they are given; the tests; for some more that must not be changed

An answer is each changed file, whole, under its path: Aider's edit format "whole". Aider lets a model try twice, and
the second time shows it what the tests said; here the first try alone counts, which signatures say (`first-try`).
The tests are the exercise's own, all of them: what marks them to be skipped at first is taken out, as Aider does. Their
own framework runs them in the program's process: integrity in-sandbox. Go: `testing`; Java: JUnit 5 with AssertJ; Rust:
the test harness of rustc, with the crates that Debian has; C++: Catch2; JavaScript: jest; Python: unittest.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from harness.datasets import _programs
from harness.datasets._choice import Choice, LeftOut, Outside, Variants
from harness.datasets._download import ByPath
from harness.datasets._fields import text
from harness.text.file_blocks import write_files
from harness.types import Assembly, Problem
from sandbox.languages import find
from sandbox.types import MIB, CallTests, Integrity, Limits, ProgramTests

VARIANTS = Variants(kind="language", names=("cpp", "go", "java", "javascript", "python", "rust"))
SOURCE = ByPath(
    urls=("https://github.com/Aider-AI/polyglot-benchmark/archive/7e0611e77b54e2dea774cdc0aa00cf9f7ed6144f.tar.gz",),
    file="polyglot-benchmark.tar.gz",
    licence="MIT",
)
PROTOCOL = "first-try+whole-files"
# Aider gives all tests of an exercise three minutes by the clock (benchmark/benchmark.py, run_unit_tests).
LIMITS = Limits(cpu_s=60.0, wall_s=180.0, memory_bytes=1024 * MIB, processes=1200)
INSTRUCTION = """{docs}

---

Write the program that these instructions ask for, in {language}. Change {named}, given below. Tests call what is there:
keep the names of files, classes and functions. Use the standard library only.

{files}
Answer with each file that you change, whole: its path on a line of its own, then its text in a block of code.
"""
_DOCS = ("introduction.md", "instructions.md", "instructions.append.md")
_BUILD_FILES = (
    "CMakeLists.txt", "LICENSE", "babel.config.js", "build.gradle", "catch.hpp", "go.mod", "package.json",
    "tests-main.cpp",
)  # fmt: skip
# Marks of tests that are to be skipped at first.
_SKIPPED = {
    "java": re.compile(r"^[ \t]*@Disabled\(.*\)[ \t]*\n", re.MULTILINE),
    "javascript": re.compile(r"\bx(?=(?:test|it|describe)\()"),
}
# Exercises that cannot run here, and why.
LEFT_OUT: Mapping[str, str] = {
    "cpp/bank-account": "its tests start a thousand threads, whose stacks are more than the memory limit",
    "go/counter": "its tests are what is to be written, and nothing tests them",
    "go/dnd-character": "its example needs Go 1.21; Debian 12 has 1.19",
    "go/paasio": "a test of its demands two processors, and a program here has one",
    "java/hangman": "it needs RxJava, which is not in the image",
    "java/mazy-mice": "its tests need AssertJ 3.25; Debian 12 has 3.14",
    "java/rest-api": "it needs org.json, which is not in the image",
    "python/paasio": "its tests look in the stack of calls for a file of its name",
    "rust/alphametics": "its example needs the crates itertools and permutohedron",
    "rust/decimal": "its example needs the crate num-bigint",
    "rust/doubly-linked-list": "its tests count by an allocator of their own, which a shared library does not use",
    "rust/gigasecond": "it needs the crate time",
    "rust/grep": "it needs the crate anyhow",
    "rust/macros": "its tests start cargo",
    "rust/pig-latin": "its example needs Rust 1.80; Debian 12 has 1.63",
    "rust/poker": "its example needs the crate counter",
    "rust/robot-name": "its example needs Rust 1.80; Debian 12 has 1.63",
}
# Exercises of rewriting: what is given passes the tests.
REWRITING = frozenset({"go/ledger", "go/markdown", "java/ledger", "java/tree-building", "javascript/ledger"})


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row is an exercise (`_exercises`)."""
    return row.keys() >= {"exercise", "language", "files"}


def problem(row: dict[str, Any], dataset: str, choice: Choice) -> Problem | LeftOut | Outside:
    """One exercise as a Problem. Raises KeyError, ValueError."""
    name, language = text(row, "exercise"), text(row, "language")
    if language != choice.variant:
        return Outside(language)
    if name in LEFT_OUT:
        return LeftOut(name, LEFT_OUT[name])
    files: dict[str, str] = row["files"]
    listed = _listed(files)
    unasked = (*_BUILD_FILES, "Cargo.toml")  # which stays, for the name of the crate
    asked = {path: files[path] for path in listed["solution"] if PurePosixPath(path).name not in unasked}
    if not asked:
        raise ValueError("it names no file to be changed that is there")
    reference = {_target(path, asked): files[path] for path in listed["example"]}
    tests = {path: _without_skips(files[path], language) for path in _test_files(files, listed, asked)}
    common = Problem(
        id=name,
        dataset=dataset,
        prompt=_prompt(files, asked, language),
        limits=LIMITS,
        instruction="{prompt}",
        protocol=PROTOCOL,
    )
    if language == "python":
        return _python_problem(common, asked, reference, tests, listed["test"][0])
    return dataclasses.replace(
        common,
        tests=ProgramTests(files=tuple(tests.items())),
        references=(write_files(reference),),
        wrong=() if name in REWRITING else (write_files(asked),),
        language=language,
        assembly=Assembly(files=tuple(asked.items())),
    )


def _python_problem(
    common: Problem, asked: dict[str, str], reference: dict[str, str], tests: dict[str, str], main: str
) -> Problem:
    """An exercise in Python is one file: the program is the module that its tests import."""
    ((path, given),) = asked.items()
    source = f"import sys, types\nsys.modules[{PurePosixPath(path).stem!r}] = sys.modules['candidate']\n"
    for name in sorted(tests.keys() - {main}):
        module = PurePosixPath(name).stem
        source += f"sys.modules[{module!r}] = types.ModuleType({module!r})\n"
        source += f"exec({tests[name]!r}, sys.modules[{module!r}].__dict__)\n"
    return dataclasses.replace(
        common,
        tests=CallTests(source=source + tests[main], entry_point="", integrity=Integrity.IN_SANDBOX),
        references=tuple(reference.values()),
        wrong=() if common.id in REWRITING else (given,),
        assembly=Assembly(whole=True),
    )


def _listed(files: Mapping[str, str]) -> dict[str, list[str]]:
    """What config.json says of the files, by their part; those that are there. Raises ValueError."""
    try:
        about = json.loads(files[".meta/config.json"])["files"]
        parts = {part: [str(path) for path in about.get(part, [])] for part in ("solution", "test", "example")}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f".meta/config.json: {error}") from error
    for part in ("test", "example"):
        missing = [path for path in parts[part] if path not in files]
        if missing or not parts[part]:
            raise ValueError(f".meta/config.json: the {part} file {(missing or ['(none)'])[0]} is not there")
    return {part: [path for path in paths if path in files] for part, paths in parts.items()}


def _target(path: str, asked: Mapping[str, str]) -> str:
    """Where an example's file belongs: the one of its name, else of its suffix; else a new one beside those."""
    name, suffix = PurePosixPath(path).name, PurePosixPath(path).suffix
    named = [each for each in asked if PurePosixPath(each).name == name]
    alike = [each for each in asked if PurePosixPath(each).suffix == suffix]
    if named or not name.startswith(("example.", "proof.")):
        return named[0] if named else str(PurePosixPath(next(iter(asked))).with_name(name))
    return alike[0] if alike else str(PurePosixPath(next(iter(asked))).with_suffix(suffix))


def _test_files(files: Mapping[str, str], listed: Mapping[str, list[str]], asked: Mapping[str, str]) -> list[str]:
    """All that lies beside the files to be changed: tests, and what belongs to them."""
    given = [path for path in files if not path.startswith(".") and path not in asked]
    kept = [path for path in given if PurePosixPath(path).name not in _BUILD_FILES and not path.endswith(".properties")]
    return [*listed["test"], *(path for path in kept if path not in listed["test"])]


def _without_skips(source: str, language: str) -> str:
    return _SKIPPED[language].sub("", source) if language in _SKIPPED else source


def _prompt(files: Mapping[str, str], asked: Mapping[str, str], language: str) -> str:
    """The exercise's own instructions, then what is asked and the files as they are given."""
    docs = [files[f".docs/{name}"].strip() for name in _DOCS if f".docs/{name}" in files]
    fence = find(language).fence_names[0]
    shown = "\n".join(f"{path}\n```{fence}\n{given.rstrip(chr(10))}\n```\n" for path, given in asked.items())
    named = " and ".join(asked)
    title = _programs.TITLES.get(language, language.title())
    return INSTRUCTION.format(docs="\n\n".join(docs), language=title, named=named, files=shown)
