"""Rated sheets, read back: JSON or CSV, in parts, with rows and columns moved, as spreadsheets leave them.

A file is taken whole or not at all. Taken twice, it changes nothing. Where a rater said something else before, the
conflicts are listed and nothing is taken, unless the later file is to count.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import InputError, did_you_mean
from harness.review.sheets import FIXED, entries_of, restored
from harness.review.study import RATINGS, VOTES, Study
from harness.review.votes import Vote, Votes

UNKNOWN = {"cannot tell", "can't tell", "?", "n/a", "na", "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a file held. added: items with something new; same: items that were there already."""

    rated: int
    added: int
    same: int
    empty: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    where: str
    item: int
    scores: Mapping[str, int | None]
    note: str


def import_sheet(study: Study, path: Path, rater: str, *, replace: bool = False) -> Imported:
    """Take a rater's file. Raises InputError: what, file, row and criterion; nothing is then taken."""
    if study.kind != RATINGS:
        raise InputError("this is an A/B study: its judges vote with `harness review serve` or `harness review vote`")
    with Votes(study.path / VOTES) as votes:
        votes.check_open()
        latest = votes.latest()
        _check_rater(study, rater, {each.judge for each in latest})
        entries = _read(study, path)
        before = {each.item: each for each in latest if each.judge == rater}
        made = _merge(study, rater, entries, before, path.name, replace=replace)
        votes.add(made)
    filled = [each for each in entries if each.scores or each.note]
    return Imported(rated=len(filled), added=len(made), same=len(filled) - len(made), empty=len(entries) - len(filled))


def _check_rater(study: Study, rater: str, known: set[str]) -> None:
    design = study.design
    if not rater.strip() or not rater.isprintable() or len(rater) > 60:
        raise InputError("--rater takes a name of 60 characters at most")
    if not design.open_names:
        study.judge(rater)
    elif rater not in known and rater not in design.judges and len(known) >= len(design.judges):
        raise InputError(f'no rater "{rater}"; the study has {", ".join(sorted(known))}, as many as it was made for')


def _merge(
    study: Study, rater: str, entries: list[_Entry], before: Mapping[int, Vote], name: str, *, replace: bool
) -> list[Vote]:
    """The rows to add. A score that is left empty says nothing; what was said before stays."""
    made, conflicts = [], []
    for each in entries:
        old = before.get(each.item)
        known = dict(old.scores) if old else {}
        changed = {key: value for key, value in each.scores.items() if known.get(key, value) != value}
        conflicts += [f"rated item {each.item} twice with different scores ({key} {_said(known[key])}, "
                      f"then {_said(value)})" for key, value in changed.items()]  # fmt: skip
        scores, note = {**known, **each.scores}, each.note or (old.note if old else "")
        if (not scores and not note) or (old and scores == known and note == old.note):
            continue
        answer = study.item(each.item).answers[0].id
        count = old.client_id if old else ""
        text = json.dumps([study.id, rater, each.item, scores, note, count], sort_keys=True)
        made.append(
            Vote(
                client_id=f"sheet-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}", judge=rater,
                item=each.item, task=f"{each.item} {answer}", order=answer, scores=scores, note=note,
                answered_at=time.time(), served_by=name,
            )
        )  # fmt: skip
    if conflicts and not replace:
        more = f" and {len(conflicts) - 10} more" if len(conflicts) > 10 else ""
        raise InputError(f"{rater} {'; '.join(conflicts[:10])}{more}; --replace takes the later file")
    return made


def _said(score: int | None) -> str:
    return "cannot tell" if score is None else str(score)


def _read(study: Study, path: Path) -> list[_Entry]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8; save it as CSV UTF-8, or: iconv -f latin1 -t utf-8") from error
    names = [each.name for each in study.design.criteria]
    json_file = path.suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{")
    rows = _json_rows(text, path, names) if json_file else _csv_rows(text, path, names)
    sheet = entries_of(study)
    found: dict[int, _Entry] = {}
    for where, row in rows:
        _check_study(study, path, row)
        item = _item(row.get("id"), where, len(study))
        _check_texts(study, path, where, row, sheet[item - 1])
        if item in found:
            raise InputError(f"{where}: item {item} occurs twice")
        scores = {
            name: _score(row["scores"][name], f"{where}, {name}") for name in names if _filled(row["scores"].get(name))
        }
        found[item] = _Entry(where=where, item=item, scores=scores, note=str(row.get("notes") or "").strip())
    if not found:
        raise InputError(f"{path} holds no rows")
    return list(found.values())


def _filled(value: object) -> bool:
    return value is not None and str(value).strip() != ""


def _check_study(study: Study, path: Path, row: Mapping[str, Any]) -> None:
    named = str(row.get("study") or "").strip()
    if named and named != study.id:
        raise InputError(f"{path.name} is of study {named}, this is {study.id}; nothing was read")


def _check_texts(study: Study, path: Path, where: str, row: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """A sheet without a study's digest is told by its texts, but for white space, which spreadsheets change."""
    for name in ("prompt", "generated"):
        given = row.get(name)
        if _filled(given) and _bare(given) != _bare(known[name]):
            raise InputError(
                f"{path.name} is of another study than {study.id}: {where} has another {name} than item {known['id']}; "
                "nothing was read"
            )


def _bare(text: object) -> str:
    return "".join(str(text).split()).lstrip("'")


def _item(value: object, where: str, count: int) -> int:
    text = str(value).strip() if value is not None else ""
    number = text.removesuffix(".0").removesuffix(",0")
    if not number.isascii() or not number.isdigit():
        raise InputError(f"{where}: the id is {text or 'missing'!s}; ids are the numbers 1 to {count}")
    if not 1 <= int(number) <= count:
        raise InputError(f"{where}: the study has no item {number} (it has 1 to {count})")
    return int(number)


def _score(value: object, where: str) -> int | None:
    text = str(value).strip()
    if text.lower() in UNKNOWN:
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = 0.0
    if isinstance(value, bool) or number not in (1, 2, 3, 4, 5):
        raise InputError(f"{where}: {text[:40]} is not 1 to 5; leave it empty where you cannot tell")
    return int(number)


def _json_rows(text: str, path: Path, names: list[str]) -> list[tuple[str, dict[str, Any]]]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error})") from error
    if isinstance(rows, dict) and isinstance(rows.get("entries"), list):
        rows = [{**each, "study": rows.get("study")} if isinstance(each, dict) else each for each in rows["entries"]]
    if not isinstance(rows, list):
        raise InputError(f"{path}: a list of objects with id and scores is expected")
    found = []
    for number, row in enumerate(rows, start=1):
        where = f"{path.name}, entry {number}"
        if not isinstance(row, dict) or not isinstance(row.get("scores", {}), dict):
            raise InputError(f"{where}: an object with id and scores is expected")
        scores = row.get("scores", {})
        _check_names(where, [*scores], names)
        found.append((where, {**row, "scores": scores}))
    return found


def _check_names(where: str, given: list[str], names: list[str]) -> None:
    for name in given:
        if name not in names:
            raise InputError(
                f"{where}: no criterion {name!r}{did_you_mean(name, names)}; the study has {', '.join(names)}"
            )


def _csv_rows(text: str, path: Path, names: list[str]) -> list[tuple[str, dict[str, Any]]]:
    csv.field_size_limit(sys.maxsize)
    first = text.partition("\n")[0]
    comma = max((",", ";", "\t"), key=first.count)
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        comma, text = first.strip()[4], text.partition("\n")[2]
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=comma))
    except csv.Error as error:
        raise InputError(f"{path}: not CSV ({error})") from error
    if not rows:
        raise InputError(f"{path} holds no rows")
    header = [restored(each.strip()) for each in rows[0]]
    lowered = {name.lower(): name for name in (*FIXED, *names, "notes", "study")}
    header = [lowered.get(each.lower(), each) for each in header]
    if "id" not in header:
        raise InputError(f"{path.name}, row 1: no column id; its columns are {', '.join(header)}")
    twice = next((each for each in header if each and header.count(each) > 1), None)
    if twice:
        raise InputError(f"{path.name}, row 1: the column {twice} occurs twice")
    found = []
    for number, cells in enumerate(rows[1:], start=2):
        if not any(each.strip() for each in cells):
            continue
        row: dict[str, Any] = {name: restored(cell) for name, cell in zip(header, cells, strict=False) if name}
        found.append((f"{path.name}, row {number}", {**row, "scores": {name: row.get(name) for name in names}}))
    return found
