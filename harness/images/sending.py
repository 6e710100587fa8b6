"""What a run on pictures sends to trackers besides its estimates: its training step, every number, its best and worst
picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.images.pictures import Pixels, open_set
from harness.images.run_directory import scalars
from harness.runs.reader import read_manifest, read_pictures


def additions(run: Path, summary: Mapping[str, Any]) -> dict[str, Any]:
    """`step` (0 where the pictures are of none or of several), `numbers` and `pictures`."""
    rows = read_pictures(run)
    steps = {row["step"] for row in rows}
    step = steps.pop() if len(steps) == 1 else None
    return {"step": step or 0, "numbers": scalars(summary), "pictures": _ends(run, rows)}


def _ends(run: Path, rows: list[dict[str, Any]]) -> dict[str, Pixels]:
    """{} where the pictures are no longer where they were evaluated."""
    source = read_manifest(run).config.get("gen")
    if not rows or not source:
        return {}
    ordered = sorted(rows, key=lambda row: (row["clip_cosine"], row["id"]))
    try:
        pictures = open_set(str(source))
        place = {entry.id: i for i, entry in enumerate(pictures.entries)}
        wanted = {"clip/worst": ordered[0]["id"], "clip/best": ordered[-1]["id"]}
        return {name: pictures.decode(place[one]).pixels for name, one in wanted.items() if one in place}
    except InputError:
        return {}
