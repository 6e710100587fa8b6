"""The polyglot set: what an archive of exercises becomes, and how answers of several files are read."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from harness.datasets import load_set
from harness.errors import ProblemError
from harness.tasks import codegen
from harness.types import Completion, Form, Problem, ProblemSet
from sandbox import CallTests, Integrity, ProgramTests

CPP = {
    ".docs/introduction.md": "# Sums\n",
    ".docs/instructions.md": "Add two numbers.\n",
    "add.cpp": '#include "add.h"\n',
    "add.h": "#pragma once\n",
    "add_test.cpp": "TEST_CASE(1) {}\n",
    "test/catch.hpp": "// a framework\n",
    "CMakeLists.txt": "project(add)\n",
    ".meta/example.cpp": "int add(int a, int b) { return a + b; }\n",
    ".meta/example.h": "int add(int, int);\n",
}
CPP_PARTS = {
    "solution": ["add.cpp", "add.h"],
    "test": ["add_test.cpp"],
    "example": [".meta/example.cpp", ".meta/example.h"],
}
PYTHON = {
    ".docs/instructions.md": "Add two numbers.\n",
    "add.py": "def add(a, b):\n    pass\n",
    "add_test.py": "import unittest\nfrom helpers import three\nfrom add import add\n\n\nclass T(unittest.TestCase):\n"
    "    def test_add(self):\n        self.assertEqual(add(1, 2), three)\n",
    "helpers.py": "three = 3\n",
    ".meta/example.py": "def add(a, b):\n    return a + b\n",
}
PYTHON_PARTS = {"solution": ["add.py"], "test": ["add_test.py"], "example": [".meta/example.py"]}


def packed(path: Path, exercises: dict[str, tuple[dict[str, str], dict[str, list[str]]]]) -> Path:
    """An archive as GitHub makes it, of exercises by `language/name`."""
    with tarfile.open(path, "w:gz") as tar:
        for name, (files, parts) in exercises.items():
            language, _, slug = name.partition("/")
            config = {".meta/config.json": json.dumps({"files": parts})}
            for file, text in {**files, **config}.items():
                entry = tarfile.TarInfo(f"polyglot-benchmark-7e0611e/{language}/exercises/practice/{slug}/{file}")
                entry.size = len(text.encode())
                tar.addfile(entry, io.BytesIO(text.encode()))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return packed(tmp_path / "p.tar.gz", {"python/add": (PYTHON, PYTHON_PARTS), "cpp/add": (CPP, CPP_PARTS)})


def load(archive: Path, language: str) -> ProblemSet:
    return load_set(f"{archive}:{language}", archive.parent)


def chat(problem: Problem, text: str) -> dict[str, str]:
    program = codegen.program(problem, Completion(problem_id=problem.id, index=0, text=text, form=Form.CHAT))
    return {name: content.decode() for name, content in program.files.items()}


def test_an_exercise_is_a_problem_with_the_files_to_be_changed(archive: Path) -> None:
    found = load(archive, "cpp")
    assert found.name == "polyglot:cpp"
    (problem,) = found.problems
    assert problem.id == "cpp/add" and problem.protocol == "first-try+whole-files"
    assert problem.tests == ProgramTests(files=(("add_test.cpp", "TEST_CASE(1) {}\n"),))
    assert problem.integrity() is Integrity.IN_SANDBOX
    assert dict(problem.assembly.files) == {"add.cpp": CPP["add.cpp"], "add.h": CPP["add.h"]}
    assert problem.prompt.startswith("# Sums\n\nAdd two numbers.\n")
    assert (
        "in C++. Change add.cpp and add.h" in problem.prompt and "\nadd.h\n```cpp\n#pragma once\n```" in problem.prompt
    )


def test_the_example_is_a_reference_and_what_is_given_is_wrong(archive: Path) -> None:
    (problem,) = load(archive, "cpp").problems
    completion = Completion(problem_id=problem.id, index=0, text=problem.references[0])
    files = codegen.program(problem, completion).files
    assert files == {"add.cpp": CPP[".meta/example.cpp"].encode(), "add.h": CPP[".meta/example.h"].encode()}
    assert chat(problem, problem.wrong[0]) == dict(problem.assembly.files)


def test_python_is_one_module_under_the_name_that_its_tests_import(archive: Path) -> None:
    (problem,) = load(archive, "python").problems
    assert isinstance(problem.tests, CallTests) and problem.tests.integrity is Integrity.IN_SANDBOX
    assert problem.references == (PYTHON[".meta/example.py"],)


@pytest.mark.parametrize(
    ("reply", "path"),
    [
        ("add.cpp\n```cpp\nint x;\n```\n", "add.cpp"),
        ("Here it is.\n\n**add.cpp**\n\n```\nint x;\n```\n", "add.cpp"),
        ("### File: `./add.cpp`\n```cpp\nint x;\n```\n", "add.cpp"),
        ("```cpp add.cpp\nint x;\n```\n", "add.cpp"),
        ("```cpp\n// add.cpp\nint x;\n```\n", "add.cpp"),
        ("<think>\nadd.cpp\n```\nno\n```\n</think>\nadd.cpp\n```cpp\nint x;\n```\n", "add.cpp"),
        ("1. more.h\n```cpp\nint x;\n```\n", ""),
        ("more.h\n```cpp\nint x;\n```\n", "more.h"),
        ("/etc/more.h\n```cpp\nint x;\n```\n", ""),
        ("../more.h\n```cpp\nint x;\n```\n", ""),
    ],
)
def test_a_file_is_found_under_its_path_as_models_write_it(archive: Path, reply: str, path: str) -> None:
    (problem,) = load(archive, "cpp").problems
    found = chat(problem, reply)
    if not path:
        assert found == {"add.cpp": "", "add.h": ""}
        return
    assert found[path].removeprefix("// add.cpp\n") == "int x;\n"
    assert found["add.h"] == CPP["add.h"]


def test_the_last_of_two_texts_of_a_file_counts(archive: Path) -> None:
    (problem,) = load(archive, "cpp").problems
    reply = "add.h\n```\n1\n```\nadd.cpp\n```\n2\n```\nBetter:\n\nadd.h\n```\n3\n```\n"
    assert chat(problem, reply) == {"add.cpp": "2\n", "add.h": "3\n"}


def test_an_answer_without_a_file_passes_no_exercise_of_rewriting(archive: Path) -> None:
    (problem,) = load(archive, "cpp").problems
    assert chat(problem, "I cannot do that.") == {"add.cpp": "", "add.h": ""}


def test_an_archive_needs_a_language_and_exercises(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="name a language: "):
        load_set(str(archive), tmp_path)
    with pytest.raises(ProblemError, match=r"holds no problems with go; its 2 problems are of cpp to python"):
        load(archive, "go")
    with pytest.raises(ProblemError, match="holds no exercise"):
        load(packed(tmp_path / "none.tar.gz", {}), "go")
    (tmp_path / "torn.tar.gz").write_bytes(archive.read_bytes()[:300])
    with pytest.raises(ProblemError, match=r"cannot be read as a \.tar\.gz file"):
        load(tmp_path / "torn.tar.gz", "go")


def test_an_exercise_whose_files_are_not_there_is_named_with_its_place(tmp_path: Path) -> None:
    parts = {**CPP_PARTS, "test": ["gone_test.cpp"]}
    broken = packed(tmp_path / "b.tar.gz", {"cpp/add": (CPP, parts)})
    with pytest.raises(ProblemError, match=r"b\.tar\.gz, line 1: .*the test file gone_test\.cpp is not there"):
        load(broken, "cpp")
