"""BigCodeBench v0.1.0 (Zhuo et al. 2024), 1,140 tasks that use libraries, Apache-2.0: `:complete` and `:instruct`.

Download: bigcode-project/bigcodebench-annotation, hf_data/BigCodeBench.jsonl.gz, commit a3b8985; later versions have
the same columns and are taken by path. A row:
    {"task_id": "BigCodeBench/0", "complete_prompt": imports, signature, docstring, "instruct_prompt": it in words,
     "canonical_solution": the body, "code_prompt": imports and signature, "test": a unittest class TestCases,
     "entry_point": "task_func", "libs": ...}

The program is what the published evaluator calls calibrated: `code_prompt`, a body of `pass`, and the answer, whose
definition counts. The tests are suites of unittest with mocks, in the program's process: integrity in-sandbox. They run
in the image `python_libs` without a network. Some 60 draw random numbers without a seed; the sandbox gives them one, or
two of 286's files had the same name in 1.3 % of runs. 819 and 821 hold their programs to a clock: on a machine that is
too busy their references fail. The evaluator gives 240 s and 30 GB. 60 s of CPU time are eight times what references
take, but for 102's: five grids of 100 plots, 22 to 29 s here, more on a slower machine. It has the evaluator's time.

Chat message, fence and stops: bigcodebench/provider/utility.py, commit 098ee79; its answer prefix is left out. A base
model can only complete.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from harness.datasets._choice import Choice, LeftOut, Variants
from harness.datasets._download import Download
from harness.datasets._fields import text
from harness.types import Assembly, Problem
from sandbox.types import MIB, CallTests, Integrity, Limits

SOURCE = Download(
    urls=(
        "https://github.com/bigcode-project/bigcodebench-annotation/raw/a3b89850db670d7302571142b881e4f85eef18e3/hf_data/BigCodeBench.jsonl.gz",
    ),
    sha256="58142744edaf6036387f8761701f1b353432b0ed33f2edec1de8a59e7431ef7a",
    file="BigCodeBench.jsonl.gz",
    licence="Apache-2.0",
)
VARIANTS = Variants(kind="way to ask", names=("complete", "instruct"))
LANGUAGE = "python_libs"
LIMITS = Limits(cpu_s=60.0, wall_s=180.0, memory_bytes=4096 * MIB, disk_bytes=256 * MIB, processes=128, open_files=1024)
SLOW = {"BigCodeBench/102": dataclasses.replace(LIMITS, cpu_s=240.0, wall_s=240.0)}
STOP = ("\ndef ", "\nclass ", "\nimport ", "\nfrom ", "\nassert ", "\nif __name__", "\nprint(", "\n```")
_ASK = "Please provide a self-contained Python script that solves the following problem in a markdown code block:\n"
INSTRUCTION = {"complete": _ASK + "```\n{prompt}\n```\n", "instruct": _ASK + "{prompt}\n"}
# Why the reference of a problem cannot pass here -> the problems' numbers. Seen by running all 1,140 in `python_libs`.
_CANNOT = {
    "it needs a network": (101, 147, 176, 314, 590, 1005, 1006, 1012, 1038, 1040),
    "it needs nltk's data, which are not in the image": (
        177, 290, 332, 334, 376, 383, 633, 635, 655, 658, 726, 734, 806, 808, 849, 940, 1109,
    ),
    "tensorflow is not in the image": (289, 417, 418, 419),
    "librosa is not in the image": (227,),
    "wikipedia is not published as a wheel": (59,),
    "wordninja is not published as a wheel": (933,),
    "tkinter is not in the image": (220,),
    "pip is not in the image": (562,),
    "bash is not in the image": (461,),
    "top has no answer in the sandbox": (1028,),
    "no file of a program can be executed in the sandbox": (459, 460),
    "its expected result is of a scipy before 1.11": (115, 221, 245, 276, 634, 736),
    "the image's seaborn and matplotlib draw it otherwise": (111,),
}  # fmt: skip
LEFT_OUT = {f"BigCodeBench/{number}": reason for reason, numbers in _CANNOT.items() for number in numbers}
PUBLISHED = re.compile(r"BigCodeBench/\d+")  # ids; a file with others in these columns is somebody's own set


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has BigCodeBench's keys."""
    return row.keys() >= {"task_id", "complete_prompt", "instruct_prompt", "code_prompt", "canonical_solution", "test"}


def problem(row: dict[str, Any], dataset: str, choice: Choice) -> Problem | LeftOut:
    """One row as a Problem. Raises KeyError for a missing key, ValueError for one that is no text."""
    name, code_prompt = text(row, "task_id"), text(row, "code_prompt")
    reference, entry_point = text(row, "canonical_solution"), text(row, "entry_point")
    tests = CallTests(source=text(row, "test"), entry_point=entry_point, integrity=Integrity.IN_SANDBOX)
    prompt = text(row, f"{choice.variant}_prompt")
    if name in LEFT_OUT:
        return LeftOut(name, LEFT_OUT[name])
    in_words = choice.variant == "instruct"
    return Problem(
        id=name,
        dataset=dataset,
        prompt=prompt,
        tests=tests,
        entry_point=entry_point,
        references=(code_prompt + reference if in_words else reference,),
        language=LANGUAGE,
        assembly=Assembly(before=f"{code_prompt}\n    pass\n", whole=in_words),
        limits=SLOW.get(name, LIMITS),
        stop=STOP,
        instruction=INSTRUCTION[choice.variant],
    )
