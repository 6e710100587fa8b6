"""Evaluation of image models: distances from real pictures, CLIP scores, copies, likelihood, and all of it over
training.

    from harness import images

    callback = images.TrainingCallback(prompts, generate, every=500, clip="DIR")
    scorer = images.ClipScorer(images.ClipModel(folder), images.open_library("prompts.json"))

A name is loaded when it is asked for: torch and transformers take seconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.images.clip import ClipModel as ClipModel
    from harness.images.prompts import open_library as open_library
    from harness.images.scoring import ClipScorer as ClipScorer
    from harness.images.tracking import TrainingCallback as TrainingCallback

_PLACES = {
    "ClipModel": "clip", "ClipScorer": "scoring", "TrainingCallback": "tracking",
    "open_library": "prompts",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
