"""What an extractor finds in a reply."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Program text with its place in the reply.

    lent: statements from elsewhere in the reply that go before it. complete: it needs no preamble of the prompt's.
    """

    text: str
    start: int
    end: int
    lent: str = ""
    complete: bool = False
