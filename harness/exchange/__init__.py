"""Other systems' files, read and written: one module per format; the module's name is the option's value.

A module has `recognizes(source)`, by content, and `read(source)`, or `write(run, out)`, or all three. `ROUND_TRIP` says
what a round trip keeps: `verdicts` of single completions, `counts` of those that passed by problem, or `numbers` of
the whole set. `NEEDS_PROBLEMS = False` where a writer wants no problem set. What is read is the other system's word:
nothing is executed here. `harness.exchange.import_` makes a run directory of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from harness import registry
from harness.errors import InputError, SamplesError, did_you_mean
from harness.exchange.input_file import InputFile
from harness.files.limits import limits
from harness.types import Form, ProblemSet
from sandbox.types import Verdict

PACKAGE = "harness.exchange.formats"
LARGEST = 1_000_000_000  # problems or completions that a file may speak of


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSample:
    """One completion. verdict: what the other system says of it, None where it says nothing of this one.

    base_passed: whether it passed the base tests of a set that has others too; None where that is not said.
    """

    text: str
    form: Form = Form.SOLUTION
    verdict: Verdict | None = None
    detail: str = ""
    base_passed: bool | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not isinstance(self.detail, str):
            raise TypeError("a completion and its detail are texts")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedProblem:
    """All completions of one problem. passed: how many passed, where only their number is known. n: of how many, where
    their texts are not there.
    """

    problem_id: str
    answers: tuple[ImportedSample, ...]
    passed: int | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedMetric:
    """A number that another system gives for a whole set. stderr: of the mean. n_problems: None where not said.

    interval: where they give one themselves.
    """

    metric: str
    value: float
    stderr: float | None = None
    interval: tuple[float, float] | None = None
    n_problems: int | None = None
    n_completions: int | None = None

    def __post_init__(self) -> None:
        _check_name("a metric", self.metric)
        if self.interval is not None and not self.interval[0] <= self.value <= self.interval[1]:
            raise ValueError(f"{self.metric}: the value is not in its interval")
        for size in (self.n_problems, self.n_completions):
            if size is not None and (type(size) is not int or not 0 <= size < LARGEST):
                raise ValueError(f"{self.metric}: a number of problems or completions is not a whole number from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSet:
    """What a file holds of one model on one problem set.

    dataset: the other system's name for the problem set. answers: given the problem set (None: ids are taken as they
    are) the completions, problem by problem; None where the file has only numbers. sampling: as in a signature.
    caution: what the file lacks, for whoever reads its numbers.
    """

    dataset: str
    model: str | None = None
    answers: Callable[[ProblemSet | None], Iterator[ImportedProblem]] | None = None
    claimed: tuple[ReportedMetric, ...] = ()
    sampling: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    caution: str = ""

    def __post_init__(self) -> None:
        _check_name("the problem set", self.dataset)
        if self.model is not None:
            _check_name("the model", self.model)


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the name of {what} is {type(name).__name__}, not text")
    if len(name) > limits().name_chars:
        raise ValueError(f"the name of {what} has {len(name):,} characters, more than {limits().name_chars:,}")


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
    """A finite number, None for any other value: results files hold "N/A" and NaN. Raises ValueError: too large."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        raise ValueError(f"a number of {value.bit_length() * 3 // 10:,} digits")
    return float(value) if -sys.float_info.max <= value <= sys.float_info.max else None


def sampling_label(values: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """`T:0.2|top_p:0.95`, as in a signature, of those of `names` (theirs -> ours) that are there.

    Raises ValueError for one that is not a number: it would stand in the signature of every number of the run.
    """
    found = {ours: values[theirs] for theirs, ours in names.items() if values.get(theirs) is not None}
    for ours, value in found.items():
        if number(value) is None:
            raise ValueError(f"{ours} is not a number")
    return "|".join(f"{ours}:{value}" for ours, value in found.items())


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
    "sampling_label",
    "text",
]
