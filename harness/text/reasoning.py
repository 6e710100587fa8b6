"""What of a completion is reasoning and what is the answer. Knows the tags <think> and </think>, and texts only."""

from __future__ import annotations

import re


def without_reasoning(text: str) -> str | None:
    """`text` without what a reasoning model thinks aloud, up to `</think>`; None where the thinking has no end."""
    thought, _, answer = text.rpartition("</think>")
    return None if not thought and "<think>" in answer else answer.strip()


def with_thinking(text: str, reasoning: str, *, cut: bool, opened: bool) -> str:
    """An answer with its reasoning between <think> tags, so that nothing is lost and extraction can leave it out.

    reasoning: what a server's parser took out of the answer. cut: the answer ended at max_tokens. opened: the answer
    begins within its reasoning, as where a chat template ends in the opening tag. That tag is put back there, and where
    only the closing one is in the answer, unless that is quoted or stands in a block of code: a program may be about
    such tags. An answer that was cut within its reasoning has no closing tag, and nothing after it.
    """
    if reasoning:
        return f"<think>{reasoning}" if cut and not text else f"<think>{reasoning}</think>{text}"
    if "<think>" in text.partition("</think>")[0]:
        return text
    return f"<think>{text}" if opened or _closes(text) else text


def _closes(text: str) -> bool:
    """Whether a closing tag ends a reasoning: one that is not in quotes, nor in a block of code."""
    for tag in re.finditer("</think>", text):
        before, after = text[: tag.start()], text[tag.end() :]
        quoted = before[-1:] in ("'", '"', "`") and before[-1:] == after[:1]
        if not quoted and len(re.findall(r"^[ \t]*```", before, re.MULTILINE)) % 2 == 0:
            return True
    return False
