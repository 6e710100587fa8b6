"""The folder of pages: what changed is written, the rest is left as it is, what is no longer wanted is removed.

`.build.json` remembers the hash of every page, and for the completions of a run and the problems of a table, which are
nearly all of the pages, the hash of what they are made of: where that is the same they are not even rendered. A page is
replaced by a rename. The memory is written last, so a build that was stopped is simply done again. A folder with other
files is not touched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from harness.errors import InputError, StoreError
from harness.files.atomic import replaced, write_whole
from harness.leaderboard.pages import Page, Pages
from harness.leaderboard.results import Results
from harness.leaderboard.tables import Table, TableRow

BUILD_STATE = ".build.json"
FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltSite:
    """What a build did. pages: how many the site has."""

    index: Path
    pages: int
    written: int
    removed: int


@dataclass(slots=True)
class _Memory:
    """What the last build left. pages: path -> sha256; groups: slug of a run or a table -> (what it is of, paths)."""

    pages: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[str, list[str]]] = field(default_factory=dict)


def build_site(tables: Sequence[Table], records: Results, pages: Pages, out: Path) -> BuiltSite:
    """Bring the site in `out` up to date. Raises InputError for a folder that holds something else, and StoreError."""
    old = _open(out)
    new = _Memory()
    written = _write(out, old, new, [pages.index(tables, records)])
    for table in tables:
        written += _write(out, old, new, pages.compare(table))
        written += _write_known(out, old, new, table.slug, _made_of(pages, table, table.rows), pages.problems(table))
        for row in table.rows:
            written += _write(out, old, new, [pages.run(table, row)])
            made_of = _made_of(pages, table, [row])
            written += _write_known(out, old, new, row.run.slug, made_of, pages.completions(table, row.run))
    removed = _remove(out, set(old.pages) - set(new.pages))
    memory = {"format": FORMAT, "pages": new.pages, "groups": new.groups}
    write_whole(out / BUILD_STATE, json.dumps(memory, indent=0, sort_keys=True).encode() + b"\n")
    return BuiltSite(index=out / "index.html", pages=len(new.pages), written=written, removed=removed)


def _made_of(pages: Pages, table: Table, rows: Sequence[TableRow]) -> str:
    """The digest of all that the pages about these rows' problems and completions are made of."""
    parts = [pages.digest, table.slug, str(len(table.rows) > 1)]
    for row in rows:
        parts += [row.run.digest, row.run.name, str(pages.has_prompts(row.run))]
        parts += [row.label, str(row.number)] if len(rows) > 1 else []
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _write_known(out: Path, old: _Memory, new: _Memory, slug: str, made_of: str, pages: Iterable[Page]) -> int:
    """Write these pages, unless they are there already and made of the same: then they are not even rendered."""
    known, paths = old.groups.get(slug, ("", []))
    if known == made_of and all(path in old.pages and (out / path).is_file() for path in paths):
        new.pages.update({path: old.pages[path] for path in paths})
        new.groups[slug] = (made_of, paths)
        return 0
    before = set(new.pages)
    written = _write(out, old, new, pages)
    new.groups[slug] = (made_of, [path for path in new.pages if path not in before])
    return written


def _write(out: Path, old: _Memory, new: _Memory, pages: Iterable[Page]) -> int:
    """Write the pages that are not there as they should be; how many."""
    written = 0
    for page in pages:
        data = page.html.encode()
        new.pages[page.path] = hashlib.sha256(data).hexdigest()
        target = out / page.path
        if old.pages.get(page.path) == new.pages[page.path] and target.is_file():
            continue
        _replace(target, data)
        written += 1
    return written


def _replace(target: Path, data: bytes) -> None:
    # no fsync, unlike the store's: 4,000 of them take a minute, and a site can be built again
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replaced(target) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise StoreError(
            f"{target} cannot be written: {error.strerror}; make room, then run the command again"
        ) from error


def _remove(out: Path, paths: Iterable[str]) -> int:
    removed = 0
    for path in paths:
        (out / path).unlink(missing_ok=True)
        removed += 1
        folder = (out / path).parent
        while folder != out and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
    return removed


def _open(out: Path) -> _Memory:
    """What the last build left in a folder of ours, which is made where there is none."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        known = (out / BUILD_STATE).is_file()
        if not known and any(out.iterdir()):
            raise InputError(f"{out} holds files that are not a leaderboard; choose an empty folder with -o")
        if not known:
            write_whole(out / BUILD_STATE, b"{}\n")  # ours from now on, even if this build is stopped
        return _parsed((out / BUILD_STATE).read_bytes())
    except OSError as error:
        raise InputError(
            f"the site cannot be kept in {out}: {error.strerror}; choose another folder with -o"
        ) from error


def _parsed(data: bytes) -> _Memory:
    """The memory of an earlier build; an empty one where this version did not write it, so that all is done anew."""
    try:
        memory: Any = json.loads(data)
        if memory.get("format") != FORMAT:
            return _Memory()
        pages = {path: str(digest) for path, digest in memory["pages"].items() if _inside(path)}
        return _Memory(
            pages=pages, groups={slug: (digest, list(paths)) for slug, (digest, paths) in memory["groups"].items()}
        )
    except (ValueError, AttributeError, KeyError, TypeError):
        return _Memory()


def _inside(path: str) -> bool:
    """Whether a path is of a page below the site's folder: a memory that came with a site must not delete elsewhere."""
    parts = PurePosixPath(path).parts
    return path.endswith(".html") and bool(parts) and parts[0] != "/" and ".." not in parts
