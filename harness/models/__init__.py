"""The embedded models: two small checkpoints trained by `train_nano`, for trying and testing the harness."""

from __future__ import annotations

from pathlib import Path

NAMES = ("nano", "nano-base")


def model_dir(name: str) -> Path:
    """Return the folder of the embedded checkpoint `name` (one of `NAMES`)."""
    if name not in NAMES:
        raise ValueError(f"no embedded model {name!r}: there are {', '.join(NAMES)}")
    return Path(__file__).resolve().parent / name
