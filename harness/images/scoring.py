"""CLIP scores of a set of pictures against a prompt library: a row for each picture, and the summary of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.images.pictures import PictureSet, Pixels
from harness.images.prompts import Library, match, require_all
from harness.metrics.clip_score import ClipSummary, ranks, summarize

if TYPE_CHECKING:
    from harness.images.clip import ClipModel

BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRow:
    """One picture: a line of samples.jsonl. rank: 1 where no prompt of the library fits better than its own."""

    id: str
    name: str
    prompt: str
    seed: int | None
    step: int | None
    image: str
    clip_cosine: float
    rank: int
    tokens: int
    truncated: bool

    def record(self) -> dict[str, Any]:
        """As samples.jsonl has it."""
        return {**asdict(self), "clip_cosine": round(self.clip_cosine, 6)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipResult:
    """All rows and their summary."""

    rows: list[ClipRow]
    summary: ClipSummary
    model: str
    prefix: str
    truncated_prompts: int

    def record(self) -> dict[str, Any]:
        """As summary.json's `clip` has it."""
        warnings = ["W_TRUNCATED"] if self.truncated_prompts else []
        return {
            **asdict(self.summary), "scale": "cosine", "prefix": self.prefix, "truncated": self.truncated_prompts,
            "model": self.model, "warnings": warnings,
        }  # fmt: skip


class ClipScorer:
    """A CLIP model and a library: texts are embedded once, pictures as they come."""

    def __init__(self, model: ClipModel, library: Library, prefix: str = "") -> None:
        self.model, self.library, self.prefix = model, library, prefix
        self._texts, self._tokens = model.embed_texts([prefix + text for text in library.prompts.values()])
        self._place = {name: i for i, name in enumerate(library.prompts)}

    def score(
        self,
        pictures: PictureSet,
        *,
        allow_missing: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> ClipResult:
        """Every picture against its prompt. Raises InputError for prompts without picture and the reverse."""
        matched = match(pictures.entries, self.library)
        require_all(matched, allow_missing=allow_missing)
        embedded = []
        for start in range(0, len(matched.rows), BATCH):
            part = [pictures.decode(i).pixels for i, _, _ in matched.rows[start : start + BATCH]]
            embedded.append(self.model.embed_pictures(part))
            if progress:
                progress("CLIP", start + len(part), len(matched.rows))
        own = [self._place[name] for _, name, _ in matched.rows]
        return self._result(pictures, matched.rows, np.concatenate(embedded), own)

    def score_arrays(self, pictures: Sequence[Pixels], names: Sequence[str]) -> list[float]:
        """The cosine of each picture with the library's prompt of that name."""
        texts = self._texts[[self._place[name] for name in names]]
        return [float(value) for value in (self.model.embed_pictures(pictures) * texts).sum(axis=1)]

    def _result(
        self, pictures: PictureSet, rows: list[tuple[int, str, str]], embedded: Any, own: list[int]
    ) -> ClipResult:
        cosine = (embedded * self._texts[own]).sum(axis=1)
        rank = ranks(embedded, self._texts, own)
        longest = self.model.longest
        found = []
        for (i, name, prompt), value, place, mine in zip(rows, cosine, rank, own, strict=True):
            entry, tokens = pictures.entries[i], self._tokens[mine]
            found.append(
                ClipRow(
                    id=entry.id, name=name, prompt=prompt, seed=entry.seed, step=entry.step, image=entry.image,
                    clip_cosine=float(value), rank=int(place), tokens=tokens, truncated=tokens > longest,
                )
            )  # fmt: skip
        summary = summarize([r.clip_cosine for r in found], [r.rank for r in found], [r.name for r in found])
        cut = sum(tokens > longest for tokens in self._tokens)
        return ClipResult(
            rows=found, summary=summary, model=self.model.name, prefix=self.prefix, truncated_prompts=cut
        )  # fmt: skip
