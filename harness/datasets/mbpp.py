"""MBPP (Austin et al. 2021), the full 974 problems, CC-BY-4.0.

Download: google-research/google-research, mbpp/mbpp.jsonl; deepseek-ai/DeepSeek-Coder holds a copy. A row:
    {"task_id": 11, "text": one sentence, "code": a whole program, "test_list": three assertions,
     "test_setup_code": "", "challenge_test_list": []}
The prompt is the zero-shot docstring of the BigCode harness (after InCoder): the sentence and the first assertion. With
examples (`--shots 3`) a base model gets the paper's prompt instead: all three assertions, the program between [BEGIN]
and [DONE], tasks 2, 3 and 4 before it. Zero-shot stays the default: it measures all 974 problems, and its signature is
the same for every model. The program is assembled as completion, setup, assertions: the setup of Mbpp/367 and Mbpp/927
(the only two that have one) builds trees of the class that the completion defines. These two and Mbpp/601 (pairs of its
class) cannot be judged apart from the program; their verdicts are marked.
"""

from __future__ import annotations

import re
from typing import Any

from harness.datasets._download import Download
from harness.datasets._fields import text, texts
from harness.datasets._integrity import call_tests
from harness.datasets._limits import BRIEF
from harness.prompts.template import FewShot
from harness.types import Problem
from sandbox.types import Limits

SOURCE = Download(
    urls=(
        "https://github.com/google-research/google-research/raw/master/mbpp/mbpp.jsonl",
        "https://github.com/deepseek-ai/DeepSeek-Coder/raw/main/Evaluation/MBPP/data/mbpp.jsonl",
    ),
    sha256="ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f",
    file="mbpp.jsonl",
    licence="CC-BY-4.0",
)
PUBLISHED = re.compile(r"[1-9]\d?|[1-8]\d\d|9[0-6]\d|97[0-4]")  # ids; a file with others is somebody's own set
# Its reference takes 5 to 6 s, and no other more than 0.02.
SLOW = {"Mbpp/123": Limits(cpu_s=30.0, wall_s=60.0)}
# bigcode-project/bigcode-evaluation-harness, bigcode_eval/tasks/mbpp.py, commit 8fc5bae
STOP = ("\nclass", "\nassert", '\n"""', "\nprint", "\nif", "\n<|/", "\n```")
# The message for chat models: EleutherAI/lm-evaluation-harness, lm_eval/tasks/mbpp/mbpp_instruct.yaml (doc_to_text),
# commit 4e7e0d47f; the paper's words with other line breaks.
INSTRUCTION = (
    "You are an expert Python programmer, and here is your task:\n{text}\nYour code should pass these tests:\n{tests}"
)
# The few-shot prompt of Austin et al. 2021 (arXiv 2108.07732), with the line breaks and the blank line between examples
# of lm_eval/tasks/mbpp/mbpp.yaml, same commit. The examples' code has the file's own line ends (CR LF), as there.
FEW_SHOT = FewShot(
    task_ids=("2", "3", "4"),
    template=(
        "You are an expert Python programmer, and here is your task: {text} Your code should pass these tests:\n\n"
        "{tests}\n[BEGIN]\n"
    ),
    end="\n[DONE]\n\n",
    stop=("[DONE]",),
)
# What stands around the call in an assertion, and is not what it tests.
_AROUND = {
    "set",
    "sorted",
    "list",
    "tuple",
    "len",
    "str",
    "int",
    "float",
    "round",
    "isclose",
    "math",
    "abs",
    "not",
    "dict",
}


def recognizes(row: dict[str, Any]) -> bool:
    """Whether a row has MBPP's keys."""
    return row.keys() >= {"task_id", "text", "code", "test_list"}


def problem(row: dict[str, Any], dataset: str) -> Problem:
    """One row as a Problem. Raises KeyError for a missing key, ValueError for one of another type."""
    tests = texts(row, "test_list")
    setup = text(row, "test_setup_code") if "test_setup_code" in row else ""
    entry_point = called(tests[0])
    problem_id = f"Mbpp/{row['task_id']}"
    return Problem(
        id=problem_id,
        dataset=dataset,
        prompt=docstring(text(row, "text"), tests[0]),
        tests=call_tests("\n".join([setup, *tests, ""]), entry_point),
        entry_point=entry_point,
        references=(text(row, "code"),),
        limits=SLOW.get(problem_id, BRIEF),
        stop=STOP,
        instruction=INSTRUCTION,
        metadata={"text": text(row, "text"), "tests": "\n".join(tests)},
    )


def docstring(sentence: str, example: str) -> str:
    """The prompt: a module docstring, after which a model writes the function."""
    return f'"""\n{sentence}\n{example}\n"""\n'


def called(assertion: str) -> str:
    """The function that an assertion tests: the first name that is called and is not one of Python's own around it."""
    for name in re.findall(r"([A-Za-z_]\w*)\s*\(", assertion.removeprefix("assert")):
        if name not in _AROUND:
            return str(name)
    raise ValueError(f"no call in the test {assertion!r}")
