"""Dividing a file of rows into train, validation and test, so that the parts can be trusted.

    random    rows in an order drawn from the seed and each row's own bytes: their order in the file does not count
    temporal  the rows of the latest dates are the test part; rows of one date stay together
    category  as random, within each class: every part has the classes in the same shares
    group     as random, with groups for rows: a field's values, or chains of near duplicates

The rules themselves are in `partition`. Rows are written as they were, in the file's order (rows of .csv and .json as
JSON lines), and `split.json` says what was done and what leaks between the parts.
"""

from __future__ import annotations

import enum
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.files.atomic import replaced, write_whole
from harness.files.progress import Progress, counted
from harness.files.row_text import text_of
from harness.files.rows import Row, RowFile, field_of, id_of
from harness.text import near_duplicates
from harness.text.near_duplicates import Sketches
from harness.training_data import partition
from harness.training_data.leaks import LeakRules, Leaks, SketchedPart, find_leaks
from harness.training_data.partition import HeldOut, Indexes, Keys, PartSizes

PARTS = ("train", "validation", "test")
REPORT = "split.json"
NAMED = 10  # classes in a message
LABELS = ("label", "category", "class")
MOST_LABELS = 1000  # a field of more values than this is no label
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


class Strategy(enum.StrEnum):
    """How rows are chosen for a part."""

    RANDOM = "random"
    TEMPORAL = "temporal"
    CATEGORY = "category"
    GROUP = "group"


_ADVICE = {
    Strategy.RANDOM: "ask for other sizes",
    Strategy.TEMPORAL: "too many rows share one date; ask for other sizes or go by another field",
    Strategy.CATEGORY: "its classes are too small; ask for other sizes or go by another field",
    Strategy.GROUP: "its groups are too large; ask for larger sizes or go by another field",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """What is asked for. Raises InputError where a strategy and its field do not fit.

    test, validation: a share below 1, rounded up as scikit-learn's are, or a number of rows; None for no validation
    part. field: the date, the class or the group; for group without one, near duplicates are kept together. label: the
    field whose classes are counted; where none is given, one of LABELS that all rows have.
    """

    test: Fraction
    rules: LeakRules
    validation: Fraction | None = None
    strategy: Strategy = Strategy.RANDOM
    seed: int = 0
    field: str | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        needed = self.strategy in (Strategy.TEMPORAL, Strategy.CATEGORY)
        if needed and self.field is None:
            raise InputError(f"strategy {self.strategy} needs --field, the name of the field to go by")
        if self.strategy is Strategy.RANDOM and self.field is not None:
            raise InputError("strategy random goes by no field; leave --field out, or choose another --strategy")

    def wanted(self, rows: int) -> PartSizes:
        """The parts' sizes in rows. Raises InputError where they leave nothing for train."""
        test = _count(self.test, rows)
        validation = 0 if self.validation is None else _count(self.validation, rows)
        if test + validation >= rows:
            raise InputError(
                f"of {rows} rows, {test} for test and {validation} for validation leave none for training; "
                "ask for smaller parts"
            )
        return PartSizes(test=test, validation=validation)


def parse_size(text: str, name: str) -> Fraction:
    """`0.1` or `200`. Raises InputError."""
    try:
        size = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(f"{name} takes a share such as 0.1 or a number of rows such as 200, not {text!r}") from error
    if size <= 0 or (size >= 1 and size.denominator != 1):
        raise InputError(f"{name}: a share between 0 and 1 or a whole number of rows is expected, not {text}")
    return size


def _count(size: Fraction, rows: int) -> int:
    return math.ceil(size * rows) if size < 1 else int(size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows by part, in the file's order (no validation part where none was asked for), and what came of it."""

    parts: Mapping[str, Indexes]
    sketches: Sketches
    labels: Sequence[str] | None
    notes: Mapping[str, Any]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    """What one reading leaves of each row: a sketch, a number that draws it, the field's value, its class."""

    sketches: Sketches
    keys: Keys
    values: Sequence[Any]
    labels: Sequence[str] | None


def split_rows(file: RowFile, plan: SplitPlan, progress: Progress) -> Split:
    """Choose the rows of each part.

    Raises InputError: a row without text, field or date, an id that occurs twice, sizes that leave a part empty.
    """
    wanted = plan.wanted(len(file))
    scan = _scan(file, plan, progress)
    held = _hold_out(file, plan, scan, wanted)
    train = np.setdiff1d(np.arange(len(file)), np.concatenate([held.test, held.validation]))
    parts = {"train": train, "validation": held.validation, "test": held.test}
    if plan.validation is None:
        del parts["validation"]
    for name, indexes in parts.items():
        if not len(indexes):
            advice = _ADVICE[plan.strategy]
            raise InputError(f"{file.name}: strategy {plan.strategy} leaves the {name} part empty; {advice}")
    small = _small_classes(plan, scan, wanted)
    warnings = [*small, *_absent(parts, scan.labels)]
    notes = _notes(plan, scan, parts)
    return Split(parts=parts, sketches=scan.sketches, labels=scan.labels, notes=notes, warnings=tuple(warnings))


def _hold_out(file: RowFile, plan: SplitPlan, scan: _Scan, wanted: PartSizes) -> HeldOut:
    if plan.strategy is Strategy.RANDOM:
        return partition.random_split(scan.keys, wanted)
    if plan.strategy is Strategy.TEMPORAL:
        return partition.time_split(_moments(file, plan, scan.values), wanted)
    if plan.strategy is Strategy.CATEGORY:
        return partition.stratified_split(scan.values, scan.keys, wanted)
    if plan.field is not None:
        groups = np.unique(np.array(scan.values), return_inverse=True)[1].astype(np.int64)
    else:
        groups = near_duplicates.components(
            scan.sketches, lambda place: text_of(file.row(place), plan.rules.text), plan.rules.near
        )
    return partition.group_split(groups, scan.keys, wanted)


def _scan(file: RowFile, plan: SplitPlan, progress: Progress) -> _Scan:
    ids: dict[bytes, int] = {}
    seen: Counter[bytes] = Counter()
    keys = np.empty(len(file), dtype=np.uint64)
    values: list[Any] = []
    labels = _Labels(plan.label or (plan.field if plan.strategy is Strategy.CATEGORY else None))

    def texts() -> Iterable[str]:
        for row in counted(file.rows(), f"read {file.name}", len(file), progress):
            _check_id(ids, row, file)
            keys[row.index] = _key(plan.seed, row, seen)
            if plan.field is not None:
                values.append(_value(row, plan.field, plan.strategy))
            labels.add(row)
            yield text_of(row, plan.rules.text)

    sketches = near_duplicates.sketch(texts(), len(file))
    return _Scan(sketches=sketches, keys=keys, values=values, labels=labels.found())


def _key(seed: int, row: Row, seen: Counter[bytes]) -> int:
    """A number drawn from the seed and the row's bytes; equal rows count up, so that each draws its own."""
    own = hashlib.sha256(row.raw.strip()).digest()[:16]
    seen[own] += 1
    return int.from_bytes(hashlib.sha256(b"%d/%d/" % (seed, seen[own]) + own).digest()[:8], "big")


def _check_id(ids: dict[bytes, int], row: Row, file: RowFile) -> None:
    name = id_of(row)
    if name is None:
        return
    key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:16]
    first = ids.setdefault(key, row.index)
    if first != row.index:
        raise InputError(f"{row.where}: the id {name!r} occurs twice, first at {file.where(first)}")


def _value(row: Row, name: str, strategy: Strategy) -> Any:
    value = field_of(row, name)
    if strategy is Strategy.TEMPORAL:
        return _moment(row, name, value)
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _moment(row: Row, name: str, value: Any) -> float | datetime:
    """A number as it stands, or an ISO 8601 date; one without a zone is taken as UTC."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    try:
        moment = datetime.fromisoformat(value.strip())
    except (AttributeError, ValueError) as error:
        raise InputError(
            f"{row.where}: {name!r} is not a date: {value!r}; ISO 8601 (2024-05-31) or epoch numbers are expected"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _moments(file: RowFile, plan: SplitPlan, values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """All as numbers. Raises InputError for numbers among dates, and for seconds among milliseconds."""
    dates = [isinstance(value, datetime) for value in values]
    if any(dates) and not all(dates):
        odd = dates.index(not dates[0])
        kinds = ("a date", "a number") if dates[odd] else ("a number", "a date")
        raise InputError(f"{file.where(odd)}: {plan.field!r} is {kinds[0]}, that of {file.where(0)} {kinds[1]}")
    if all(dates):
        return np.array([value.timestamp() for value in values])
    numbers = np.array(values, dtype=np.float64)
    late = numbers >= 1e11  # seconds up to the year 5138, milliseconds from 1973
    if late.any() and not late.all() and numbers[~late].max() >= 1e8:
        odd = int(np.flatnonzero(late != late[0])[0])
        raise InputError(
            f"{file.where(odd)}: {plan.field!r} is {values[odd]:.0f}, that of {file.where(0)} {values[0]:.0f}: "
            "seconds and milliseconds are mixed"
        )
    return numbers


class _Labels:
    """The class of every row, where there is such a field. Given a name, a row without it is an error."""

    def __init__(self, name: str | None) -> None:
        self._given = name
        self._names = [name] if name is not None else list(LABELS)
        self._values: dict[str, list[str]] = {each: [] for each in self._names}
        self._known: dict[str, str] = {}  # one object a class, however many rows

    def add(self, row: Row) -> None:
        if self._given is not None:
            field_of(row, self._given)
        self._names = [name for name in self._names if isinstance(row.fields.get(name), str | int)]
        for name in self._names:
            value = str(row.fields[name])
            self._values[name].append(self._known.setdefault(value, value))

    def found(self) -> list[str] | None:
        usable = (self._values[name] for name in self._names)
        return next((values for values in usable if len(set(values)) <= MOST_LABELS), None)


def _notes(plan: SplitPlan, scan: _Scan, parts: Mapping[str, Indexes]) -> dict[str, Any]:
    if plan.strategy is not Strategy.TEMPORAL:
        return {}
    spans = {name: [scan.values[index] for index in indexes.tolist()] for name, indexes in parts.items()}
    return {"dates": {name: {"first": str(min(span)), "last": str(max(span))} for name, span in spans.items()}}


def _small_classes(plan: SplitPlan, scan: _Scan, wanted: PartSizes) -> list[str]:
    if plan.strategy is not Strategy.CATEGORY:
        return []
    least = partition.smallest_class_size(wanted)
    small = sorted(name for name, count in Counter(scan.values).items() if count < least)
    return [f"{_named(small)} with fewer than {least} rows: in train only"] if small else []


def _absent(parts: Mapping[str, Indexes], labels: Sequence[str] | None) -> list[str]:
    """Classes that a held-out part has and train has not."""
    if labels is None:
        return []
    of_part = {name: {labels[index] for index in indexes.tolist()} for name, indexes in parts.items()}
    missing = {name: sorted(found - of_part["train"]) for name, found in of_part.items()}
    return [f"{_named(classes)} of the {name} part not in train" for name, classes in missing.items() if classes]


def _named(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - NAMED} more" if len(classes) > NAMED else ""
    what = "class" if len(classes) == 1 else "classes"
    return f"{len(classes)} {what} ({', '.join(classes[:NAMED])}{more})"


def measure_leaks(file: RowFile, split: Split, rules: LeakRules, progress: Progress) -> list[Leaks]:
    """What each later part shares with each earlier one."""
    parts = [
        SketchedPart(name=name, file=file, indexes=indexes, sketches=split.sketches.take(indexes))
        for name, indexes in split.parts.items()
    ]
    pairs = [(left, right) for place, left in enumerate(parts) for right in parts[place + 1 :]]
    return [find_leaks(left, right, rules, progress) for left, right in pairs]


def check_folder(folder: Path, data: Path) -> None:
    """Raises InputError where writing the parts would replace the data, or files that are not of an earlier split."""
    for name in PARTS:
        path = folder / f"{name}.jsonl"
        if path.exists() and (path.resolve() == data.resolve() or not (folder / REPORT).exists()):
            raise InputError(f"{path} exists and is not of an earlier split; name another folder with -o")


def write_split(folder: Path, file: RowFile, plan: SplitPlan, split: Split, leaks: Sequence[Leaks]) -> dict[str, Any]:
    """Write the parts and split.json, each by rename, split.json last; return what is in it. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in PARTS:
            (folder / f"{name}.jsonl").unlink(missing_ok=True)
        report = {
            "data": {"path": file.name, "sha256": file.sha256, "rows": len(file)},
            "strategy": plan.strategy.value,
            "seed": plan.seed,
            "field": plan.field,
            "test_size": _size(plan.test),
            "validation_size": None if plan.validation is None else _size(plan.validation),
            "parts": {name: _write_part(folder, file, name, split) for name in split.parts},
            **split.notes,
            "rules": asdict(plan.rules),
            "leaks": [asdict(each) for each in leaks],
            "warnings": list(split.warnings),
        }
        write_whole(folder / REPORT, json.dumps(report, indent=1).encode() + b"\n")
    except OSError as error:
        raise InputError(f"the parts cannot be written to {folder}: {error.strerror}; name another with -o") from error
    return report


def _size(size: Fraction) -> float | int:
    return float(size) if size < 1 else int(size)


def _write_part(folder: Path, file: RowFile, name: str, split: Split) -> dict[str, Any]:
    digest = hashlib.sha256()
    indexes = split.parts[name].tolist()

    def write(out: Any) -> None:
        for index in indexes:
            line = file.line(index)
            digest.update(line)
            out.write(line)

    with replaced(folder / f"{name}.jsonl") as temporary, open(temporary, "wb") as out:
        write(out)
    part: dict[str, Any] = {"rows": len(indexes), "share": len(indexes) / len(file), "sha256": digest.hexdigest()}
    if split.labels is not None:
        part["labels"] = dict(sorted(Counter(split.labels[index] for index in indexes).items()))
    return part
