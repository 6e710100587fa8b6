"""DS-1000 (Lai et al. 2022), 1,000 questions on data science libraries, CC-BY-SA-4.0: `ds1000`, by path.

From xlang-ai/DS-1000, data/ds1000.jsonl.gz (the simplified layout). Its authors ask that it be not published again
unpacked. A row:
    {"prompt", "reference_code", "code_context": defines test_execution(solution) and perhaps test_string(solution),
     "metadata": {"problem_id": 0, "library_problem_id": 0, "library": "Pandas", ...}}

The answer is a fragment. It stands in the program as one string, which `code_context` puts into its place and runs:
tests and answer are in one process, integrity in-sandbox. The libraries are those of the image `python_libs`, newer
than the pinned ones of the data set: `harness verify` says which references do not pass with them. TensorFlow and
PyTorch are not in the image; their problems are left out.
Stops: bigcode_eval/tasks/ds1000.py, commit 8fc5bae; the message is the system message of the authors' run_openai.py,
then the prompt.
"""

from __future__ import annotations

from typing import Any

from harness.datasets._choice import LeftOut
from harness.datasets._download import ByPath
from harness.datasets._fields import text
from harness.types import Assembly, Problem
from sandbox.types import MIB, CallTests, Integrity, Limits

SOURCE = ByPath(
    urls=("https://github.com/xlang-ai/DS-1000",),
    file="ds1000.jsonl.gz",
    licence="CC-BY-SA-4.0",
)
LANGUAGE = "python_libs"
LIMITS = Limits(cpu_s=60.0, wall_s=120.0, memory_bytes=4096 * MIB, disk_bytes=256 * MIB, processes=128, open_files=1024)
STOP = ("</code>", "# SOLUTION END", "\nEND SOLUTION")
TAGS = ("<code>", "</code>")
ENTRY_POINT = "test_execution"
INSTRUCTION = (
    "Write a short code following the given format and indentation. Place the executable code between <code> and "
    "</code> tags, without any other non-executable things.\n\n{prompt}"
)
MISSING = {"Tensorflow": "TensorFlow", "Pytorch": "PyTorch"}


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has DS-1000's keys."""
    return row.keys() >= {"prompt", "reference_code", "code_context", "metadata"}


def problem(row: dict[str, Any], dataset: str) -> Problem | LeftOut:
    """One row as a Problem. Raises KeyError for a missing key, ValueError for one of another type."""
    about = row["metadata"]
    if not isinstance(about, dict):
        raise ValueError(f"metadata: an object is expected, not {type(about).__name__}")
    name, library = f"DS-1000/{about['problem_id']}", str(about["library"])
    context, prompt, reference = text(row, "code_context"), text(row, "prompt"), text(row, "reference_code")
    if f"def {ENTRY_POINT}(" not in context:
        raise ValueError(f"code_context: it defines no {ENTRY_POINT}")
    if library in MISSING:
        return LeftOut(name, f"{MISSING[library]} is not in the image {LANGUAGE}")
    strings = "test_string(_SOLUTION)\n" if "def test_string(" in context else ""
    return Problem(
        id=name,
        dataset=dataset,
        prompt=prompt,
        tests=CallTests(
            source=f"{ENTRY_POINT}(_SOLUTION)\n{strings}", entry_point=ENTRY_POINT, integrity=Integrity.IN_SANDBOX
        ),
        entry_point=ENTRY_POINT,
        references=(reference,),
        language=LANGUAGE,
        assembly=Assembly(before=f"{context}\n\n_SOLUTION = ", whole=True, quoted=True, tags=TAGS),
        limits=LIMITS,
        stop=STOP,
        instruction=INSTRUCTION,
        metadata={"library": library},
    )
