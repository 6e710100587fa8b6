"""Scores of pictures for their prompts: `shapes` (attribute accuracy), or a plug-in of one's own with
`score(images, prompts)`, from weights on this machine.

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
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from harness.errors import InputError
from harness.images.pictures import PictureSet, Pixels
from harness.images.prompts import Library, match, require_all
from harness.images.scoring import ClipResult
from harness.stats.bootstrap import mean_interval
from harness.stats.rank_correlation import rank_correlation

BATCH = 32
SHAPES = ("py", "harness.images.shapes_scorer", "AttributeScorer")


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
    """The mean with its 95 % interval, a bootstrap over prompts (of their means over seeds; None for a single prompt);
    and every picture."""

    scorer: str
    mean: float
    low: float | None
    high: float | None
    n_prompts: int
    rows: list[ScoreRow]

    def record(self, clip: ClipResult | None) -> dict[str, Any]:
        """As summary.json's `scores` has it, with its rank correlation with CLIP where there is one."""
        keep = ("scorer", "mean", "low", "high", "n_prompts")
        agreement = None
        if clip is not None:
            cosines = {row.id: row.clip_cosine for row in clip.rows}
            rows = [row for row in self.rows if row.id in cosines]
            agreement = rank_correlation([cosines[r.id] for r in rows], [r.score for r in rows], [r.name for r in rows])
        return {name: getattr(self, name) for name in keep} | {
            "n_pictures": len(self.rows), "clip_correlation": asdict(agreement) if agreement else None,
        }  # fmt: skip


def by_prompt(rows: Sequence[ScoreRow]) -> dict[str, float]:
    """Name of a prompt -> mean over its pictures."""
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(row.score)
    return {name: math.fsum(values) / len(values) for name, values in found.items()}


def open_scorer(spec: str) -> tuple[str, Scorer]:
    """(name, scorer) of `shapes` or `py:module:Class`. Raises InputError where there is none."""
    parts = spec.split(":") if spec != "shapes" else SHAPES
    if len(parts) != 3 or parts[0] != "py":
        raise InputError(
            f"{spec} is not a scorer: shapes, or py:module:Class, a class of yours with score(images, prompts)"
        )
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
    """Every picture for its prompt. Raises InputError for prompts without picture, and for what is not a score."""
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
    means = list(by_prompt(rows).values())
    found = mean_interval(means, np.random.default_rng(0))
    low, high = (found.low, found.high) if len(means) > 1 else (None, None)
    return ScoreResult(scorer=name, mean=found.value, low=low, high=high, n_prompts=len(means), rows=rows)


def _checked(values: Sequence[float], n: int, name: str) -> list[float]:
    found = [float(value) for value in values]
    if len(found) != n:
        raise InputError(f"{name} gave {len(found)} scores for {n} pictures")
    if not all(math.isfinite(value) for value in found):
        raise InputError(f"{name} gave a score that is not a finite number; the scorer or its input is broken")
    return found
