"""Other systems' files, read and written: one module per format; the module's name is the option's value.

A module has `recognizes(source)`, by content, and `read(source)`, or `write(run, out)`, or all three. `ROUND_TRIP` says
what a round trip keeps: `verdicts` of single completions, `counts` of those that passed by problem, or `numbers` of
the whole set. `NEEDS_PROBLEMS = False` where a writer wants no problem set. What is read is the other system's word:
nothing is executed here. `harness.exchange.import_` makes a run directory of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from harness import registry
from harness.errors import InputError, SamplesError, did_you_mean
from harness.exchange.input_file import InputFile
from harness.types import Form, ProblemSet
from sandbox.types import Verdict

PACKAGE = "harness.exchange.formats"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSample:
    """One completion. verdict: what the other system says of it, None where it says nothing of this one."""

    text: str
    form: Form = Form.SOLUTION
    verdict: Verdict | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedProblem:
    """All completions of one problem. passed: how many passed, where only their number is known."""

    problem_id: str
    answers: tuple[ImportedSample, ...]
    passed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedMetric:
    """A number that another system gives for a whole set. stderr: of the mean. n_problems: None where not said."""

    metric: str
    value: float
    stderr: float | None = None
    n_problems: int | None = None
    n_completions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSet:
    """What a file holds of one model on one problem set.

    dataset: the other system's name for the problem set. answers: given the problem set (None: ids are taken as they
    are) the completions, problem by problem; None where the file has only numbers. sampling: as in a signature.
    """

    dataset: str
    model: str | None = None
    answers: Callable[[ProblemSet | None], Iterator[ImportedProblem]] | None = None
    claimed: tuple[ReportedMetric, ...] = ()
    sampling: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def format_names(ability: str) -> list[str]:
    """The formats, as options write them, whose modules can do `ability`: read or write."""
    modules = [(name, registry.load(PACKAGE, name, "format")) for name in registry.names(PACKAGE)]
    return [name.replace("_", "-") for name, module in modules if hasattr(module, ability)]


def find_format(name: str, ability: str) -> ModuleType:
    """The module of a format. Raises InputError, with the names that exist, for one that is not known."""
    known = format_names(ability)
    if name not in known:
        raise InputError(f"unknown format {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}")
    return registry.load(PACKAGE, name.replace("-", "_"), "format")


def recognize(source: InputFile) -> str:
    """The format of a file or directory, by its content. Raises SamplesError where no format knows it."""
    known = format_names("read")
    for name in known:
        if find_format(name, "read").recognizes(source):
            return name
    fault = f" ({source.fault})" if source.fault else ""
    raise SamplesError(f"{source.path} is in none of the formats {', '.join(known)}{fault}; --format names one")


def problem_id(problems: ProblemSet | None, task_id: object, where: str) -> str:
    """Our id of a task. Raises SamplesError for one that the problem set does not have."""
    if problems is None:
        return str(task_id)
    found = problems.find(task_id)
    if found is None:
        known = [problem.id for problem in problems.problems]
        raise SamplesError(
            f"{where}: the task {task_id!r} is not in the problem set {problems.name}"
            f"{did_you_mean(str(task_id), known)}; "
            "choose the set with --problems"
        )
    return found.id


def text(row: Mapping[str, Any], key: str, where: str) -> str:
    """The text at a key, as it can be written. Raises SamplesError where there is none."""
    value = row.get(key)
    if not isinstance(value, str):
        what = f"{key} is missing" if key not in row else f"{key}: text is expected, not {type(value).__name__}"
        raise SamplesError(f"{where}: {what}")
    return value.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be written


def number(value: object) -> float | None:
    """A finite number, else None: results files hold "N/A" and NaN beside them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < float("inf") else None


__all__ = [
    "ImportedProblem",
    "ImportedSample",
    "ImportedSet",
    "InputFile",
    "ReportedMetric",
    "find_format",
    "format_names",
    "number",
    "problem_id",
    "recognize",
    "text",
]
