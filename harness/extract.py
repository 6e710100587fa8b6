"""From a chat model's answer to the program in it. Pure text work; the answer is never executed or compiled here."""

from __future__ import annotations

import re

_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_PYTHON = {"", "python", "py", "python3"}


def code(answer: str, entry_point: str) -> str:
    """The Python source in `answer`: the last fenced block that defines `entry_point`, else the last Python block,
    else, where nothing is fenced, the whole text. Reasoning between <think> tags is left out; a fence that the end of
    the text cut open counts. Empty where nothing is left."""
    text = _THINKING.sub("", answer)
    blocks = [match[3] for match in _FENCE.finditer(text) if match[2].lower() in _PYTHON]
    if not blocks:
        return "" if _FENCE.search(text) else text.strip("\n")
    defining = [block for block in blocks if defines(block, entry_point)]
    return (defining or blocks)[-1]


def defines(source: str, name: str) -> bool:
    """Whether a top-level line of `source` defines the function or class `name`, or assigns to it."""
    if not name:
        return False
    pattern = rf"^(?:(?:async[ \t]+)?def|class)[ \t]+{re.escape(name)}\b|^{re.escape(name)}[ \t]*(?::[^=\n]+)?=(?!=)"
    return re.search(pattern, source, re.MULTILINE) is not None


def preamble(prompt: str, entry_point: str) -> str:
    """What stands in a prompt before the entry point's definition: imports and helpers that an answer may rely on."""
    match = re.search(rf"^(?:async[ \t]+)?def[ \t]+{re.escape(entry_point)}\b", prompt, re.MULTILINE)
    return prompt[: match.start()] if match and entry_point else ""
