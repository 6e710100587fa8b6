"""Features of a set of pictures with what made them, in memory and as a `.npz`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.files.atomic import replacing_path
from harness.images.feature_file import as_numbers, read_arrays
from harness.metrics._features import as_features
from harness.metrics.fid import Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractorInfo:
    """What can change a feature: it stands beside every number."""

    kind: str
    path: str
    weights_sha256: str
    dim: int | None = None
    dtype: str = "float32"
    resize: dict[str, Any] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """`shapes@0a11c2d4`."""
        return f"{self.kind}@{self.weights_sha256[:8]}"


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """Features (N, D) of a set, or its mean and covariance alone. `ids` and `prompts` are empty for a bare `.npz`."""

    name: str
    info: ExtractorInfo
    features: NDArray[np.float64] | None
    logits: NDArray[np.float64] | None = None
    moments: Moments | None = None
    ids: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return 0 if self.features is None else len(self.features)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """The features. Raises InputError where there are only their moments."""
        if self.features is None:
            raise InputError(f"{self.name} has mu and sigma only: FID can be computed, the other metrics need features")
        return self.features

    def first(self, n: int) -> FeatureSet:
        """The first n pictures."""
        return self.part(slice(0, n))

    def part(self, rows: slice) -> FeatureSet:
        """Some of the pictures."""
        logits = None if self.logits is None else self.logits[rows]
        return FeatureSet(
            name=self.name, info=self.info, features=self.matrix[rows], logits=logits, ids=self.ids[rows],
            prompts=self.prompts[rows], facts=self.facts,
        )  # fmt: skip


def write_features(path: Path, found: FeatureSet) -> None:
    """Write a `.npz` that `read_features` reads."""
    if path.suffix != ".npz":
        raise InputError(f"{path}: features are written to a .npz file")
    save_arrays(
        path, found.matrix, found.logits, info=json.dumps(asdict(found.info)), ids=np.array(found.ids),
        prompts=np.array(found.prompts), facts=json.dumps(found.facts),
    )  # fmt: skip


def save_arrays(path: Path, features: Any, logits: Any, **more: Any) -> None:
    """Replace a `.npz`."""
    if logits is not None:
        more["logits"] = logits
    with replacing_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, features=features, **more)


def read_features(path: Path) -> FeatureSet:
    """A `.npz` with `features` (N, D), or with `mu` (D,) and `sigma` (D, D). Raises InputError for another content."""
    stored = read_arrays(path)
    info, facts = _notes(path, stored)
    if "features" not in stored:
        return _stats(path, stored, info)
    features = _finite_rows(path, "features", as_numbers(path, "features", stored["features"]))
    logits = None
    if "logits" in stored:
        logits = _finite_rows(path, "logits", as_numbers(path, "logits", stored["logits"]))
        if len(logits) != len(features):
            raise InputError(f"{path}: there are {len(features)} rows of features and {len(logits)} of logits")
    ids, prompts = (tuple(map(str, np.ravel(stored.get(name, ())))) for name in ("ids", "prompts"))
    return FeatureSet(
        name=str(path), info=info, features=features, logits=logits, ids=ids, prompts=prompts,
        facts=facts or {"name": str(path), "n": len(features)},
    )  # fmt: skip


def _finite_rows(path: Path, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        return as_features(values, name)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _notes(path: Path, stored: dict[str, Any]) -> tuple[ExtractorInfo, dict[str, Any]]:
    """What made the features, and what they are of; {} where that is not noted."""
    try:
        info = ExtractorInfo(**json.loads(str(stored["info"]))) if "info" in stored else None
        facts = dict(json.loads(str(stored["facts"]))) if "facts" in stored else {}
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: info and facts are not as harness images features writes them: {error}") from error
    return info or ExtractorInfo(kind="unknown", path=str(path), weights_sha256=""), facts


def _stats(path: Path, stored: dict[str, Any], info: ExtractorInfo) -> FeatureSet:
    if not {"mu", "sigma"} <= stored.keys():
        raise InputError(
            f"{path} has neither features nor mu and sigma; it has {', '.join(sorted(stored)) or 'nothing'}"
        )
    mu, sigma = (as_numbers(path, name, stored[name]) for name in ("mu", "sigma"))
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)) or not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise InputError(
            f"{path}: mu has shape {mu.shape} and sigma {sigma.shape}, not (D,) and (D, D) of finite numbers"
        )
    largest = float(np.abs(sigma).max(initial=0.0))
    spread = np.diag(sigma)
    bounded = spread[:, None] * spread[None, :] * (1 + 1e-6) + 1e-9 * largest**2  # Cauchy and Schwarz
    if np.abs(sigma - sigma.T).max(initial=0.0) > 1e-6 * largest or (spread < 0).any() or (sigma**2 > bounded).any():
        raise InputError(f"{path}: sigma is not a covariance: it is not symmetric, or its variances are too small")
    return FeatureSet(
        name=str(path), info=info, features=None, moments=Moments(mu, sigma), facts={"name": str(path), "n": None}
    )
