"""What training optimises of a row: a completion after its prompt, the assistant's turns, or all of plain text.

A row is a sequence of parts, each predicted in training or only given. Parts without roles are joined as they are, as
trainers join a prompt and its completion; between fields that no trainer joins alike (an instruction and its output)
stands a line break. A chat template is the model's, and so the engine's matter.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.files.row_text import Turn, conversation_of, prompt_and_completion, text_of, turns_of
from harness.files.rows import Row
from harness.types import TextPart

_TURNS = ("prompt", "completion")  # TRL's conversational rows: turns under both
_PREFERENCE = ("prompt", "chosen")


def parts_of(row: Row, names: Sequence[str] = ()) -> tuple[TextPart, ...]:
    """The parts of a row. names: fields that make the text, as the user says: that is plain text.

    Raises InputError for a row without text, as `text_of` does.
    """
    text = text_of(row, names)
    if names:
        return (TextPart(text=text, scored=True),)
    return _conversation(row) or _pair(row) or (TextPart(text=text, scored=True),)


def has_prompt(parts: Sequence[TextPart]) -> bool:
    """Whether some of it is only given."""
    return not all(part.scored for part in parts)


def prompt_text(parts: Sequence[TextPart]) -> str:
    """What is given before the last part, as plain text."""
    return join(parts[:-1])


def scored_text(parts: Sequence[TextPart]) -> str:
    """What is predicted, as plain text."""
    return join([part for part in parts if part.scored])


def join(parts: Sequence[TextPart]) -> str:
    """Parts as one text: as they are, turns on lines of their own."""
    return "".join(part.text + "\n" * (part.role is not None and not part.text.endswith("\n")) for part in parts)


def _conversation(row: Row) -> tuple[TextPart, ...]:
    """The turns; empty without one of the assistant's after another turn."""
    for first, second in (_TURNS, _PREFERENCE):
        given, learned = conversation_of(row, first), conversation_of(row, second)
        if given and learned:
            learned = learned[len(given) :] if learned[: len(given)] == given else learned  # the prompt said again
            return (*(_part(turn, scored=False) for turn in given),
                    *(_part(turn, scored=turn.role == "assistant") for turn in learned))  # fmt: skip
    turns = turns_of(row) or conversation_of(row, "chosen")
    system = row.fields.get("system")
    if turns and turns[0].role != "system" and isinstance(system, str) and system.strip():
        turns = [Turn(role="system", text=system), *turns]
    parts = tuple(_part(turn, scored=turn.role == "assistant" and place > 0) for place, turn in enumerate(turns))
    last = max((place for place, part in enumerate(parts) if part.scored), default=-1)
    return parts[: last + 1]  # what nobody answered is neither predicted nor given to anything


def _part(turn: Turn, *, scored: bool) -> TextPart:
    return TextPart(text=turn.text, scored=scored, role=turn.role)


def _pair(row: Row) -> tuple[TextPart, ...]:
    pair = prompt_and_completion(row)
    if pair is None:
        return ()
    prompt, completion = pair
    joined_as_it_is = isinstance(row.fields.get("prompt"), str) and prompt == row.fields["prompt"]
    seam = "" if joined_as_it_is or prompt.endswith("\n") else "\n"
    return TextPart(text=prompt + seam, scored=False), TextPart(text=completion, scored=True)
