"""The parts of a run's signature: everything that can change its numbers, in one line."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping

from sandbox.types import MIB, Limits


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
