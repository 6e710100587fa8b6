"""A part of a problem set, for a first look: some ids, a shuffled order, the first so many."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable

from harness.errors import ProblemError, did_you_mean
from harness.types import Problem, ProblemSet


def subset(
    problems: ProblemSet, *, only: Iterable[str] = (), shuffle: int | None = None, limit: int | None = None
) -> ProblemSet:
    """The problems that are asked for: those of `only`, in the order of `shuffle`, the first `limit` of them.

    only: ids, or the numbers at their ends; empty for all. shuffle: a seed; the same seed gives the same order of a
    set on every machine, and the first 10 are among the first 20. The result names itself in `subset`, unless it is the
    whole set. Raises ProblemError for an id that the set does not have.
    """
    chosen = _named(problems, only) if only else list(problems.problems)
    if shuffle is not None:
        chosen.sort(key=lambda problem: hashlib.sha256(f"{shuffle}\0{problem.id}".encode()).digest())
    chosen = chosen[:limit]
    if len(chosen) == len(problems.problems):
        return dataclasses.replace(problems, problems=tuple(chosen))
    ids = "\0".join(sorted(problem.id for problem in chosen))
    label = f"{len(chosen)}-of-{len(problems.problems)}@{hashlib.sha256(ids.encode()).hexdigest()[:8]}"
    return dataclasses.replace(problems, problems=tuple(chosen), subset=label)


def _named(problems: ProblemSet, only: Iterable[str]) -> list[Problem]:
    wanted: set[str] = set()
    for name in only:
        found = problems.find(name)
        if found is None:
            hint = did_you_mean(name, [problem.id for problem in problems.problems])
            raise ProblemError(f"{problems.name} has no problem {name!r}{hint}")
        wanted.add(found.id)
    return [problem for problem in problems.problems if problem.id in wanted]
