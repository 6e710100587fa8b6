"""The text of a training or test row, whatever shape it has: one understanding for split, leaks, overfit and check-up.

Known shapes: OpenAI's messages (content as text or in parts, tool calls), ShareGPT's conversations (from, value),
Alpaca (instruction, input, output), TRL (prompt, completion, chosen, rejected; texts or lists of turns), Dolly
(instruction, context, response), SQuAD (context, question, answers), benchmarks (prompt, canonical_solution), and plain
text. A field that holds text and is of none of these names is named as not read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import InputError
from harness.files.rows import Row

# What a row's text may be called. The values of all that a row has make its text, in this order.
TEXT_FIELDS = (
    "text", "content", "system", "context", "passage", "article", "prompt", "instruction", "input", "inputs",
    "question", "query", "problem", "messages", "conversations", "conversation", "dialogue", "dialog",
    "turns", "history", "document", "chosen", "rejected", "completion", "completions", "response",
    "responses", "output", "outputs", "answer", "answers", "target", "targets", "canonical_solution",
    "reference", "references", "solution", "code", "summary", "highlights",
)  # fmt: skip
# Of these a row has the prompt, of those the completion that training optimises.
PROMPTS = ("system", "context", "passage", "prompt", "instruction", "input", "question", "query", "history")
COMPLETIONS = ("completion", "chosen", "response", "output", "answer", "answers", "target", "canonical_solution",
               "solution", "summary", "highlights")  # fmt: skip
_CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns")
_WORDS = 3  # a text of another name that has so many words is told as not read
_SPEAKERS = ("role", "from", "speaker", "author")
_SAID = ("content", "value", "text", "message")
ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatgpt": "assistant",
         "bing": "assistant", "function_call": "assistant", "observation": "tool", "function": "tool"}  # fmt: skip


class UnknownTextError(InputError):
    """Which field of a row is its text is not known. A command that can be told says how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a conversation. role: system, user, assistant or tool, by OpenAI's names."""

    role: str
    text: str


@dataclass(slots=True)
class FieldsRead:
    """Which fields of a file's rows were read as text, and which hold text and were not: name -> rows."""

    read: Counter[str] = field(default_factory=Counter)
    not_read: Counter[str] = field(default_factory=Counter)

    def count(self, row: Row, names: Sequence[str] = ()) -> None:
        """Count a row's fields."""
        chosen = set(fields_read(row, names))
        self.read.update(chosen)
        self.not_read.update(name for name, value in row.fields.items() if name not in chosen and _is_prose(value))

    def __str__(self) -> str:
        text = f"read: {', '.join(self.read) or 'nothing'}"
        return text + (f"; not read: {', '.join(self.not_read)}" if self.not_read else "")


def text_of(row: Row, names: Sequence[str] = ()) -> str:
    """A row's text: the values of those of `names` that it has, one under the other; of TEXT_FIELDS without names.

    Raises InputError for a row without any, for a value that holds no text and for a text of nothing but white space.
    """
    chosen = fields_read(row, names)
    if not chosen:
        have = ", ".join(map(str, row.fields)) or "none"
        wanted = f"none of the fields {', '.join(names)}" if names else "no field that is known to hold text"
        raise UnknownTextError(f"{row.where}: {wanted} (its fields: {have})")
    text = "\n".join(filter(None, (_text(row, name) for name in chosen)))
    if not text.strip():
        raise InputError(f"{row.where}: the text is empty; remove the row")
    return text


def fields_read(row: Row, names: Sequence[str] = ()) -> list[str]:
    """The fields that make the row's text."""
    return [name for name in names or TEXT_FIELDS if row.fields.get(name) is not None]


def turns_of(row: Row) -> list[Turn]:
    """The turns of a row that is a conversation; empty for any other."""
    name = next((name for name in _CONVERSATIONS if is_conversation(row.fields.get(name))), None)
    return [] if name is None else list(_turns(row.fields[name]))


def conversation_of(row: Row, name: str) -> list[Turn]:
    """The turns under a field; empty where it holds none."""
    value = row.fields.get(name)
    return list(_turns(value)) if isinstance(value, list) and is_conversation(value) else []


def prompt_and_completion(row: Row) -> tuple[str, str] | None:
    """The prompt and what training optimises, for a row that says which is which; None for plain text.

    Of a conversation the completion is its last turn where that is the assistant's, also where the conversation is what
    was `chosen`.
    """
    turns = turns_of(row)
    if turns:
        if turns[-1].role != "assistant" or len(turns) == 1:
            return None
        system = _text(row, "system") if row.fields.get("system") is not None else ""
        return "\n".join(filter(None, (system, *(turn.text for turn in turns[:-1])))), turns[-1].text
    prompt = "\n".join(filter(None, (_text(row, name) for name in PROMPTS if row.fields.get(name) is not None)))
    name = next((name for name in COMPLETIONS if row.fields.get(name) is not None), None)
    completion = "" if name is None else _text(row, name)
    said = list(_turns(row.fields[name])) if name is not None and is_conversation(row.fields[name]) else []
    if len(said) > 1 and said[-1].role == "assistant":
        earlier = "\n".join(turn.text for turn in said[:-1])
        prompt, completion = prompt if prompt.strip() else earlier, said[-1].text
    return (prompt, completion) if prompt.strip() and completion.strip() else None


def is_conversation(value: object) -> bool:
    """Whether a value is a list of turns."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, Mapping) and _speaker(each) is not None for each in value)
    )


def _speaker(turn: Mapping[str, Any]) -> str | None:
    found = next((turn[name] for name in _SPEAKERS if isinstance(turn.get(name), str)), None)
    return None if found is None else ROLES.get(found.lower(), found.lower())


def _turns(value: list[Mapping[str, Any]]) -> Iterator[Turn]:
    for turn in value:
        yield Turn(role=_speaker(turn) or "user", text="\n".join(filter(None, _said(turn))))


def _said(turn: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a turn: its content, and the calls of tools that it makes."""
    content = next((turn[name] for name in _SAID if turn.get(name) is not None), None)
    yield from _parts(content)
    for call in turn.get("tool_calls") or ():
        called = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(called, Mapping):
            arguments = called.get("arguments")
            yield str(called.get("name") or "")
            yield arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _parts(value: object) -> Iterator[str]:
    """The texts in a value: itself, those of its parts, of its turns. What is no text (an image, a number) is none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        if is_conversation(value):
            yield from (turn.text for turn in _turns(value))
        else:
            for each in value:
                yield from _parts(each)
    elif isinstance(value, Mapping):
        if _speaker(value) is not None:
            yield from _said(value)
        else:
            found = next((value[name] for name in ("text", "content", "value", "thinking") if name in value), None)
            yield from _parts(found)


def _text(row: Row, name: str) -> str:
    value = row.fields[name]
    if isinstance(value, bool | int | float):
        raise UnknownTextError(f"{row.where}: the field {name!r} is {type(value).__name__}, not text")
    return "\n".join(filter(None, _parts(value)))


def _is_prose(value: object) -> bool:
    """Whether a value of an unknown name is text that somebody would want read, and no id, label or path."""
    return sum(len(text.split()) for text in _parts(value)) >= _WORDS


def count_fields(rows: Iterable[Row], names: Sequence[str] = ()) -> FieldsRead:
    """Which fields of these rows are read as text, and which hold text and are not."""
    found = FieldsRead()
    for row in rows:
        found.count(row, names)
    return found
