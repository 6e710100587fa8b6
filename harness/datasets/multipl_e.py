"""MultiPL-E (Cassano et al. 2023), HumanEval translated by compiler: `multipl-e:cpp`, `:rs`, `:lua` ...

A row, as the data sets of nuprl/MultiPL-E have it and as DeepSeek-Coder's repository keeps it:
    {"name": "HumanEval_23_strlen", "language": "cpp", "prompt": the start of a function, "tests", "stop_tokens"}

Prompt, completion and tests are one text, right where its exit code is 0 and where it came to its end: the rule of
evaluation/src. Its evaluator reads ten kilobytes a second of what a program prints; here none is late for that. Without
solutions: nothing to verify. D, Julia, Racket, Scala and Swift are not run here.

Its licence forbids to train models with it, so that it is taken by its path.
"""

from __future__ import annotations

import re
from typing import Any

from harness.datasets import _programs
from harness.datasets._choice import Choice, Variants
from harness.datasets._download import ByPath
from harness.datasets._fields import text, texts
from harness.types import Problem
from sandbox.types import ProgramTests

VARIANTS = Variants(
    kind="language", names=("cpp", "cs", "go", "java", "js", "lua", "php", "pl", "r", "rb", "rs", "sh", "ts")
)
SOURCE = {
    name: ByPath(
        urls=("https://huggingface.co/datasets/nuprl/MultiPL-E",),
        file=f"humaneval-{name}.jsonl",
        licence="BSD-3-Clause, with a restriction on machine learning",
    )
    for name in VARIANTS.names
}
_HEADER = re.compile(r"\A(?:[ \t]*\n)*package[^\n]*\n(?:\s*import[ \t]*\([^)]*\)[ \t]*\n|\s*import[ \t]+\"[^\n]*\n)*")
_LUA_END = re.compile(r"os\.exit\(lu\.LuaUnit\.run\(\)\)\s*\Z")  # by which a program that fails nothing leaves too
OPTIONS = {"types": "check: a program of :ts whose types do not hold fails, as in the published evaluator"}
PUBLISHED = re.compile(r"(HumanEval|mbpp)_\d+_\w+")  # ids; a file with others in these columns is somebody's own set


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has MultiPL-E's keys."""
    return row.keys() >= {"name", "language", "prompt", "tests", "stop_tokens"}


def variant_of(row: dict[str, Any]) -> str:
    """The language of a row, as MultiPL-E calls it: Go's is `go_test.go`."""
    return str(row.get("language")).partition("_test")[0]


def problem(row: dict[str, Any], dataset: str, choice: Choice) -> Problem:
    """One row as a Problem. Raises KeyError, ValueError."""
    name = choice.variant
    if variant_of(row) != name:
        raise ValueError(f"language: {row.get('language')!r} is not {name}")
    language = _language(choice)
    prompt, tests, before = text(row, "prompt"), text(row, "tests"), ""
    if language == "lua":
        tests = _LUA_END.sub("if lu.LuaUnit.run() ~= 0 then os.exit(1) end", tests)
    if language == "go":
        header = _HEADER.match(prompt)
        before = f"{header[0] if header else 'package main'}\n"
    return Problem(
        id=text(row, "name"),
        dataset=dataset,
        prompt=prompt,
        tests=ProgramTests(source=tests, before=before),
        language=language,
        limits=_programs.LIMITS,
        stop=tuple(texts(row, "stop_tokens")),
        instruction=_programs.instruction(language),
        metadata={"multipl_e_language": text(row, "language")},
    )


def _language(choice: Choice) -> str:
    types = choice.options.get("types")
    if types is None:
        return _programs.language(choice.variant)
    if (choice.variant, types) != ("ts", "check"):
        raise ValueError(f"types={types}: only :ts has the option types, and it takes check")
    return "typescript_checked"
