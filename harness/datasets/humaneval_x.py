"""HumanEval-X (Zheng et al. 2023), HumanEval by hand in six languages, Apache-2.0: `humaneval-x:cpp`, `:go`, ...

Download: THUDM/CodeGeeX, codegeex/benchmark/humaneval-x/LANGUAGE/data. A row:
    {"task_id": "CPP/0", "prompt": the start of a function, "declaration": its includes and signature,
     "canonical_solution": its body, "test": in the same language, "import", "test_setup": of Go}

Put together as its evaluator does (codegeex/benchmark/utils.py and execution.py, commit 2838420): Go with the tests'
package clause and imports first, Rust with the declaration before the body, C++ with the common headers. C++17 in place
of C++11. JavaScript's tests use `console.assert`, which only prints in Node.js; here it throws, so that two references
fail that an exit code accepts (112 and 155).
"""

from __future__ import annotations

import re
from typing import Any

from harness.datasets import _programs
from harness.datasets._choice import Choice, Variants
from harness.datasets._download import Download
from harness.datasets._fields import text
from harness.datasets._integrity import call_tests
from harness.datasets._limits import BRIEF
from harness.datasets.own import STOP
from harness.types import Assembly, Problem
from sandbox.types import ProgramTests

_DIGESTS = {
    "cpp": "dcf2e280a1e91bbc3c5f90edb41397e8a9ac1ccc9f5d2b70082f0b0fbfb6dbb0",
    "go": "09126ef64ac68f87296c5f3781186aedc5dec799b114d9df99d6de4a715a7830",
    "java": "276f36db2eb7aeb864f36a19a2f4e1bb2460fb6e22ff100f0b5bedabe3799967",
    "js": "fe5d467f2c1a027b3f6f18d3729aca01f6458c1de2e2d1292a019c5aa9bed424",
    "python": "5752fb122efddb0e9b47c77907ae6ce9a15aac4dea14e44c46032c831e6b987a",
    "rust": "ae5cabbbfc8fe25244a608b04f09ac3b324c645ac969dfc033756c12f0f9924c",
}
VARIANTS = Variants(kind="language", names=tuple(_DIGESTS))
SOURCE = {
    name: Download(
        urls=(
            f"https://github.com/THUDM/CodeGeeX/raw/main/codegeex/benchmark/humaneval-x/{name}/data/"
            f"humaneval_{name}.jsonl.gz",
        ),
        sha256=digest,
        file=f"humaneval_{name}.jsonl.gz",
        licence="Apache-2.0",
    )
    for name, digest in _DIGESTS.items()
}
_NAMES = {"cpp": "cpp", "go": "go", "java": "java", "javascript": "js", "python": "python", "rust": "rust"}
# Without <cstring>, which its evaluator has: a task is called strlen, and the tests would call the library's.
HEADERS = (
    "#include <algorithm>\n#include <climits>\n#include <cmath>\n#include <iostream>\n"
    "#include <map>\n#include <set>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string>\n#include <vector>\n"
    "using namespace std;\n"
)
# Where a base model's completion has gone on to something else.
STOPS = {
    "cpp": ("\nint main", "\n#include", "\n//", "\n/*"),
    "go": ("\nfunc ", "\n//", "\ntype ", "\npackage "),
    "java": ("\npublic class", "\nclass ", "\nimport "),
    "js": ("\nfunction ", "\nconst ", "\nconsole.log", "\n//", "\n/*", "\nmodule.exports"),
    "rust": ("\nfn ", "\n#[", "\nmod ", "\n//", "\n/*", "\nuse "),
}
_DEFINED = re.compile(r"^def[ \t]+(\w+)", re.MULTILINE)
# ids; a file with others in these columns is somebody's own set
PUBLISHED = re.compile(r"(CPP|Go|Java|JavaScript|Python|Rust)/\d+")


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has HumanEval-X's keys, and no other set's."""
    keys = {"task_id", "prompt", "declaration", "canonical_solution", "test", "example_test"}
    return row.keys() >= keys and "buggy_solution" not in row


def variant_of(row: dict[str, Any]) -> str:
    """The language of a row, by its id."""
    return _NAMES.get(str(row.get("task_id")).partition("/")[0].lower(), "")


def problem(row: dict[str, Any], dataset: str, choice: Choice) -> Problem:
    """One row as a Problem. Raises KeyError, ValueError."""
    task_id, prompt, test, solution = (text(row, key) for key in ("task_id", "prompt", "test", "canonical_solution"))
    name = choice.variant
    if variant_of(row) != name:
        raise ValueError(f"task_id {task_id!r} is of {variant_of(row) or 'no language of the set'}, not of {name}")
    if name == "python":
        return python_problem(task_id, dataset, prompt, test, solution)
    if name == "rust":
        prompt += text(row, "declaration")
    language = _programs.language(name)
    return Problem(
        id=task_id,
        dataset=dataset,
        prompt=prompt,
        tests=ProgramTests(source=test, before=ahead(row, name)),
        references=(solution,),
        language=language,
        assembly=Assembly(),
        limits=_programs.LIMITS,
        stop=STOPS[name],
        instruction=_programs.instruction(language),
    )


def ahead(row: dict[str, Any], name: str) -> str:
    """What comes before a program of a language: Go's package clause and the tests' imports, C++'s headers."""
    if name == "go":
        return text(row, "test_setup") + "\n"
    return HEADERS if name == "cpp" else ""


def python_problem(
    task_id: str, dataset: str, prompt: str, test: str, solution: str, wrong: tuple[str, ...] = ()
) -> Problem:
    """A row in Python: the judge's, as HumanEval's are. Raises ValueError for a prompt without a function."""
    names = _DEFINED.findall(prompt)
    if not names:
        raise ValueError("prompt: a function is expected")
    call = "" if re.search(rf"^check\({names[-1]}\)", test, re.MULTILINE) else f"\ncheck({names[-1]})\n"
    return Problem(
        id=task_id,
        dataset=dataset,
        prompt=prompt,
        tests=call_tests(test + call, names[-1], prelude=prompt),
        entry_point=names[-1],
        references=(solution,),
        wrong=wrong,
        limits=BRIEF,
        stop=STOP,
    )
