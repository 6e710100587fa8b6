"""A run's identity: everything that can change its numbers, as one fingerprint and one signature.

`harness.runs.store.create_run` writes it, first of all files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from harness import __version__

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


def with_engine(manifest: Manifest, engine: Mapping[str, str]) -> Manifest:
    """With what the engine says of itself. Not part of the identity: it is known only once the model is open."""
    return dataclasses.replace(manifest, engine=dict(engine))
