"""Answers that tests are known to accept, so that they need not run for them.

The tests of HumanEval+ are 10 MB of text and work some of their expected results out anew, which took half of the time.
They say the same of the same answer whenever they are asked (`CallTests.repeatable`). So the calls that they made of an
accepted program are kept with its answers (`Record`), and the next program is asked these before its tests run. Where
each of its answers is the one that was accepted, letter by letter as it crossed, it is accepted. Any other answer, an
error or no answer at all is the tests' to judge: they begin at that turn of their loop. So a verdict other than
ACCEPTED is always theirs, and ACCEPTED theirs of the same answers.

Only the judge holds what is known. A program is sent the calls' arguments, as it always is; a short answer that it
would have to guess is compared as text, a long one by its digest.
"""

from __future__ import annotations

SHORT = 64  # a text of an answer below it is kept as it is: no digest has so few characters
MAX_CHARS = 4 * 2**20  # of calls and answers together
VALUE = '["{}","value",'  # what the frame of an answer begins with, if the guest's own code wrote it


def key(text: bytes | bytearray) -> str:
    """What is kept of an answer."""
    import hashlib  # the judge has it for such tests: in the process that programs are forked from it is 1 MB of pages

    return str(text, "latin-1") if len(text) < SHORT else hashlib.sha256(text).hexdigest()


def answered(frame: bytearray, nonce: str) -> str | None:
    """The key of a frame's answer; None where it is no value."""
    head = VALUE.format(nonce).encode()
    return key(frame[len(head) : -1]) if frame.startswith(head) and frame.endswith(b"]") else None


class Record:
    """The calls of one loop of the tests, as the JSON texts of their arguments, and the keys of their answers."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.answers: list[str] = []
        self.loops = 0
        self.spoilt = False  # an answer was no plain value

    def answer(self, frame: bytearray, nonce: str) -> None:
        """One more arrived."""
        found = answered(frame, nonce)
        self.spoilt |= found is None
        self.answers.append(found or "")

    def whole(self, taken: int) -> dict[str, list[str]] | None:
        """What is known of tests that made `taken` calls; None where not all of them are here, or they are too many."""
        whole = self.loops == 1 and not self.spoilt and taken == len(self.calls) == len(self.answers) > 0
        small = sum(map(len, self.calls)) + sum(map(len, self.answers)) <= MAX_CHARS
        return {"calls": self.calls, "answers": self.answers} if whole and small else None
