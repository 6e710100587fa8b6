"""Rows of sets in other languages: which set and language they are of, and how their programs are put together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import load_set
from harness.errors import ProblemError
from harness.tasks import codegen
from harness.types import Completion, Form, Problem
from sandbox import Integrity, ProgramTests

X = {
    "task_id": "Go/0", "prompt": 'import (\n    "math"\n)\n\n// The sum.\nfunc Add(a int, b int) int {\n', "import": 'import (\n    "math"\n)',
    "declaration": "\nfunc Add(a int, b int) int {\n", "canonical_solution": "    return a + b\n}\n",
    "test": "func TestAdd(t *testing.T) {\n    assert := assert.New(t)\n    assert.Equal(3, Add(1, 2))\n}\n",
    "test_setup": 'package main\n\nimport (\n    "testing"\n    "github.com/stretchr/testify/assert"\n)', "example_test": "",
}  # fmt: skip
PACK = {
    **X, "buggy_solution": "    return a - b\n}\n", "bug_type": "operator misuse", "entry_point": "Add",
    "instruction": "Write a Go function `Add` to solve the following problem:\nThe sum.",
}  # fmt: skip
MULTIPL_E = {
    "name": "HumanEval_0_add", "language": "cpp", "prompt": "#include<assert.h>\n// The sum.\nlong add(long a, long b) {\n",
    "tests": "}\nint main() {\n    assert(add(1, 2) == 3);\n}\n", "stop_tokens": ["\n}"],
}  # fmt: skip
MBXP = {
    "task_id": "MBRBP/1", "language": "ruby", "prompt": "def add(a, b)", "test": "raise 'x' if add(1, 2) != 3",
    "entry_point": "add", "description": "The sum.", "canonical_solution": None,
}  # fmt: skip


def only(tmp_path: Path, row: dict[str, Any], chosen: str = "") -> Problem:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (problem,) = load_set(f"{path}{chosen}", tmp_path).problems
    return problem


def source(problem: Problem, text: str, form: Form = Form.COMPLETION) -> str:
    """The whole text that is compiled."""
    made = codegen.program(problem, Completion(problem_id=problem.id, index=0, text=text, form=form))
    assert isinstance(problem.tests, ProgramTests)
    return problem.tests.text(made.source)


@pytest.mark.parametrize(
    ("row", "dataset", "language"),
    [(X, "humaneval-x:go", "go"), (PACK, "humanevalpack:go", "go"), (MULTIPL_E, "multipl-e:cpp", "cpp"), (MBXP, "mbxp:ruby", "ruby")],
)  # fmt: skip
def test_a_file_by_path_is_of_its_set_and_language(
    tmp_path: Path, row: dict[str, Any], dataset: str, language: str
) -> None:
    problem = only(tmp_path, row)
    assert (problem.dataset, problem.language, problem.integrity()) == (dataset, language, Integrity.IN_SANDBOX)


def test_another_language_than_the_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match=r"task_id 'Go/0' is of go, not of cpp"):
        only(tmp_path, X, ":cpp")


def test_go_has_the_imports_that_program_and_tests_use_and_no_other(tmp_path: Path) -> None:
    text = source(only(tmp_path, X), "    return strings.Count(\"x\", \"x\") + a + b // math.Abs\n}\n")  # fmt: skip
    assert text.startswith(f'{X["test_setup"]}\nimport (\n\t"strings"\n)\n')
    assert text.count("import (") == 2 and '"math"' not in text


def test_a_pack_asks_for_the_function_or_for_its_repair(tmp_path: Path) -> None:
    write, fix = only(tmp_path, PACK), only(tmp_path, PACK, ":go,mode=fix")
    assert write.prompt.startswith(PACK["instruction"]) and PACK["buggy_solution"] not in write.prompt
    assert PACK["buggy_solution"] in fix.prompt and "Fix bugs in Add." in fix.prompt and PACK["test"] in fix.prompt
    assert source(write, X["canonical_solution"]) == source(fix, X["canonical_solution"])
    assert write.wrong == (PACK["buggy_solution"],) and fix.dataset == "humanevalpack:go,mode=fix"


def test_tests_that_close_what_the_prompt_opened_follow_a_whole_function_too(tmp_path: Path) -> None:
    problem = only(tmp_path, MULTIPL_E)
    continued = source(problem, "    return a + b;")
    replied = source(problem, "```cpp\nlong add(long a, long b) {\n    return a + b;\n}\n```", Form.CHAT)
    assert continued.count("}") == continued.count("{") and replied.count("}") == replied.count("{")
    assert "#include<assert.h>" in replied


def test_lua_units_do_not_leave_with_exit_code_0(tmp_path: Path) -> None:
    row = {**MULTIPL_E, "language": "lua", "tests": "lu = require('luaunit')\n\nos.exit(lu.LuaUnit.run())"}
    tests = only(tmp_path, row).tests
    assert isinstance(tests, ProgramTests) and "os.exit(lu" not in tests.source and "~= 0" in tests.source


TYPESCRIPT = {
    **MULTIPL_E, "language": "ts", "prompt": "//The sum.\nfunction add(a: number, b: number): number {\n",
    "tests": "declare var require: any;\nconst assert = require('node:assert');\nassert.equal(add(1, 2), 3);\n",
}  # fmt: skip


def test_types_are_checked_where_it_is_asked_for(tmp_path: Path) -> None:
    plain, checked = only(tmp_path, TYPESCRIPT), only(tmp_path, TYPESCRIPT, ":ts,types=check")
    assert (plain.language, checked.language) == ("typescript", "typescript_checked")
    assert checked.dataset == "multipl-e:ts,types=check" and checked.instruction == plain.instruction
    reply = "```typescript\nfunction add(a: number, b: number): number {\n    return a + b;\n}\n```"
    assert source(checked, reply, Form.CHAT) == source(plain, reply, Form.CHAT)


@pytest.mark.parametrize(("row", "chosen"), [(TYPESCRIPT, ":ts,types=strict"), (MULTIPL_E, ":cpp,types=check")])
def test_an_option_that_a_language_does_not_have_is_refused(tmp_path: Path, row: dict[str, Any], chosen: str) -> None:
    with pytest.raises(ProblemError, match="only :ts has the option types, and it takes check"):
        only(tmp_path, row, chosen)
