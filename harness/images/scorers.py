"""Others' scores of pictures for their prompts: a plug-in with `score(images, prompts)`, from weights on this machine.

    class Scorer:
        name = "hpsv3"
        def score(self, images, prompts): ...

`images` is a list of (height, width, 3) arrays in 8 bits, `prompts` as many texts; a number for each comes back, higher
is better. HPSv3, VQAScore and ImageReward fit in a few lines. Their values compare for the same prompts only.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from harness.errors import InputError
from harness.images.pictures import PictureSet, Pixels
from harness.images.prompts import Library, match, require_all
from harness.stats.bootstrap import mean_interval

BATCH = 32


class Scorer(Protocol):
    """What a plug-in's class makes."""

    def score(self, images: Sequence[Pixels], prompts: Sequence[str]) -> Sequence[float]:
        """A number for each picture with its prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One picture's score. name: of its prompt in the library."""

    id: str
    name: str
    prompt: str
    seed: int | None
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreResult:
    """The mean with its 95 % interval, a bootstrap over prompts (of their means over seeds); and every picture."""

    scorer: str
    mean: float
    low: float
    high: float
    n_prompts: int
    rows: list[ScoreRow]


def open_scorer(spec: str) -> tuple[str, Scorer]:
    """(name, scorer) of `py:module:Class`. Raises InputError where there is none."""
    parts = spec.split(":")
    if len(parts) != 3 or parts[0] != "py":
        raise InputError(f"{spec} is no scorer: py:module:Class, a class of yours with score(images, prompts)")
    try:
        made: Any = getattr(importlib.import_module(parts[1]), parts[2])()
    except (ImportError, AttributeError, TypeError) as error:
        raise InputError(f"{spec} cannot be loaded: {error}") from error
    if not callable(getattr(made, "score", None)):
        raise InputError(f"{spec} has no score(images, prompts)")
    return str(getattr(made, "name", parts[2].lower())), made


def score_pictures(
    scorer: Scorer,
    name: str,
    pictures: PictureSet,
    library: Library,
    *,
    allow_missing: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> ScoreResult:
    """Every picture for its prompt. Raises InputError for prompts without picture, and for what is no score."""
    matched = match(pictures.entries, library)
    require_all(matched, allow_missing=allow_missing)
    rows: list[ScoreRow] = []
    for start in range(0, len(matched.rows), BATCH):
        part = matched.rows[start : start + BATCH]
        values = _checked(
            scorer.score([pictures.decode(i).pixels for i, _, _ in part], [text for _, _, text in part]),
            len(part),
            name,
        )
        for (i, prompt_name, text), value in zip(part, values, strict=True):
            entry = pictures.entries[i]
            rows.append(ScoreRow(id=entry.id, name=prompt_name, prompt=text, seed=entry.seed, score=value))
        if progress:
            progress(name, start + len(part), len(matched.rows))
    by_prompt: dict[str, list[float]] = {}
    for row in rows:
        by_prompt.setdefault(row.name, []).append(row.score)
    means = [math.fsum(values) / len(values) for values in by_prompt.values()]
    found = mean_interval(means, np.random.default_rng(0))
    return ScoreResult(
        scorer=name, mean=found.value, low=found.low, high=found.high, n_prompts=len(means), rows=rows
    )  # fmt: skip


def _checked(values: Sequence[float], n: int, name: str) -> list[float]:
    found = [float(value) for value in values]
    if len(found) != n:
        raise InputError(f"{name} gave {len(found)} scores for {n} pictures")
    if not all(math.isfinite(value) for value in found):
        raise InputError(f"{name} gave a score that is no finite number; the scorer or its input is broken")
    return found
