"""A run's identity: everything that can change its numbers, as one fingerprint and one signature."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import __version__
from sandbox.types import MIB, Limits

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What `manifest.json` holds. It is the first file of a run directory, and is never rewritten.

    identity: what the fingerprint is of. signature: the same for people, without the metric's name. config: as given.
    host, engine: what the run was begun on, for the record: versions, device, number format.
    """

    fingerprint: str
    identity: Mapping[str, Any]
    signature: str
    config: Mapping[str, Any]
    created: str
    host: Mapping[str, str]
    engine: Mapping[str, str] = field(default_factory=dict)
    harness: str = __version__
    format: int = FORMAT


def make(identity: Mapping[str, Any], signature: str, config: Mapping[str, Any]) -> Manifest:
    """A manifest of now and here."""
    text = json.dumps(identity, sort_keys=True)
    return Manifest(
        fingerprint=hashlib.sha256(text.encode()).hexdigest(),
        identity=identity,
        signature=signature,
        config=config,
        created=datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
        host={"system": platform.platform(), "python": platform.python_version()},
    )


def made_by(manifest: Manifest, engine: Mapping[str, str]) -> Manifest:
    """With what the engine says of itself. Not part of the identity: it is known only once the model is open."""
    return dataclasses.replace(manifest, engine=dict(engine))


def limits_digest(limits: Mapping[str, Limits]) -> str:
    """A digest of every problem's limits."""
    text = json.dumps({problem_id: dataclasses.asdict(each) for problem_id, each in limits.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def limits_label(limits: Iterable[Limits]) -> str:
    """`cpu:3s|wall:6s|mem:512MiB`; a range where the problems' limits differ."""
    every = list(limits)
    parts = (
        ("cpu", [each.cpu_s for each in every], "s"),
        ("wall", [each.wall_s for each in every], "s"),
        ("mem", [each.memory_bytes / MIB for each in every], "MiB"),
    )
    return "|".join(f"{name}:{span(values)}{unit}" for name, values, unit in parts)


def span(values: Iterable[float]) -> str:
    """`3`, or `3-10` where values differ."""
    every = list(values)
    low, high = min(every), max(every)
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


def model_identity(path: Path) -> str:
    """A short digest of a model directory: names, sizes and modification times of its files, and its config's text.

    The weights themselves are not read: hashing 15 GB takes longer than many a run.
    """
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.is_file() and file.suffix in (".json", ".safetensors", ".bin", ".model", ".jinja", ".pt"):
            stat = file.stat()
            digest.update(f"{file.name} {stat.st_size} ".encode())
            # small files by their text, so that a copied model stays the same model as far as can be seen cheaply
            digest.update(file.read_bytes() if stat.st_size < MIB * 8 else str(stat.st_mtime_ns).encode())
    return digest.hexdigest()[:16]
