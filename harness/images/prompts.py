"""Prompt libraries: name -> prompt. SimpleTuner's JSON unchanged, JSONL, a TSV with a Prompt column (PartiPrompts),
`shapes`."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.images.pictures import Entry
from harness.models import shapes_world

KEYS = ("prompt", "caption", "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Prompts by name, and the digest of all of them."""

    name: str
    prompts: dict[str, str]

    @property
    def sha256(self) -> str:
        """Of names and prompts in order."""
        return hashlib.sha256(json.dumps(list(self.prompts.items())).encode()).hexdigest()


def open_library(source: str) -> Library:
    """A library by its path, or `shapes`. Raises InputError for a file that cannot be read as one."""
    if source == "shapes":
        return Library(name="shapes", prompts=shapes_world.prompts())
    path = Path(source)
    if not path.is_file():
        raise InputError(f"{source} is not there; a prompt library is a .json, .jsonl or .tsv file, or shapes")
    readers = {".json": _json, ".jsonl": _jsonl, ".tsv": _tsv}
    if path.suffix not in readers:
        raise InputError(f"{source}: a prompt library is a .json, .jsonl or .tsv file, or shapes")
    try:
        prompts = readers[path.suffix](path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise InputError(f"{source} cannot be read as a prompt library: {error}") from error
    empty = [name for name, prompt in prompts.items() if not prompt.strip()]
    if empty or not prompts:
        raise InputError(f"{source}: no prompt for {', '.join(empty[:5])}" if empty else f"{source} has no prompts")
    return Library(name=path.stem, prompts=prompts)


def _prompt(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in KEYS:
            if key in value:
                return ", ".join(value[key]) if isinstance(value[key], list) else str(value[key])
    raise ValueError(f"{name} is neither a prompt nor has one of {', '.join(KEYS)}")


def _json(text: str) -> dict[str, str]:
    found = json.loads(text)
    if isinstance(found, list):
        found = {f"p{i:03d}": value for i, value in enumerate(found)}
    return {str(name): _prompt(value, str(name)) for name, value in found.items()}


def _jsonl(text: str) -> dict[str, str]:
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return {
        str(row.get("id", row.get("name", row.get("shortname", f"p{i:03d}")))): _prompt(row, f"row {i + 1}")
        for i, row in enumerate(rows)
    }


def _tsv(text: str) -> dict[str, str]:
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    columns = {name.lower(): name for name in (rows[0] if rows else {}) if name}
    column = columns.get("prompt") or columns.get("prompts") or columns.get("caption")
    if column is None:
        raise ValueError("no column is called Prompt")
    return {f"p{i:04d}": row[column] for i, row in enumerate(rows)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Which prompt belongs to which picture: (index of the picture, name, prompt)."""

    rows: list[tuple[int, str, str]]
    without_picture: list[str]
    without_prompt: list[str]


def match(entries: tuple[Entry, ...], library: Library) -> Matched:
    """By the prompt's name or by its words. A picture may have any number of seeds."""
    names = {prompt: name for name, prompt in reversed(library.prompts.items())}
    rows, strangers = [], []
    for i, entry in enumerate(entries):
        name = entry.prompt if entry.prompt in library.prompts else names.get(entry.prompt or "")
        if name is None:
            strangers.append(entry.image)
        else:
            rows.append((i, name, library.prompts[name]))
    seen = {name for _, name, _ in rows}
    return Matched(
        rows=rows, without_picture=[name for name in library.prompts if name not in seen], without_prompt=strangers
    )


def require_all(matched: Matched, *, allow_missing: bool) -> None:
    """Raises InputError, with the names, for a prompt without picture or the reverse, unless that is allowed."""
    if allow_missing and matched.rows:
        return
    for names, text in (
        (matched.without_picture, "{} prompts have no picture"),
        (matched.without_prompt, "{} pictures have no prompt in the library"),
    ):
        if names:
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            raise InputError(f"{text.format(len(names))}: {shown} (--allow-missing leaves them out)")
