"""ClassEval (Du et al. 2023), 100 classes to be written whole, MIT: `classeval`.

Download: FudanSELab/ClassEval, data/ClassEval_data.json, commit eaeac44. One JSON list; an item:
    {"task_id": "ClassEval_0", "skeleton": the class with its docstrings, "test": classes of unittest,
     "solution_code", "import_statement": [lines], "class_name", "test_classes": [names], "methods_info": [...]}

A completion passes where all its test classes do: the published class success. The imports of the data set stand before
the program, as there. The tests are suites of unittest that build objects of the class, so they run in the program's
process: integrity in-sandbox, in the image `python_libs`. 5 s for each test class, as there, together.
Prompt: the holistic strategy (generation/, same repository), for chat models the instruction alone.
"""

from __future__ import annotations

import re
from typing import Any

from harness.datasets._choice import LeftOut
from harness.datasets._download import Download
from harness.datasets._fields import text, texts
from harness.types import Assembly, Problem
from sandbox.types import MIB, CallTests, Integrity, Limits

SOURCE = Download(
    urls=(
        "https://github.com/FudanSELab/ClassEval/raw/eaeac44d0d5dcd8a95feec50726d66fedc73a98f/data/ClassEval_data.json",
    ),
    sha256="50a1ac0e4d0c238573c10c0ab11feae00b14a80ae9e4c9cc28148707ecf0b6a2",
    file="ClassEval_data.json",
    licence="MIT",
)
LANGUAGE = "python_libs"
TEST_CLASS_S = 5.0
INSTRUCTION = "Please complete the class {class_name} in the following code.\n{skeleton}"
_HEAD = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n"
)
STOP = ("\n### ", "\n```", "\nif __name__")
# Problems whose reference cannot pass here, and why.
LEFT_OUT = {
    "ClassEval_17": "its expected result holds only on the day on which it was written",
    "ClassEval_48": "it expects the host name of its author's machine",
    "ClassEval_51": "it expects the last digit of a sum of another processor",
    "ClassEval_52": "it needs nltk's data, which are not in the image",
}
PUBLISHED = re.compile(r"ClassEval_\d+")  # ids; a file with others in these columns is somebody's own set


def recognizes(row: dict[str, Any]) -> bool:
    """Whether an item has ClassEval's keys."""
    return row.keys() >= {"task_id", "skeleton", "test", "solution_code", "class_name", "test_classes"}


def problem(row: dict[str, Any], dataset: str) -> Problem | LeftOut:
    """One item as a Problem. Raises KeyError for a missing key, ValueError for one of another type."""
    name, class_name, skeleton = text(row, "task_id"), text(row, "class_name"), text(row, "skeleton")
    tests = CallTests(source=text(row, "test"), entry_point=class_name, integrity=Integrity.IN_SANDBOX)
    reference = text(row, "solution_code")
    imports = "\n".join(texts(row, "import_statement")) if row["import_statement"] else ""
    if name in LEFT_OUT:
        return LeftOut(name, LEFT_OUT[name])
    cpu_s = TEST_CLASS_S * len(texts(row, "test_classes"))
    instruction = INSTRUCTION.format(class_name=class_name, skeleton=skeleton)
    return Problem(
        id=name,
        dataset=dataset,
        prompt=f"{_HEAD}{instruction}\n\n### Response:\n",
        tests=tests,
        entry_point=class_name,
        references=(reference,),
        language=LANGUAGE,
        assembly=Assembly(before=f"{imports}\n", whole=True),
        limits=Limits(cpu_s=cpu_s, wall_s=3 * cpu_s, memory_bytes=1024 * MIB, disk_bytes=128 * MIB),
        stop=STOP,
        instruction=INSTRUCTION,
        metadata={"class_name": class_name, "skeleton": skeleton},
    )
