"""A problem set by its name or path: shipped, published (downloaded once, checked by sha256) or the user's own file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness import registry
from harness.datasets import _choice
from harness.datasets._choice import Choice, LeftOut, Outside
from harness.datasets._download import fetch
from harness.datasets._exercises import is_archive, read_exercises
from harness.datasets._text_fields import RowPlace
from harness.errors import ProblemError, did_you_mean
from harness.files.jsonl import read_json_items, read_json_lines, whole
from harness.types import Problem, ProblemSet

OWN_FORMAT = "own"
CODE = "codegen"
ID_KEYS = ("name", "task_id", "id")  # of a published row, the first of which is its id
HERE = Path(__file__).resolve().parent


def shipped_folder() -> Path:
    """Where the problem files of this distribution are: in the wheel beside the code, in a checkout at its top."""
    wheel = HERE.parent / "problems"
    return wheel if wheel.is_dir() else HERE.parent.parent / "problems"


def shipped(task: str = CODE) -> list[str]:
    """The names of the sets that are shipped for a task."""
    folder = shipped_folder() if task == CODE else shipped_folder() / task
    return sorted(path.stem for path in folder.glob("*.jsonl"))


def known_names(task: str = CODE) -> list[str]:
    """Every name that `--problems` takes for a task."""
    published = [name for name in registry.names("harness.datasets") if name != OWN_FORMAT] if task == CODE else []
    return shipped(task) + [_choice.shown_name(name) for name in published]


def needs_part(name: str) -> bool:
    """Whether a name alone is no set: `humaneval-x` is one only with its language."""
    module = published(name)
    return module is not None and hasattr(module, "VARIANTS")


def published(name: str) -> Any:
    """The module of a published set, by the set's name with or without what is chosen of it; None for another set."""
    module = _choice.module_name(name)
    if module == OWN_FORMAT or module not in registry.names("harness.datasets"):
        return None
    return registry.load("harness.datasets", module, "problem set")


class RowReader(Protocol):
    """What a task makes of a problem file, row by row."""

    name: str

    def read_row(self, row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
        """The problem in a row. Raises ValueError: what is missing or wrong."""


@runtime_checkable
class SetReader(Protocol):
    """A task whose problems depend on what the whole file has, as the labels of a classification do."""

    def complete_set(self, problems: Sequence[Problem], path: Path) -> list[Problem]:
        """The problems, complete. Raises ProblemError."""


def load_set(name_or_path: str, cache: Path, task: RowReader | None = None) -> ProblemSet:
    """The problem set of a shipped name, an upstream name (downloaded once into `cache`) or a path.

    After a colon stands what is chosen of it (`_choice`). task: reads the rows of sets about texts; None, or the task
    of code, for files of problems with tests. Raises ProblemError for an unknown name, a file that cannot be read, and
    for each fault in it with its line.
    """
    if task is not None and task.name != CODE:
        return _load_texts(name_or_path, task)
    head, tail = _divided(name_or_path)
    if head.lower() in shipped():
        return _read(shipped_folder() / f"{head.lower()}.jsonl", head.lower(), None, _parsed(head, tail))
    if (module := published(head)) is not None and not Path(head).expanduser().is_file():
        choice = _choice.checked(module, _choice.shown_name(_choice.module_name(head)), _parsed(head, tail))
        return _read(fetch(_choice.source(module, choice), cache), _own_name(module), module, choice)
    path = Path(head).expanduser()
    if path.is_file():
        return _read(path, None, None, _parsed(head, tail))
    raise _not_found(name_or_path, path)


def _load_texts(name_or_path: str, task: RowReader) -> ProblemSet:
    path = Path(name_or_path).expanduser()
    if name_or_path.lower() in shipped(task.name):
        return _read_texts(shipped_folder() / task.name / f"{name_or_path.lower()}.jsonl", task)
    if path.is_file():
        return _read_texts(path, task)
    raise _not_found(name_or_path, path, task)


def _not_found(name_or_path: str, path: Path, task: RowReader | None = None) -> ProblemError:
    if "/" in name_or_path or path.suffix in (".jsonl", ".gz", ".json"):
        return ProblemError(f"problem file {name_or_path!r} does not exist; give a path to a .jsonl or .jsonl.gz file")
    known = known_names(task.name if task else CODE)
    return ProblemError(
        f"unknown problem set {name_or_path!r}{did_you_mean(name_or_path, known)}; "
        f"known: {', '.join(known)}, or a path to a .jsonl file"
    )


def _divided(text: str) -> tuple[str, str]:
    """Name or path, and what stands after the colon: a path may have colons of its own."""
    places = [at for at, char in enumerate(text) if char == ":"]
    for at in [len(text), *reversed(places)]:
        if Path(text[:at]).expanduser().is_file():
            return text[:at], text[at + 1 :]
    head, _, tail = text.partition(":")
    return (text, "") if "/" in head else (head, tail)


def _parsed(head: str, tail: str) -> Choice:
    return _choice.parse_choice(tail, head)


def _own_name(module: Any) -> str:
    """`humaneval-x`: the name of a published set in manifests and signatures, where `+` is plus."""
    name: str = module.__name__.rpartition(".")[2]
    return name.replace("_", "-")


@dataclass(slots=True)
class _Reading:
    """What is read of a file so far. name: before the first row None for a file by path; begun: after it."""

    path: Path
    name: str | None
    module: Any
    choice: Choice
    begun: bool = False
    problems: dict[str, Problem] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)

    def begin(self, row: Mapping[str, Any]) -> None:
        """With the first row: the format of a file by path, and what of it is asked for."""
        self.begun, by_path = True, self.module is None
        self.module = self.module or _format_of(row, self.path)
        base = self.name or _set_name(self.module, self.path, row)
        variant_of = getattr(self.module, "variant_of", None)
        if by_path and variant_of is not None and not self.choice.variant:
            self.choice = Choice(variant=variant_of(row), options=self.choice.options)
        if by_path:
            _choice.checked(self.module, str(self.path), self.choice)
        self.name = f"{base}:{self.choice}" if str(self.choice) else base

    def take(self, row: Mapping[str, Any], number: int) -> None:
        """One row. Raises as the format does; ProblemError for an id that occurs twice."""
        given = (row, self.name, self.choice) if _choice.has_parts(self.module) else (row, self.name)
        made: Problem | LeftOut | Outside = self.module.problem(*given)
        if isinstance(made, Outside):
            self.outside.append(made.where)
        elif getattr(self.module, "REPEATS", False) and self.problems.get(made.id) == made:
            return
        elif made.id in self.problems or made.id in self.left_out:
            raise ProblemError(f"{self.path}, line {number}: the id {made.id!r} occurs twice")
        elif isinstance(made, LeftOut):
            self.left_out[made.id] = made.reason
        else:
            self.problems[made.id] = made

    def ended(self, sha256: str) -> ProblemSet:
        """The set. Raises ProblemError for one without problems."""
        if not self.problems and self.outside:
            raise ProblemError(
                f"{self.path} holds no problems with {self.choice}; its {len(self.outside)} problems are of "
                f"{min(self.outside)} to {max(self.outside)}"
            )
        if self.name is None or not self.problems:
            raise ProblemError(f"{self.path} holds no problems" + (" that can run here" if self.left_out else ""))
        return ProblemSet(
            name=self.name,
            path=self.path,
            sha256=sha256,
            problems=tuple(self.problems.values()),
            left_out=self.left_out,
        )


def _read(path: Path, name: str | None, module: Any, choice: Choice) -> ProblemSet:
    """The set in a file. Without a module its format is found from the first row, without a name it is the format's."""
    digest = hashlib.sha256()
    reading = _Reading(path, name, module, choice)
    for number, row, line in read_exercises(path) if is_archive(path) else read_json_items(path):
        digest.update(line)
        if not reading.begun:
            reading.begin(row)
        try:
            if whole(row, line) != row:
                raise ValueError("half a surrogate pair is in a text; no program and no model can be given that")
            reading.take(row, number)
        except ProblemError:
            raise
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
            what = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
            raise ProblemError(f"{path}, line {number}: {what}") from error
    if str(reading.choice):  # another choice of the same file is another set
        digest.update(f"\0{reading.choice}".encode())
    return reading.ended(digest.hexdigest())


def _read_texts(path: Path, task: RowReader) -> ProblemSet:
    """The set of a task about texts."""
    digest = hashlib.sha256()
    name = path.name.removesuffix(".gz").removesuffix(".jsonl")
    problems: dict[str, Problem] = {}
    for number, row, line in read_json_lines(path):
        digest.update(line)
        place = RowPlace(path=path, number=number)
        try:
            problem = task.read_row(row, name, place)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
            raise ProblemError(f"{place}: {error}") from error
        if problem.id in problems:
            raise ProblemError(f"{place}: the id {problem.id!r} occurs twice")
        problems[problem.id] = problem
    if not problems:
        raise ProblemError(f"{path} holds no items")
    complete = list(problems.values())
    if isinstance(task, SetReader):
        complete = task.complete_set(complete, path)
    return ProblemSet(name=name, path=path, sha256=digest.hexdigest(), problems=tuple(complete))


def read_code_row(row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
    """The problem in a row of any format of problems with tests. Raises ValueError, KeyError, TypeError, IndexError."""
    module = _format_of(row, where.path)
    if not _choice.has_parts(module):
        problem: Problem = module.problem(row, dataset)
        return problem
    variant_of = getattr(module, "variant_of", None)
    choice = _choice.checked(module, str(where), Choice(variant=variant_of(row) if variant_of else ""))
    made: Problem | LeftOut = module.problem(row, dataset, choice)
    if isinstance(made, LeftOut):
        raise ValueError(f"{made.id} cannot run here: {made.reason}")
    return made


def _set_name(module: Any, path: Path, row: Mapping[str, Any]) -> str:
    """The published set's name for its own problems; the file's for a set of one's own, whatever its columns."""
    own: str = module.__name__.rpartition(".")[2]
    published = getattr(module, "PUBLISHED", None)
    named = next((str(row[key]) for key in ID_KEYS if key in row), "")
    if own == OWN_FORMAT or (published is not None and not published.fullmatch(named)):
        return path.name.removesuffix(".gz").removesuffix(".jsonl")
    return _own_name(module)


def _format_of(row: Mapping[str, Any], path: Path) -> Any:
    """The module whose format a first row has; our own format for a row that no upstream module knows."""
    if "plus_input" in row and not str(row.get("task_id")).startswith("EvoEval/"):
        raise ProblemError(
            f"{path} is EvalPlus's own file, which has lost Python's types; give the one with -OriginFmt in its name"
        )
    for name in registry.names("harness.datasets"):
        module = registry.load("harness.datasets", name, "format")
        if name != OWN_FORMAT and module.recognizes(row):
            return module
    return registry.load("harness.datasets", OWN_FORMAT, "format")
