"""MBXP (Athiwaratkun et al. 2022), MBPP translated to other languages by machine, CC-BY-4.0: `mbxp:php`, `mbxp:ruby`.

Download: amazon-science/mxeval, data/mbxp. A row:
    {"task_id": "MBPHP/2", "language", "prompt": the start of a function, "test": in the same language, "entry_point",
     "description", "canonical_solution": made by a model, or null}

Put together as mxeval/execution.py does: prompt, completion and test are one text; right where its exit code is 0, and
where it came to its end. Not every solution is right. An exit code accepts 832 of PHP's 950 and 780 of Ruby's 784; 20
and 2 of those leave by `exit` or `die` before their tests end, and 25 of PHP's end what is PHP by `?>`, so that their
tests are printed and not run: all these are refused here.
"""

from __future__ import annotations

import re
from typing import Any

from harness.datasets import _programs
from harness.datasets._choice import Choice, Variants
from harness.datasets._download import Download
from harness.datasets._fields import text
from harness.types import Problem
from sandbox.types import ProgramTests

VARIANTS = Variants(kind="language", names=("php", "ruby"))
_FILES = {
    "php": ("mbphp_release_v1.2.jsonl", "aec706039e49bc1bd1c9aaf4cf4815a34777b8387bdc59c1b274312071f3a605"),
    "ruby": ("mbrbp_release_v1.2.jsonl", "fe8c043b7d56f5d122c6aaf24e1dcb78816175a0687a73c03873043a6349b85d"),
}
SOURCE = {
    name: Download(
        urls=(f"https://github.com/amazon-science/mxeval/raw/main/data/mbxp/{file}",),
        sha256=digest,
        file=file,
        licence="CC-BY-4.0",
    )
    for name, (file, digest) in _FILES.items()
}
STOPS = {"php": ("\nfunction", "\n?>", "\n//", "\n#", "\nclass"), "ruby": ("\ndef ", "\nclass ", "\n#", "\nputs ")}
PUBLISHED = re.compile(r"MB\w+/\d+")  # ids; a file with others in these columns is somebody's own set


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has MBXP's keys."""
    return row.keys() >= {"task_id", "language", "prompt", "test", "entry_point", "description", "canonical_solution"}


def variant_of(row: dict[str, Any]) -> str:
    """The language of a row."""
    return str(row.get("language"))


def problem(row: dict[str, Any], dataset: str, choice: Choice) -> Problem:
    """One row as a Problem. Raises KeyError, ValueError."""
    name = choice.variant
    if text(row, "language") != name:
        raise ValueError(f"language: {row['language']!r} is not {name}")
    solution = row["canonical_solution"]
    return Problem(
        id=text(row, "task_id"),
        dataset=dataset,
        prompt=text(row, "prompt"),
        tests=ProgramTests(source=text(row, "test")),
        entry_point=text(row, "entry_point"),
        references=() if solution is None else (text(row, "canonical_solution"),),
        language=name,
        limits=_programs.LIMITS,
        stop=STOPS[name],
        instruction=_programs.instruction(name),
    )
