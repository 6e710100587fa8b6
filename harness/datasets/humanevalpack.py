"""HumanEvalPack (Muennighoff et al. 2023), HumanEval-X with bugs and instructions, MIT: `humanevalpack:rust`, ...

Download: bigcode-project/octopack, evaluation/create/humaneval-x/data/LANGUAGE/data. A row is one of HumanEval-X
(`humaneval_x`) with "buggy_solution", "bug_type", "entry_point" and "instruction". The buggy solutions are known wrong.

`--set mode=synthesize` (the default) has a model write the function, `--set mode=fix` mend the buggy one, whose tests
it is shown: the instructions are those of bigcode-evaluation-harness (tasks/humanevalpack.py).
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from harness.datasets import _programs, humaneval_x
from harness.datasets._choice import Choice, Variants
from harness.datasets._download import Download
from harness.datasets._fields import text
from harness.types import Assembly, Problem
from sandbox.types import ProgramTests

_DIGESTS = {
    "cpp": "891a390c1b9d2cb85dd8fbebcf1d88dbdd565734a6b2b3259f9ddb3fe95e33d7",
    "go": "0ee2cdca46d70afb33d913a0d4b205624fe4ded2f28c2efdb241727221837993",
    "java": "a8d077d300bbdc2eda91e1a733deb2944678bce8fcc7eb272214626516768cc1",
    "js": "04c86c1fac5f33818d9187cba278ed1dfc66cc259372dd8342126aa580fb7569",
    "python": "b1376d72be4bd016a62ad043d9de3846edb8d63edf1222da802a31330c14c3a7",
    "rust": "01ece28eaf490d7af037ce53095083dacfd38022cf5b82662ccb78024dc269a1",
}
VARIANTS = Variants(kind="language", names=tuple(_DIGESTS))
OPTIONS = {"mode": "synthesize or fix: what is asked; default synthesize"}
SOURCE = {
    name: Download(
        urls=(
            "https://github.com/bigcode-project/octopack/raw/main/evaluation/create/humaneval-x/data/"
            f"{name}/data/humanevalpack.jsonl",
        ),
        sha256=digest,
        file=f"humanevalpack_{name}.jsonl",
        licence="MIT",
    )
    for name, digest in _DIGESTS.items()
}
variant_of = humaneval_x.variant_of
# ids; a file with others in these columns is somebody's own set
PUBLISHED = re.compile(r"(CPP|Go|Java|JavaScript|Python|Rust)/\d+")


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has HumanEvalPack's keys."""
    return row.keys() >= {"task_id", "declaration", "canonical_solution", "buggy_solution", "test", "instruction"}


def problem(row: dict[str, Any], dataset: str, choice: Choice) -> Problem:
    """One row as a Problem. Raises KeyError, ValueError."""
    # with the functions that this one calls; `declaration` lacks Go's, and one in C++ has half a body in it
    task_id, declaration, test = text(row, "task_id"), text(row, "prompt"), text(row, "test")
    mode = choice.options.get("mode", "synthesize")
    if mode not in ("synthesize", "fix"):
        raise ValueError(f"mode takes synthesize or fix, not {mode!r}")
    if variant_of(row) != choice.variant:
        raise ValueError(f"task_id {task_id!r} is not of {choice.variant}")
    solution, buggy = text(row, "canonical_solution"), text(row, "buggy_solution")
    language = _programs.language(choice.variant)
    if language == "python":
        made = humaneval_x.python_problem(task_id, dataset, declaration, test, solution, (buggy,))
    else:
        made = Problem(
            id=task_id,
            dataset=dataset,
            prompt=declaration,
            tests=ProgramTests(source=test, before=humaneval_x.ahead(row, choice.variant)),
            references=(solution,),
            wrong=(buggy,),
            language=language,
            limits=_programs.LIMITS,
            stop=humaneval_x.STOPS[choice.variant],
        )
    asked = _fix(row, declaration, buggy) if mode == "fix" else _synthesize(row, declaration)
    return dataclasses.replace(
        made,
        prompt=asked,
        assembly=Assembly(before=declaration, whole=language == "python"),
        instruction="{prompt}",
    )


def _synthesize(row: dict[str, Any], declaration: str) -> str:
    """The instruction, and the start of the answer."""
    return f"{text(row, 'instruction')}\n\n{declaration}"


def _fix(row: dict[str, Any], declaration: str, buggy: str) -> str:
    """The function with its bug, its tests, and what to do."""
    return f"{declaration}{buggy}\n{text(row, 'test')}\nFix bugs in {text(row, 'entry_point')}.\n{declaration}"
