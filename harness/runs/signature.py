"""A run's signature: everything that can change its numbers, as fields: `n:20|T:0.8|task:codegen.v2|…`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sandbox.types import MIB, Limits


@dataclass(frozen=True, slots=True)
class Signature:
    """The fields of a signature in their order: (name, value). Printed and parsed here alone; `str` is the one line.

    A field without a colon, such as the metric that an estimate's signature begins with, has the value None.
    """

    fields: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, *parts: str) -> Signature:
        """Of `name:value`, each once or several joined by `|`; empty parts are left out."""
        return cls.parse("|".join(part for part in parts if part))

    @classmethod
    def parse(cls, text: str) -> Signature:
        """The fields of a line. `str` of the result is `text`."""
        split = (part.partition(":") for part in text.split("|")) if text else ()
        return cls(tuple((name, value if colon else None) for name, colon, value in split))

    def __str__(self) -> str:
        return "|".join(name if value is None else f"{name}:{value}" for name, value in self.fields)

    def values(self) -> dict[str, str]:
        """Name -> value, of the fields that have one."""
        return {name: value for name, value in self.fields if value is not None}

    def without(self, names: Collection[str]) -> Signature:
        """The other fields, each once."""
        kept = (field for field in self.fields if field[0] not in names)
        return Signature(tuple(dict.fromkeys(kept)))

    def replace(self, name: str, value: str) -> Signature:
        """With another value of a field that it has."""
        return Signature(tuple((key, value if key == name else old) for key, old in self.fields))


def limits_digest(limits: Mapping[str, Limits]) -> str:
    """A digest of every problem's limits."""
    text = json.dumps({problem_id: dataclasses.asdict(each) for problem_id, each in limits.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def limits_label(limits: Iterable[Limits]) -> str:
    """`cpu:3s|wall:6s|mem:512MiB`; a range where the problems' limits differ."""
    every = list(limits)
    parts = (
        ("cpu", [each.cpu_s for each in every], "s"),
        ("wall", [each.wall_s for each in every], "s"),
        ("mem", [each.memory_bytes / MIB for each in every], "MiB"),
    )
    return "|".join(f"{name}:{span(values)}{unit}" for name, values, unit in parts)


def span(values: Iterable[float]) -> str:
    """`3`, or `3-10` where values differ."""
    every = list(values)
    low, high = min(every), max(every)
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"
