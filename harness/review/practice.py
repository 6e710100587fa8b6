"""Two practice items, the same for all: one with a plain answer, one without. They never count."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A task that only shows how to vote. says: what is told after the vote; it names no model, for there is none."""

    name: str
    prompt: str
    first: str
    second: str
    says: str


ITEMS = (
    Practice(
        name="practice 1",
        prompt="In one sentence: why does bread rise?",
        first="Yeast turns sugar into carbon dioxide, and its bubbles lift the dough.",
        second="Bread is a staple food in many countries and comes in many shapes.",
        says="The first one answers the question, the second does not. Choose with the buttons, or with A and B.",
    ),
    Practice(
        name="practice 2",
        prompt="Name a prime number between 10 and 20.",
        first="13",
        second="17",
        says="Both are right: that is a tie (T). Where neither is of any use, say both bad (X). Z takes you back to "
        "change a vote.",
    ),
)
_WITHOUT_BAD = dataclasses.replace(
    ITEMS[1], says="Both are right: that is a tie (T). Z takes you back to change a vote."
)


def items(*, both_bad: bool) -> tuple[Practice, ...]:
    """The items of a study that offers `both bad`, or does not."""
    return ITEMS if both_bad else (ITEMS[0], _WITHOUT_BAD)
