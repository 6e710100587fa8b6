"""A problem set by its name or path: shipped, published (downloaded once, checked by sha256) or the user's own file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness import registry
from harness.datasets._download import fetch
from harness.datasets._text_fields import RowPlace
from harness.errors import ProblemError, did_you_mean
from harness.files.jsonl import read_json_lines, whole
from harness.types import Problem, ProblemSet

OWN_FORMAT = "own"
CODE = "codegen"
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
    return shipped(task) + [name.replace("plus", "+") for name in published]


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

    task: reads the rows of sets about texts; None, or the task of code, for files of problems with tests. Raises
    ProblemError for an unknown name, a file that cannot be read, and for each fault in it with its line.
    """
    name = name_or_path.lower().replace("+", "plus").replace("human-eval", "humaneval")
    path = Path(name_or_path).expanduser()
    if task is not None and task.name != CODE:
        if name in shipped(task.name):
            return _read_texts(shipped_folder() / task.name / f"{name}.jsonl", task)
        if path.is_file():
            return _read_texts(path, task)
    elif name in shipped():
        return _read(shipped_folder() / f"{name}.jsonl", name)
    elif name in registry.names("harness.datasets") and name != OWN_FORMAT:
        module = registry.load("harness.datasets", name, "problem set")
        return _read(fetch(module.SOURCE, cache), name, module)
    elif path.is_file():
        return _read(path, None)
    looks_like_path = "/" in name_or_path or path.suffix in (".jsonl", ".gz", ".json")
    if looks_like_path:
        raise ProblemError(f"problem file {name_or_path!r} does not exist; give a path to a .jsonl or .jsonl.gz file")
    known = known_names(task.name if task else CODE)
    raise ProblemError(
        f"unknown problem set {name_or_path!r}{did_you_mean(name, known)}; "
        f"known: {', '.join(known)}, or a path to a .jsonl file"
    )


def _read(path: Path, name: str | None, module: Any = None) -> ProblemSet:
    """The set in a file. Without a module its format is found from the first row, without a name it is the format's."""
    digest = hashlib.sha256()
    problems: dict[str, Problem] = {}
    for number, row, line in read_json_lines(path):
        digest.update(line)
        module = module or _format_of(row, path)
        name = name or _set_name(module, path, row)
        try:
            if whole(row, line) != row:
                raise ValueError("half a surrogate pair is in a text; no program and no model can be given that")
            problem: Problem = module.problem(row, name)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError) as error:
            what = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
            raise ProblemError(f"{path}, line {number}: {what}") from error
        if problem.id in problems:
            raise ProblemError(f"{path}, line {number}: the id {problem.id!r} is there twice")
        problems[problem.id] = problem
    if name is None:
        raise ProblemError(f"{path} holds no problems")
    return ProblemSet(name=name, path=path, sha256=digest.hexdigest(), problems=tuple(problems.values()))


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
            raise ProblemError(f"{place}: the id {problem.id!r} is there twice")
        problems[problem.id] = problem
    if not problems:
        raise ProblemError(f"{path} holds no items")
    complete = list(problems.values())
    if isinstance(task, SetReader):
        complete = task.complete_set(complete, path)
    return ProblemSet(name=name, path=path, sha256=digest.hexdigest(), problems=tuple(complete))


def read_code_row(row: Mapping[str, Any], dataset: str, where: RowPlace) -> Problem:
    """The problem in a row of any format of problems with tests. Raises ValueError, KeyError, TypeError, IndexError."""
    problem: Problem = _format_of(row, where.path).problem(row, dataset)
    return problem


def _set_name(module: Any, path: Path, row: Mapping[str, Any]) -> str:
    """The published set's name for its own problems; the file's for a set of one's own, whatever its columns."""
    own: str = module.__name__.rpartition(".")[2]
    published = getattr(module, "PUBLISHED", None)
    if own == OWN_FORMAT or (published is not None and not published.fullmatch(str(row.get("task_id")))):
        return path.name.removesuffix(".gz").removesuffix(".jsonl")
    return own


def _format_of(row: Mapping[str, Any], path: Path) -> Any:
    """The module whose format a first row has; our own format for a row that no upstream module knows."""
    if "plus_input" in row:
        raise ProblemError(
            f"{path} is EvalPlus's own file, which has lost Python's types; give the one with -OriginFmt in its name"
        )
    for name in registry.names("harness.datasets"):
        module = registry.load("harness.datasets", name, "format")
        if name != OWN_FORMAT and module.recognizes(row):
            return module
    return registry.load("harness.datasets", OWN_FORMAT, "format")
