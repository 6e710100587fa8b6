"""Which rows are held out: four rules over arrays. Knows no files and no texts.

The test part is taken first, then the validation part (of 0 rows where none is wanted); what is in neither is train.
`keys` are random numbers, one a row: their order is the drawn order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Indexes = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSizes:
    """How many rows the parts should have."""

    test: int
    validation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The rows of the two parts, sorted."""

    test: Indexes
    validation: Indexes


def _held(test: Sequence[int] | Indexes, validation: Sequence[int] | Indexes) -> HeldOut:
    return HeldOut(
        test=np.sort(np.asarray(test, dtype=np.int64)), validation=np.sort(np.asarray(validation, dtype=np.int64))
    )


def random_split(keys: Keys, wanted: PartSizes) -> HeldOut:
    """The first rows of the drawn order."""
    order = np.argsort(keys, kind="stable")
    return _held(order[: wanted.test], order[wanted.test : wanted.test + wanted.validation])


def time_split(moments: npt.NDArray[np.float64], wanted: PartSizes) -> HeldOut:
    """The latest rows are the test part, those before them validation. Equal moments stay together.

    So a part begins where the moment changes, at the change nearest to the wanted size. Empty parts where all moments
    are equal.
    """
    order = np.argsort(moments, kind="stable")
    ordered = moments[order]
    changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    if not len(changes):
        return _held([], [])
    second = _nearest(changes, len(moments) - wanted.test)
    earlier = changes[changes < second]
    first = _nearest(earlier, second - wanted.validation) if wanted.validation and len(earlier) else second
    return _held(order[second:], order[first:second])


def _nearest(changes: Indexes, place: int) -> int:
    return int(changes[np.argmin(np.abs(changes - place))])


def stratified_split(classes: Sequence[str], keys: Keys, wanted: PartSizes) -> HeldOut:
    """The drawn order within each class; each class gives its share, rounded by largest remainder, at least one row.

    A class with fewer rows than there are parts (`smallest_class_size`) gives none.
    """
    members: dict[str, list[int]] = {}
    for index in np.argsort(keys, kind="stable").tolist():
        members.setdefault(classes[index], []).append(index)
    members = {name: rows for name, rows in sorted(members.items()) if len(rows) >= smallest_class_size(wanted)}
    sizes = {name: len(rows) for name, rows in members.items()}
    # one row stays for each part that is still to come, train included
    test = _apportion(
        sizes, wanted.test, {name: size - smallest_class_size(wanted) + 1 for name, size in sizes.items()}
    )
    validation = _apportion(sizes, wanted.validation, {name: size - test[name] - 1 for name, size in sizes.items()})
    return _held(
        [row for name, rows in members.items() for row in rows[: test[name]]],
        [row for name, rows in members.items() for row in rows[test[name] : test[name] + validation[name]]],
    )


def smallest_class_size(wanted: PartSizes) -> int:
    """How many rows a class needs to be in every part."""
    return 3 if wanted.validation else 2


def _apportion(sizes: Mapping[str, int], wanted: int, rooms: Mapping[str, int]) -> dict[str, int]:
    """How many of `wanted` each class gives: its share, at least 1 and at most its room (Hamilton's method)."""
    total = sum(sizes.values())
    if not wanted or not total:
        return dict.fromkeys(sizes, 0)
    shares = {name: Fraction(wanted * size, total) for name, size in sizes.items()}
    quota = {name: min(max(int(share), 1), rooms[name]) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (quota[name] - shares[name], name))
    while sum(quota.values()) < wanted:
        free = [name for name in by_remainder if quota[name] < rooms[name]]
        if not free:
            break
        for name in free[: wanted - sum(quota.values())]:
            quota[name] += 1
    return quota


def group_split(groups: Indexes, keys: Keys, wanted: PartSizes) -> HeldOut:
    """Whole groups in a drawn order, each to the first held-out part that has room for it, else to train.

    So a group larger than the held-out parts is in train, and a part may stay a little smaller than wanted.
    """
    values, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    drawn = np.full(len(values), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(drawn, inverse, keys)  # of a group: its smallest, so that the order of the rows does not count
    order = np.argsort(drawn, kind="stable").tolist()
    part_of = np.zeros(len(values), dtype=np.int64)
    for part, room in ((1, wanted.test), (2, wanted.validation)):
        for group in order:
            if room and not part_of[group] and sizes[group] <= room:
                part_of[group] = part
                room -= int(sizes[group])
    rows = part_of[inverse]
    return _held(np.flatnonzero(rows == 1), np.flatnonzero(rows == 2))
