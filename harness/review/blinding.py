"""What of an answer a judge may see, and whether it gives its model away.

Removed: what a reasoning model thought, and tokens of chat templates. Style stays: it cannot be hidden. An answer that
names a model is not changed but flagged, and results are shown with and without it. Which answer stands on which
side is drawn in `assignments`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.text.reasoning import without_reasoning

_TEMPLATE = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|<\uff5c[^<>\n]{1,40}\uff5c>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>(?:user|model)?|"
    r"<(?:bos|eos|pad|unk)>"
)
_NAMES = re.compile(
    r"\b(?:chat-?gpt|gpt-?[345]\w*|claude|gemini|bard|llama[\s-]?\d?|qwen\d*|mi[sx]tral|deepseek|falcon-\d+b|gemma|phi-[1-4]|"
    r"starcoder|codellama|codestral|command-r|grok|openai|anthropic|alibaba cloud|meta ai|google deepmind|moonshot|"
    r"kimi|as an ai (?:language )?model (?:trained|developed|made|created) by)\b",
    re.IGNORECASE,
)


def shown(text: str) -> str:
    """An answer without thoughts and template tokens; empty where the thinking has no end."""
    if "<think>" in text or "</think>" in text:
        text = without_reasoning(text) or ""
    return _TEMPLATE.sub("", text).strip("\n").rstrip()


def names_a_model(text: str, own: Iterable[str]) -> bool:
    """Whether an answer names a known family of models, or one of the study's own models (three letters or more)."""
    lowered = text.lower()
    tails = {name.lower().rpartition("/")[2] for name in own}
    return bool(_NAMES.search(text)) or any(
        len(name) > 2 and re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", lowered) for name in tails
    )
