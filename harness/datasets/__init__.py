"""Problem sets: `load_set` finds one by name or by path; one module per upstream format.

A module of this folder has `SOURCE` (a `Source`, or none for our own format), `recognizes(row)` and `problem(row)`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness import registry
from harness.datasets import _text_fields
from harness.datasets._download import Source, fetch
from harness.errors import ProblemError, near
from harness.types import Problem

OWN_FORMAT = "own"
CODE = "codegen"
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemSet:
    """Problems in the file's order. `sha256` is of the file's uncompressed bytes: two sets are one if it agrees."""

    name: str
    path: Path
    sha256: str
    problems: tuple[Problem, ...]
    _index: dict[str, Problem] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {problem.id: problem for problem in self.problems}
        tails = [problem.id.rpartition("/")[2] for problem in self.problems]
        counts = Counter(tails)
        for tail, problem in zip(tails, self.problems, strict=True):
            if tail.isdigit() and counts[tail] == 1:
                index.setdefault(tail, problem)
        object.__setattr__(self, "_index", index)

    def version(self) -> str:
        """As it stands in a signature: `humaneval@9f3c2b1a`."""
        return f"{self.name}@{self.sha256[:8]}"

    def find(self, task_id: object) -> Problem | None:
        """The problem of an id as sample files write it: the id itself, or the number at its end (MBPP: 11)."""
        return self._index.get(str(task_id))


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


def load_set(
    name_or_path: str, cache: Path, task: str = CODE, options: Mapping[str, Any] = MappingProxyType({})
) -> ProblemSet:
    """The problem set of a shipped name, an upstream name (downloaded once into `cache`) or a path.

    options: of the task; `labels` (`a,b`) are those that a classification chooses from, in place of the file's own.
    Raises ProblemError for an unknown name, a file that cannot be read, and for each fault in it with its line.
    """
    name = name_or_path.lower().replace("+", "plus").replace("human-eval", "humaneval")
    path = Path(name_or_path).expanduser()
    if task != CODE:
        labels = [label.strip() for label in str(options.get("labels", "")).split(",") if label.strip()]
        if name in shipped(task):
            return _read_texts(shipped_folder() / task / f"{name}.jsonl", task, labels)
        if path.is_file():
            return _read_texts(path, task, labels)
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
    known = known_names(task)
    raise ProblemError(
        f"unknown problem set {name_or_path!r}{near(name, known)}; "
        f"known: {', '.join(known)}, or a path to a .jsonl file"
    )


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked if its name ends in .gz. Raises ProblemError where it cannot be read."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemError(f"{path} cannot be read: {error}") from error


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any], bytes]]:
    """(line number, object, raw line) of each JSONL row that is not blank. Raises ProblemError: what, file and line."""
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ProblemError(
                f"{path}, line {number}: not UTF-8 ({error.reason} at byte {error.start}); convert the file, "
                f"for example with: iconv -f latin1 -t utf-8"
            ) from error
        except (ValueError, RecursionError) as error:
            raise ProblemError(f"{path}, line {number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise ProblemError(f"{path}, line {number}: a JSON object is expected, not {type(row).__name__}")
        yield number, row, line


def _read(path: Path, name: str | None, module: Any = None) -> ProblemSet:
    """The set in a file. Without a module its format is found from the first row, without a name it is the format's."""
    digest = hashlib.sha256()
    problems: dict[str, Problem] = {}
    for number, row, line in rows(path):
        digest.update(line)
        module = module or _format_of(row, path)
        name = name or _set_name(module, path)
        try:
            problem: Problem = module.problem(row, name)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            what = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
            raise ProblemError(f"{path}, line {number}: {what}") from error
        if problem.id in problems:
            raise ProblemError(f"{path}, line {number}: the id {problem.id!r} is there twice")
        problems[problem.id] = problem
    if name is None:
        raise ProblemError(f"{path} holds no problems")
    return ProblemSet(name=name, path=path, sha256=digest.hexdigest(), problems=tuple(problems.values()))


def _read_texts(path: Path, task: str, labels: Sequence[str]) -> ProblemSet:
    """The set of a task about texts."""
    digest = hashlib.sha256()
    name = path.name.removesuffix(".gz").removesuffix(".jsonl")
    problems: dict[str, Problem] = {}
    for number, row, line in rows(path):
        digest.update(line)
        place = _text_fields.Line(path=path, number=number)
        try:
            problem = _text_fields.PARSERS[task](row, name, place)
        except ValueError as error:
            raise ProblemError(f"{place}: {error}") from error
        if problem.id in problems:
            raise ProblemError(f"{place}: the id {problem.id!r} is there twice")
        problems[problem.id] = problem
    if not problems:
        raise ProblemError(f"{path} holds no items")
    complete = list(problems.values())
    if task == "classification":
        complete = _text_fields.with_labels(complete, labels, path)
    return ProblemSet(name=name, path=path, sha256=digest.hexdigest(), problems=tuple(complete))


def _set_name(module: Any, path: Path) -> str:
    own: str = module.__name__.rpartition(".")[2]
    return path.name.removesuffix(".gz").removesuffix(".jsonl") if own == OWN_FORMAT else own


def _format_of(row: dict[str, Any], path: Path) -> Any:
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


__all__ = [
    "ProblemSet",
    "Source",
    "fetch",
    "known_names",
    "load_set",
    "read_lines",
    "rows",
    "shipped",
    "shipped_folder",
]
