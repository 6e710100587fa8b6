"""The runs below a folder: what each is of, how far it is, and tidying up."""

from __future__ import annotations

import enum
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, InputError
from harness.files import atomic
from harness.runs import layout, reader
from harness.runs.store import locked
from harness.text.printable import printable

LONGEST_LABEL = 100  # characters


class State(enum.StrEnum):
    """How far a run is. BROKEN: its files cannot be read."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    UNFINISHED = "unfinished"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEntry:
    """One run. created: `20261121T185209Z`; estimate: the first of its summary, None before its end."""

    path: Path
    state: State
    label: str = ""
    model: str = ""
    dataset: str = ""
    task: str = ""
    created: str = ""
    estimate: dict[str, Any] | None = None


def find(folder: Path) -> list[CatalogEntry]:
    """The runs below a folder, the newest first. Raises InputError where there is no such folder."""
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist; give the folder that `harness run --results` filled")
    found = [read(path) for path in _folders(folder)]
    return sorted(found, key=lambda each: (each.created, str(each.path)), reverse=True)


def _folders(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders.sort()
        if layout.MANIFEST in files:
            folders.clear()
            yield Path(place)


def read(run: Path) -> CatalogEntry:
    """What a run directory says of itself; a broken one says so."""
    try:
        manifest, summary = reader.read_manifest(run), reader.read_summary(run)
    except HarnessError:
        return CatalogEntry(path=run, state=State.BROKEN, label=label(run))
    identity = manifest.identity
    part, problems = identity.get("model") or {}, identity.get("problems") or {}
    state = State.UNFINISHED
    if summary is not None:
        state = State.COMPLETE if summary["coverage"]["complete"] else State.PARTIAL
    return CatalogEntry(
        path=run,
        state=state,
        label=label(run),
        model=str(part.get("name") or part.get("samples") or ""),
        dataset=str(problems.get("name") or ""),
        task=str(manifest.config.get("task") or "codegen"),
        created=manifest.created,
        estimate=next(iter(summary["estimates"]), None) if summary else None,
    )


def label(run: Path) -> str:
    """What a person called a run; empty where nobody did."""
    try:
        return printable((run / layout.LABEL).read_text("utf-8", errors="replace").strip())[:LONGEST_LABEL]
    except OSError:
        return ""


def set_label(run: Path, text: str) -> None:
    """Call a run something; empty takes the label away. Raises InputError for what is not a run, or a text too long."""
    reader.read_manifest(run)
    if len(text) > LONGEST_LABEL or not text.isprintable():
        raise InputError(f"a label is one line of at most {LONGEST_LABEL} characters, not {text[:40]!r}...")
    if text:
        atomic.write_whole(run / layout.LABEL, text.encode() + b"\n")
    else:
        (run / layout.LABEL).unlink(missing_ok=True)


def remove(run: Path) -> None:
    """Remove a run directory: it is gone at once, whatever interrupts the removal of its files.

    Raises InputError for what is not a run directory, StoreError for a run that a process is working on.
    """
    reader.read_manifest(run)
    with locked(run):
        gone = run.with_name(f".{run.name}.removed")
        run.rename(gone)
    shutil.rmtree(gone)


def move(run: Path, target: Path) -> Path:
    """Move a run directory; into `target` where that is a folder. Returns its new place.

    Raises InputError for what is not a run directory and for a place that is taken, StoreError for a run that a process
    is working on.
    """
    reader.read_manifest(run)
    place = target / run.name if target.is_dir() else target
    if place.exists():
        raise InputError(f"{place} is there already; choose another place")
    with locked(run):
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(run, place)
    return place
