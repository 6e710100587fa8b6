"""Bits per dimension by the name of what has them: an embedded model, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.images import likelihood
from harness.images.sampling import EMBEDDED, MODELS
from harness.models import shapes_world
from harness.models.shapes_networks import load_diffusion


def measure(
    source: str, *, n: int = 512, strata: int = 10, exact: bool = False, progress: likelihood.Progress | None = None
) -> dict[str, Any]:
    """As summary.json's `likelihood` has it. Raises InputError for a source that is neither a model nor such a file."""
    path = Path(source)
    if source not in EMBEDDED and not (path / "config.json").is_file():
        if not path.is_file():
            raise InputError(f"{source} is neither {' nor '.join(EMBEDDED)} nor a file of likelihoods (.jsonl)")
        return _of_file(path)
    network = load_diffusion(MODELS / source if source in EMBEDDED else path)
    parts = []
    for split in ("holdout", "train"):
        try:
            data = shapes_world.make("holdout" if split == "holdout" else "train", n)
        except ValueError as error:
            raise InputError(str(error)) from error
        parts.append(
            likelihood.bound(network, data.pictures, data.captions, strata=strata, exact=exact, progress=progress)
        )
    method = f"variational bound, {'every timestep' if exact else f'{strata} strata of timesteps'}"
    return likelihood.summarize(parts[0], parts[1], method=method)


def _of_file(path: Path) -> dict[str, Any]:
    splits = likelihood.read_likelihoods(path)
    train = splits.pop("train", None)
    if not splits:
        raise InputError(f"{path} has rows of training only; the others need another split, such as test")
    if len(splits) > 1:
        raise InputError(f"{path} has the splits {', '.join(splits)}: give training and one other")
    test = next(iter(splits.values()))
    return likelihood.summarize(test, train, method=f"negative log-likelihoods of {path.name}")
