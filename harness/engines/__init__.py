"""Engines: where completions come from. One module each; the module's name is the option's value.

A module has `open_engine(options) -> Engine`. Options are the engine's own dataclass, made from the run's configuration
by `options(config)`, so that no engine's knobs are known elsewhere.
"""

from __future__ import annotations

from typing import Protocol

from harness.types import Completion, Form, Request

SEED_SPACE = 2**31 - 1


class Engine(Protocol):
    """A source of completions. `complete` may be called from `concurrency` threads at once."""

    concurrency: int
    form: Form

    def complete(self, request: Request) -> list[Completion]:
        """`request.sampling.n` completions, indexes 0 to n-1. Raises EngineError."""

    def close(self) -> None:
        """Free the model or the connections."""


def cut(text: str, stop: tuple[str, ...]) -> tuple[str, bool]:
    """`text` up to the first of `stop` in it, and whether one was there."""
    place = min((text.find(each) for each in stop if each in text), default=None)
    return (text, False) if place is None else (text[:place], True)


def sample_seed(seed: int, problem_id: str, index: int) -> int:
    """The seed of one sample: the same for the same three, different for any two samples of a problem.

    A problem's base is drawn by hashing, its samples count up from there.
    """
    import hashlib

    base = int.from_bytes(hashlib.sha256(f"{seed}/{problem_id}".encode()).digest()[:8], "big")
    return (base + index) % SEED_SPACE
