"""Tasks: pure functions from a problem to a request, from a completion to a program, from an execution to a score.

A module of this folder has `VERSION`, `request`, `program`, `score` and `summarize`. None of them does any I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import InputError, near
from harness.types import Score


class TaskOptions(BaseModel):
    """What `--set name=value` can say to a task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> Self:
        """Raises InputError: which option, and what is wrong with it."""
        known = cls.model_fields
        for name in given:
            if name not in known:
                raise InputError(f"--set {name}: unknown option{near(name, known)}; known: {', '.join(known)}")
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            faults = [f"--set {fault['loc'][0]}={fault['input']}: {fault['msg'].lower()}" for fault in error.errors()]
            raise InputError("; ".join(faults)) from error


def by_problem(scores: Sequence[Score]) -> dict[str, list[Score]]:
    """The scores of each problem, problems in the order of their ids, so that the order of scores changes nothing."""
    groups: dict[str, list[Score]] = {}
    for score in sorted(scores, key=lambda each: (each.problem_id, each.index)):
        groups.setdefault(score.problem_id, []).append(score)
    return groups
