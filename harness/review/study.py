"""A study is a folder: study.json, items.jsonl, key.json, votes.sqlite. What each holds, and how they are written.

`study.json` is the design; `items.jsonl` is what a judge may see and names no model; `key.json` (mode 600) says who
said what and holds the secret that everything keyed derives from; `votes.sqlite` is in `harness.review.votes`.
A study is made in a folder beside its place and renamed, so that it is there whole or not at all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from pydantic import TypeAdapter

from harness import __version__
from harness.errors import InputError
from harness.review.votes import Votes

FORMAT = 1
STUDY, ITEMS, KEY, VOTES, RESULTS, PICTURES = (
    "study.json", "items.jsonl", "key.json", "votes.sqlite", "results.json", "pictures",
)  # fmt: skip
AB, RATINGS = "ab", "ratings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, nameless. id: keyed, of one length. image: a file in pictures/. language: for highlighting."""

    id: str
    text: str = ""
    image: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is judged: numbered from 1. Its answers are in the order of their ids, which tells nothing."""

    item: int
    prompt: str
    expected: str | None
    answers: tuple[Answer, ...]
    stratum: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What a rating is about. anchors: words for 1, 3 and 5."""

    name: str
    definition: str
    anchors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """samples: items. judges: their names. votes_per_item: how many judges see each item. checks: their share.

    show_expected: whether judges see the expected answer; then none stands among the answers as a check.
    """

    samples: int
    seed: int
    by: str | None
    judges: tuple[str, ...]
    open_names: bool = False
    votes_per_item: int
    checks: float
    criteria: tuple[Criterion, ...]
    guidelines: str
    both_bad: bool
    show_expected: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A model of the study, as the results name it."""

    run: str
    model: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Who said what. answers: answer id -> label. problems: item -> the problem's id. flagged: answers that name a
    model."""

    secret: str
    labels: Mapping[str, Label]
    answers: Mapping[str, str]
    problems: Mapping[int, str]
    flagged: tuple[str, ...] = ()

    def keyed(self, *parts: object) -> bytes:
        """A keyed digest of 32 bytes: the same after a restart, and unknown to whoever lacks the key."""
        return hmac.digest(bytes.fromhex(self.secret), "\x1f".join(map(str, parts)).encode(), "sha256")

    def token(self, judge: str) -> str:
        """A judge's link token, 128 bits; the owner's is that of the empty name."""
        return self.keyed("token", judge).hex()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """study.json."""

    format: int
    kind: str
    created: str
    design: Design
    sources: tuple[str, ...]
    task: str
    data: str
    items_sha256: str
    key_sha256: str
    signature: str
    harness: str
    warnings: tuple[str, ...] = ()


_RECORD: TypeAdapter[Record] = TypeAdapter(Record)
_KEY: TypeAdapter[Key] = TypeAdapter(Key)
_ITEM: TypeAdapter[Item] = TypeAdapter(Item)


class Study:
    """An open study. Items are read from their file by offset, so memory does not grow with their texts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = _read_record(path)
        self._check(ITEMS, self.record.items_sha256)
        self._offsets = self._index()

    @property
    def kind(self) -> str:
        """`ab` or `ratings`."""
        return self.record.kind

    @property
    def design(self) -> Design:
        """As study.json has it."""
        return self.record.design

    @property
    def id(self) -> str:
        """Eight digits that name the study."""
        return self.record.items_sha256[:8]

    def __len__(self) -> int:
        return len(self._offsets)

    def item(self, number: int) -> Item:
        """The item of a number from 1. Raises InputError for another."""
        if not 1 <= number <= len(self):
            raise InputError(f"the study has no item {number} (it has 1 to {len(self)})")
        with open(self.path / ITEMS, "rb") as file:
            file.seek(self._offsets[number - 1])
            return _ITEM.validate_json(file.readline())

    @cached_property
    def answer_ids(self) -> tuple[tuple[str, ...], ...]:
        """Of each item its answers' ids."""
        return tuple(tuple(each.id for each in self.item(number).answers) for number in range(1, len(self) + 1))

    @cached_property
    def key(self) -> Key:
        """Who said what. Raises InputError where the file is not the study's."""
        self._check(KEY, self.record.key_sha256)
        return _KEY.validate_json((self.path / KEY).read_bytes())

    def judge(self, name: str) -> str:
        """A judge's name, checked. Raises InputError for one that the study has not."""
        if name not in self.design.judges:
            raise InputError(f'no judge "{name}"; the study has {", ".join(self.design.judges)}')
        return name

    def _check(self, file: str, sha256: str) -> None:
        try:
            found = hashlib.sha256((self.path / file).read_bytes()).hexdigest()
        except OSError as error:
            raise InputError(f"{self.path / file} cannot be read: {error.strerror}") from error
        if found != sha256:
            raise InputError(
                f"{self.path / file} is not the file that this study began with (sha256 {found[:12]}, not "
                f"{sha256[:12]}); make a new study"
            )

    def _index(self) -> list[int]:
        offsets, place = [], 0
        with open(self.path / ITEMS, "rb") as file:
            for line in file:
                offsets.append(place)
                place += len(line)
        return offsets


def open_study(path: Path) -> Study:
    """Raises InputError where the folder is not a study, and where its items were changed."""
    return Study(path)


def _read_record(path: Path) -> Record:
    try:
        raw = json.loads((path / STUDY).read_bytes())
        if isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
            raise InputError(f"{path} is of format {raw['format']}; this version reads up to {FORMAT}")
        return _RECORD.validate_python(raw)
    except (FileNotFoundError, NotADirectoryError) as error:
        what = f"is not a study: it has no {STUDY}" if path.exists() else "does not exist"
        raise InputError(f"{path} {what}; `harness review ab` and `harness review sheet` make one") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path / STUDY} cannot be read: {str(error).splitlines()[0]}") from error


def write_study(
    path: Path,
    kind: str,
    design: Design,
    items: Sequence[Item],
    key: Key,
    *,
    sources: Sequence[str],
    task: str,
    data: str,
    warnings: Sequence[str] = (),
    pictures: Mapping[str, bytes] | None = None,
) -> Study:
    """Make the folder. Raises InputError where there is something already, or it cannot be written."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path} is there already; name another folder with -o")
    lines = b"".join(_line(dataclasses.asdict(each)) for each in items)
    secret = json.dumps(dataclasses.asdict(key), indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")
    record = Record(
        format=FORMAT,
        kind=kind,
        created=datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
        design=design,
        sources=tuple(sources),
        task=task,
        data=data,
        items_sha256=hashlib.sha256(lines).hexdigest(),
        key_sha256=hashlib.sha256(secret).hexdigest(),
        signature=_signature(kind, design, data, _votes(design, items)),
        harness=__version__,
        warnings=tuple(warnings),
    )
    try:
        _write(path, record, lines, secret, pictures or {})
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}; name another with -o") from error
    return Study(path)


def _write(path: Path, record: Record, lines: bytes, secret: bytes, pictures: Mapping[str, bytes]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        text = json.dumps(dataclasses.asdict(record), indent=1, ensure_ascii=False)
        (temporary / STUDY).write_text(text + "\n", "utf-8")
        (temporary / ITEMS).write_bytes(lines)
        with open(os.open(temporary / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secret)
        for name, data in pictures.items():
            (temporary / PICTURES).mkdir(exist_ok=True)
            (temporary / PICTURES / name).write_bytes(data)
        Votes(temporary / VOTES).close()
        if path.exists():
            path.rmdir()
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _line(row: object) -> bytes:
    # lone surrogates, as broken replies have them, are no UTF-8
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _votes(design: Design, items: Sequence[Item]) -> int:
    """How many votes the study is made for: of every pair of an item's answers, or of its only answer."""
    return design.votes_per_item * sum(max(1, math.comb(len(each.answers), 2)) for each in items)


def _signature(kind: str, design: Design, data: str, votes: int) -> str:
    text = json.dumps(dataclasses.asdict(design), sort_keys=True)
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    both_bad = f"both_bad:{'yes' if design.both_bad else 'no'}|" if kind == AB else ""
    return (
        f"{kind}|items:{design.samples}|judges:{len(design.judges)}|votes:{votes}|{both_bad}seed:{design.seed}|"
        f"data:{data}|design:{digest}|kind:people|v:{__version__}"
    )
