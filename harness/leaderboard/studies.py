"""Closed studies of a results folder: what people preferred or rated, from each study's results.json.

Only results.json is read, which `harness review close` writes: never votes, and never the key. An open study is left
out by name, for nobody is to see who leads. Everything here may come from somebody else's folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from harness.stats.ranking import RankRange

STUDY, RESULTS = "study.json", "results.json"
AB = "ab"
WIN_SHARE, STRENGTH = "win_share", "strength"
_ALPHA = 0.05  # of the adjusted p-values that results.json holds


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyNumber:
    """One number of a model, with its 95 % interval. rank: what the study's own tests leave open."""

    metric: str
    value: float
    low: float
    high: float
    items: int
    rank: RankRange | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """A model. numbers: metric -> number; counts: won, lost, tie and both bad, over all its pairs; None for ratings."""

    model: str
    numbers: dict[str, StudyNumber]
    counts: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTable:
    """A closed study as a table, the preferred model first. name: its folder below the results, with `/`."""

    name: str
    slug: str
    kind: str
    data: str
    items: int
    votes: int
    judges: int
    alpha: float | None
    peeks: int
    closed: str
    warnings: tuple[str, ...]
    signature: str
    metrics: tuple[str, ...]
    rows: tuple[StudyRow, ...]

    @property
    def title(self) -> str:
        """What it says, and on what."""
        return f"{'preferred by people' if self.kind == AB else 'rated by people'} on {self.data.partition('@')[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLeftOut:
    """A study that is in no table, and why."""

    name: str
    reason: str


class _Lenient(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, strict=True)


class _Comparison(_Lenient):
    a: str
    b: str
    wins: int
    losses: int
    ties: int
    both_bad: int
    share: float | None
    low: float | None
    high: float | None
    p_adjusted: float


class _Strength(_Lenient):
    model: str
    strength: float
    low: float
    high: float
    rank_best: int
    rank_worst: int
    group: int = 0


class _Mean(_Lenient):
    criterion: str
    model: str
    items: int
    mean: float | None
    low: float | None
    high: float | None


class _Difference(_Lenient):
    criterion: str
    a: str
    b: str
    difference: float
    p_adjusted: float


class _Ratings(_Lenient):
    means: list[_Mean]
    differences: list[_Difference]


class _Items(_Lenient):
    n: int
    votes: int


class _Agreement(_Lenient):
    alpha: float | None


class _Model(_Lenient):
    label: str


class _Judge(_Lenient):
    judge: str


class _Result(_Lenient):
    """What of results.json a table needs."""

    kind: str
    signature: str
    closed: bool
    closed_at: str | None = None
    data: str | None
    models: list[_Model]
    items: _Items
    comparisons: list[_Comparison]
    strengths: list[_Strength]
    ratings: _Ratings | None
    agreement: list[_Agreement]
    judges: list[_Judge]
    peeks: int
    warnings: list[str]


_RESULT: TypeAdapter[_Result] = TypeAdapter(_Result)


def read_studies(folder: Path) -> tuple[list[StudyTable], list[StudyLeftOut]]:
    """The closed studies below a folder, in the order of names, and those that are in no table."""
    tables: list[StudyTable] = []
    left_out: list[StudyLeftOut] = []
    for path in _study_folders(folder):
        name = path.relative_to(folder).as_posix() if path != folder else path.resolve().name
        found = _read(path, name)
        tables.append(found) if isinstance(found, StudyTable) else left_out.append(found)
    return tables, left_out


def _study_folders(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders.sort()
        if STUDY in files:
            folders.clear()
            yield Path(place)


def _read(path: Path, name: str) -> StudyTable | StudyLeftOut:
    if not (path / RESULTS).is_file():
        return StudyLeftOut(name=name, reason=f"a study that is open: harness review close {path} ends it")
    try:
        result = _RESULT.validate_json((path / RESULTS).read_bytes())
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        return StudyLeftOut(name=name, reason=f"{RESULTS} cannot be read: {where}: {fault['msg'].lower()}")
    except OSError as error:
        return StudyLeftOut(name=name, reason=f"{RESULTS} cannot be read: {error.strerror}")
    if not result.closed:
        return StudyLeftOut(name=name, reason=f"a study that is open: harness review close {path} ends it")
    rows = _preferred(result) if result.kind == AB else _rated(result)
    if not rows:
        return StudyLeftOut(name=name, reason="a closed study on which nobody voted")
    alphas = [each.alpha for each in result.agreement]
    return StudyTable(
        name=name, slug=f"study-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}",
        kind=result.kind, data=result.data or "unknown", items=result.items.n, votes=result.items.votes,
        judges=len(result.judges), alpha=alphas[0] if len(alphas) == 1 else None, peeks=result.peeks,
        closed=result.closed_at or "", warnings=tuple(result.warnings), signature=result.signature,
        metrics=tuple(dict.fromkeys(metric for row in rows for metric in row.numbers)), rows=tuple(rows),
    )  # fmt: skip


def _preferred(result: _Result) -> list[StudyRow]:
    """Of two models the win share, of more Davidson's strength; the better first."""
    names = [each.label for each in result.models]
    counts = {name: _counts(result.comparisons, name) for name in names}
    if result.strengths:
        numbers = {
            each.model: StudyNumber(
                metric=STRENGTH, value=each.strength, low=each.low, high=each.high, items=result.items.n,
                rank=RankRange(best=each.rank_best, worst=each.rank_worst),
            )
            for each in result.strengths
        }  # fmt: skip
        groups = {each.model: each.group for each in result.strengths}
        ordered = sorted(numbers, key=lambda name: (groups[name], -numbers[name].value))
        return [StudyRow(model=n, numbers={STRENGTH: numbers[n]}, counts=counts.get(n)) for n in ordered]
    rows = []
    for pair in result.comparisons:
        if pair.share is None or pair.low is None or pair.high is None:
            continue
        better = None if pair.p_adjusted > _ALPHA else pair.a if pair.wins > pair.losses else pair.b
        for name, value, low, high in (
            (pair.a, pair.share, pair.low, pair.high), (pair.b, 1 - pair.share, 1 - pair.high, 1 - pair.low),
        ):  # fmt: skip
            place = (1, 2) if better is None else (1, 1) if name == better else (2, 2)
            number = StudyNumber(
                metric=WIN_SHARE, value=value, low=low, high=high, items=result.items.n,
                rank=RankRange(best=place[0], worst=place[1]),
            )  # fmt: skip
            rows.append(StudyRow(model=name, numbers={WIN_SHARE: number}, counts=counts[name]))
    return sorted(rows, key=lambda row: -row.numbers[WIN_SHARE].value)


def _counts(pairs: Sequence[_Comparison], name: str) -> tuple[int, int, int, int]:
    """(won, lost, tie, both bad) of a model, by items."""
    total = [0, 0, 0, 0]
    for pair in pairs:
        if name in (pair.a, pair.b):
            own, other = (pair.wins, pair.losses) if name == pair.a else (pair.losses, pair.wins)
            for index, count in enumerate((own, other, pair.ties, pair.both_bad)):
                total[index] += count
    return total[0], total[1], total[2], total[3]


def _rated(result: _Result) -> list[StudyRow]:
    """The mean of each criterion; the row with the best first criterion first."""
    if result.ratings is None:
        return []
    numbers: dict[str, dict[str, StudyNumber]] = {}
    rated = [each for each in result.ratings.means if each.mean is not None]
    for each in rated:
        if each.mean is None or each.low is None or each.high is None:
            continue
        others = sum(other.criterion == each.criterion for other in rated)
        numbers.setdefault(each.model, {})[each.criterion] = StudyNumber(
            metric=each.criterion, value=each.mean, low=each.low, high=each.high, items=each.items,
            rank=_rank(result.ratings.differences, each.criterion, each.model, others),
        )  # fmt: skip
    first = rated[0].criterion if rated else ""
    ordered = sorted(numbers, key=lambda name: -(numbers[name][first].value if first in numbers[name] else 0))
    return [StudyRow(model=name, numbers=numbers[name], counts=None) for name in ordered]


def _rank(differences: Sequence[_Difference], criterion: str, model: str, models: int) -> RankRange | None:
    """From 1 + the models that are significantly better to N - those that are significantly worse."""
    if models < 2:
        return None
    ahead = behind = 0
    for each in differences:
        if each.criterion != criterion or model not in (each.a, each.b) or each.p_adjusted > _ALPHA:
            continue
        better = each.a if each.difference > 0 else each.b
        ahead, behind = (ahead, behind + 1) if better == model else (ahead + 1, behind)
    return RankRange(best=1 + ahead, worst=models - behind)


__all__ = ["StudyLeftOut", "StudyNumber", "StudyRow", "StudyTable", "read_studies"]
