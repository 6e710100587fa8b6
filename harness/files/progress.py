"""Telling how far a long reading has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[str, int, int], None]  # what is done, how much, of how much


def counted(rows: Iterable[T], stage: str, total: int, progress: Progress) -> Iterator[T]:
    """The rows, with progress told."""
    for done, row in enumerate(rows, start=1):
        yield row
        progress(stage, done, total)
