"""A checkup as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.checkup.data import ADD
from harness.checkup.people import PeopleResult
from harness.checkup.run import STEPS, Checkup
from harness.comparison.pairs import record
from harness.files import atomic


def as_json(found: Checkup, people: Sequence[PeopleResult] = ()) -> dict[str, Any]:
    """What checkup.json holds and `--json` prints."""
    memory = found.memorization
    return {
        "base": found.names["base"],
        "tuned": found.names["tuned"],
        "headline": found.headline,
        "lines": [dataclasses.asdict(line) for line in found.lines],
        "checks": [dataclasses.asdict(check) for check in memory.checks],
        "not_checked": [{"file": name, "add": ADD[name]} for name in found.data.missing],
        "cautions": list(found.cautions),
        "incomplete": list(found.incomplete),
        "complete": not found.incomplete,
        "steps": list(STEPS),
        "people": [dataclasses.asdict(each) for each in people],
        "data": {
            "folder": str(found.data.folder) if found.data.folder else None,
            "limit": found.limit,
            "seed": found.seed,
            "parts": [
                {"part": part.name, "task": part.task, "items": part.items, "of": part.total, "run": part.problems}
                for part in found.data.parts
            ],
        },
        "runs": {side: {part: str(path) for part, path in runs.items()} for side, runs in found.runs.items()},
        "comparisons": {part: record(each) for part, each in found.comparisons.items()},
        "overfitting": {
            "gaps": {side: dataclasses.asdict(gap) for side, gap in memory.gaps.items()},
            "copies": [dataclasses.asdict(each) for each in memory.copies],
            "diversity": {name: dataclasses.asdict(each) for name, each in memory.diversity.items()},
            "turn": dataclasses.asdict(memory.turn) if memory.turn else None,
        },
        "leaks": {part: dataclasses.asdict(each) for part, each in memory.leaks.items()},
        "examples": [dataclasses.asdict(each) for each in found.examples],
    }


def write(record: dict[str, Any], folder: Path) -> Path:
    """checkup.json, replaced at once."""
    path = folder / "checkup.json"
    atomic.write_whole(path, json.dumps(record, indent=1).encode() + b"\n")
    return path
