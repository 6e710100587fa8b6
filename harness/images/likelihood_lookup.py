"""Bits per dimension by the name of what has them: an embedded model, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.images import likelihood
from harness.images.sampling import EMBEDDED, MODELS
from harness.models import shapes_world
from harness.models.shapes_networks import load_diffusion


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of one source: `record` as summary.json's `likelihood` has it, and the bits of every unseen picture."""

    source: str
    record: dict[str, Any]
    unseen: likelihood.Likelihoods


def differences(found: Sequence[Measured]) -> list[dict[str, Any]]:
    """Of each source from the first: {of, minus, value, low, high}; paired where both saw the same pictures.

    Raises InputError for data of other dimensions or preprocessing.
    """
    first, *others = found
    rows = []
    for other in others:
        likelihood.check_alike(first.source, first.unseen, other.source, other.unseen)
        value, low, high = likelihood.difference(other.unseen, first.unseen)
        rows.append({"of": other.source, "minus": first.source, "value": value, "low": low, "high": high})
    return rows


def measure(
    source: str, *, n: int = 512, strata: int = 10, exact: bool = False, progress: likelihood.Progress | None = None
) -> Measured:
    """Raises InputError for a source that is neither a model nor a file of likelihoods."""
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
    return Measured(source=source, record=likelihood.summarize(parts[0], parts[1], method=method), unseen=parts[0])


def _of_file(path: Path) -> Measured:
    splits = likelihood.read_likelihoods(path)
    train = splits.pop("train", None)
    if not splits:
        raise InputError(f"{path} has rows of training only; the others need another split, such as test")
    if len(splits) > 1:
        raise InputError(f"{path} has the splits {', '.join(splits)}: give training and one other")
    test = next(iter(splits.values()))
    record = likelihood.summarize(test, train, method=f"negative log-likelihoods of {path.name}")
    return Measured(source=str(path), record=record, unseen=test)
