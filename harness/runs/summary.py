"""What summary.json holds: one typed record, built here for runs and imports, and checked here when it is read."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from harness.types import Estimate

CODEGEN = "codegen"  # the task of a summary that names none
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the numbers are of. refused, failed: problem id -> why requests for it were not answered.

    omitted: metrics that were asked for and could not be estimated. repeated: completions with an earlier one's
    program. left_out: problems of the set's file that cannot run here, by id, and why; not among `problems`.
    """

    problems: Count
    problems_scored: Count
    completions: Count
    completions_scored: Count
    complete: bool
    refused: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    omitted: tuple[str, ...] = ()
    repeated: Count = 0
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityCounts:
    """Problems by who saw their tests end. judged, claimed (by another system): how many; in_sandbox: their ids."""

    judged: Count = 0
    in_sandbox: tuple[str, ...] = ()
    claimed: Count | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run at its end.

    imported, source: the other system's format and file, for an import. integrity, verdicts: None where nothing was
    executed. sampling, cost: the audit of the sampling and what generation took. sections: what the task adds, by name.
    problems: id -> n and what was counted of it.
    """

    run: str = ""
    task: str = CODEGEN
    imported: str | None = None
    source: Mapping[str, Any] | None = None
    estimates: tuple[Estimate, ...]
    coverage: Coverage
    integrity: IntegrityCounts | None = None
    verdicts: Mapping[str, Count] | None = None
    sampling: Mapping[str, Any] | None = None
    cost: Mapping[str, Any] | None = None
    sections: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, Mapping[str, float]]

    def record(self) -> dict[str, Any]:
        """As it stands in the file: a task's sections beside the others, and nothing that is None but the audits."""
        record: dict[str, Any] = {"run": self.run, "task": self.task}
        if self.imported is not None:
            record |= {"imported": self.imported, "source": self.source}
        record["estimates"] = [dataclasses.asdict(each) for each in self.estimates]
        record["coverage"] = _plain(self.coverage)
        if self.integrity is not None:
            record["integrity"] = _plain(self.integrity)
        if self.verdicts is not None:
            record["verdicts"] = self.verdicts
        return record | {"sampling": self.sampling, "cost": self.cost, **self.sections, "problems": self.problems}

    def dump(self) -> bytes:
        """The file's bytes."""
        return json.dumps(self.record(), indent=1).encode() + b"\n"


def _plain(counts: Coverage | IntegrityCounts) -> dict[str, Any]:
    """As JSON has it: lists for tuples, nothing that is None."""
    plain = {name: value for name, value in dataclasses.asdict(counts).items() if value is not None}
    if not plain.get("left_out", True):
        del plain["left_out"]  # as runs were written before there was any
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


_summary: TypeAdapter[Summary] = TypeAdapter(Summary)
_FIELDS = frozenset(each.name for each in dataclasses.fields(Summary)) - {"sections"}


def parse_summary(data: bytes) -> Summary:
    """The summary in a file's bytes. Raises ValueError for what is none, and for a number that is not finite."""
    record = json.loads(data)
    if isinstance(record, dict):
        sections = {name: value for name, value in record.items() if name not in _FIELDS}
        record = {name: value for name, value in record.items() if name in _FIELDS} | {"sections": sections}
    summary = _summary.validate_python(record)
    for place, number in _numbers(summary):
        if not math.isfinite(number):
            raise ValueError(f"{place}: {number} is not a finite number")
    return summary


def _numbers(summary: Summary) -> Iterator[tuple[str, float]]:
    """(place in the file, number) of each."""
    for at, each in enumerate(summary.estimates):
        for name in ("value", "low", "high"):
            yield f"estimates.{at}.{name}", getattr(each, name)
    for problem_id, values in summary.problems.items():
        for name, number in values.items():
            yield f"problems.{problem_id}.{name}", number
