"""What a server's answer holds, taken out of it and checked: texts, reasoning, tokens, log-probabilities."""

from __future__ import annotations

from typing import Any

from harness.errors import EngineError
from harness.text.reasoning import with_thinking
from harness.types import Request


def logprob_of(entry: Any, token: int) -> float:
    """Of one place of a prompt: {token id: {"logprob": ...}}, with the token's own among them."""
    try:
        return float(entry[str(token)]["logprob"])
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError(f"the server's prompt_logprobs has no log-probability of its own token {token}") from error


def token_counts(answer: Any) -> tuple[int | None, int | None]:
    """Tokens of the prompt and of all samples, None where the server does not count them."""
    usage = getattr(answer, "usage", None)
    counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    prompt, completion = (each if isinstance(each, int) and each >= 0 else None for each in counts)
    return prompt, completion


def answer_text(request: Request, choice: Any) -> str:
    """A choice's text; a chat model's with its reasoning, which a server may give apart. TypeError where it has none:
    an empty text would count as a wrong answer.
    """
    if request.messages is None:
        if not isinstance(choice.text, str):
            raise TypeError("a choice without text")
        return choice.text
    message = choice.message
    content, thoughts = _in_parts(message.content)
    reasoning = getattr(message, "reasoning", None) or getattr(message, "reasoning_content", None) or thoughts
    reached = choice.finish_reason == "length"
    # The server's chat template is not known here: a model that was given tokens to think, and was cut before it closed
    # its reasoning, is taken to have begun with it.
    opened = reached and request.thinking_tokens > 0
    return with_thinking(content, reasoning if isinstance(reasoning, str) else "", cut=reached, opened=opened)


def _in_parts(content: Any) -> tuple[str, str]:
    """(text, reasoning) of a message's content: a text, or parts of several kinds. TypeError for anything else."""
    if content is None or isinstance(content, str):
        return content or "", ""
    if not isinstance(content, list) or not content:
        raise TypeError("a message whose content is no text")
    texts, thoughts = [], []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict) and part.get("type") in ("thinking", "reasoning"):
            thoughts.append(_plain(part.get("thinking", part.get("reasoning", part.get("text")))))
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            texts.append(part["text"])
        else:
            raise TypeError("a message with a part that is no text")
    return "".join(texts), "".join(thoughts)


def _plain(value: Any) -> str:
    """The text of a part that may hold parts of its own."""
    return value if isinstance(value, str) else _in_parts(value)[0]
