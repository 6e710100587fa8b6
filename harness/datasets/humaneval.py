"""HumanEval (Chen et al. 2021), 164 problems, MIT.

Download: openai/human-eval, data/HumanEval.jsonl.gz, as it stands at commit 6d43fb9 (the sha256 holds it). A row:
    {"task_id": "HumanEval/0", "prompt": imports, signature and docstring, "entry_point": "has_close_elements",
     "canonical_solution": the body, "test": defines check(candidate)}
The program is assembled as its own evaluator does: prompt + completion, then test and check(entry_point). The judge
runs the prompt too: the tests of 32, 38 and 50 call its helpers, which are the data set's and not the program's. For
time limits see `_limits`.
"""

from __future__ import annotations

import re
from typing import Any

from harness.datasets import own
from harness.datasets._download import Download
from harness.datasets._fields import text
from harness.datasets._integrity import call_tests
from harness.datasets._limits import BRIEF
from harness.types import Problem
from sandbox.types import CallTests

SOURCE = Download(
    urls=("https://github.com/openai/human-eval/raw/master/data/HumanEval.jsonl.gz",),
    sha256="b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
    file="HumanEval.jsonl.gz",
    licence="MIT",
)
# What the BigCode harness cuts at (bigcode_eval/tasks/humaneval.py, commit 8fc5bae); the paper has the first of these.
STOP = (*own.STOP, "<file_sep>")
KEYS = {"task_id", "prompt", "entry_point", "test"}
PUBLISHED = re.compile(r"HumanEval/\d+")  # ids; a file with others in these columns is somebody's own set


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has HumanEval's keys, and no other set's (HumanEval+ has the same, with numpy in its tests)."""
    others = "plus_input" in row or "buggy_solution" in row or row.keys() >= {"language", "description"}
    return row.keys() >= KEYS and not others and "def assertion(" not in str(row["test"])


def problem(row: dict[str, Any], dataset: str) -> Problem:
    """One row as a Problem. Raises KeyError for a missing key, ValueError for one that is no text.

    Of a set of one's own the tests may be of any kind (assertions as they stand, a suite of unittest, of classes or
    functions as arguments), the limits are
    HumanEval's, and a reference is not needed.
    """
    entry_point, prompt, tests = text(row, "entry_point"), text(row, "prompt"), text(row, "test")
    name, published = text(row, "task_id"), PUBLISHED.fullmatch(text(row, "task_id")) is not None
    call = f"\ncheck({entry_point})\n" if published or "def check(" in tests else "\n"
    return Problem(
        id=name,
        dataset=dataset,
        prompt=prompt,
        tests=CallTests(source=tests + call, entry_point=entry_point, prelude=prompt)
        if published
        else call_tests(tests + call, entry_point, prelude=prompt),
        entry_point=entry_point,
        references=(text(row, "canonical_solution"),) if published or row.get("canonical_solution") else (),
        limits=BRIEF,
        stop=STOP,
    )
