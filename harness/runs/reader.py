"""What a run directory holds, read line by line; a torn last line, as a killed process leaves it, is left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from harness.errors import InputError, StoreError
from harness.files.jsonl import parse_json, parse_object, read_lines
from harness.files.offsets import sample_of
from harness.files.opened import read_whole
from harness.runs.layout import COMPLETIONS, EXECUTIONS, MANIFEST, SAMPLES, SCORES, SERVER, SUMMARY, model_folder
from harness.runs.manifest import Manifest
from harness.runs.summary import CODEGEN, parse_summary
from harness.types import Completion, Score
from sandbox.types import Verdict

T = TypeVar("T")
VERDICTS = frozenset(Verdict)
AGAIN = "the file was changed or damaged: run the command of this run again"
COMPLETION: TypeAdapter[Completion] = TypeAdapter(Completion)
SCORE: TypeAdapter[Score] = TypeAdapter(Score)
MANIFEST_JSON: TypeAdapter[Manifest] = TypeAdapter(Manifest)


def find_run(results: Path, dataset: str, model: str, fingerprint: str) -> Path | None:
    """The newest run directory of a fingerprint, None where there is none."""
    folder = results / model_folder(dataset) / model_folder(model)
    found = [path for path in sorted(folder.glob(f"*-{fingerprint[:8]}")) if _fingerprint(path) == fingerprint]
    return found[-1] if found else None


def find_moved_run(results: Path, dataset: str, model: str, identity: Mapping[str, Any]) -> Path | None:
    """The newest run that differs from this identity in its server's address alone, None where there is none."""
    folder = results / model_folder(dataset) / model_folder(model)
    for path in sorted(folder.glob("*-*"), reverse=True):
        try:
            found = json.loads(json.dumps(read_manifest(path).identity))
        except InputError:
            continue
        if _without_address(found) == _without_address(json.loads(json.dumps(identity))):
            return path
    return None


def _without_address(identity: dict[str, Any]) -> dict[str, Any]:
    return {**identity, "model": {k: v for k, v in (identity.get("model") or {}).items() if k not in ("url", "query")}}


def _fingerprint(path: Path) -> str | None:
    try:
        return read_manifest(path).fingerprint
    except InputError:
        return None


def read_manifest(run: Path) -> Manifest:
    """Raises InputError where the folder is not a run directory."""
    path = run / MANIFEST
    if not path.is_file():
        what = f"is not a run directory: it has no {MANIFEST}" if run.exists() else "does not exist"
        raise InputError(f"{run} {what}; runs are at results/<set>/<model>/<time>-<fingerprint>")
    data = read_whole(path)
    try:
        return MANIFEST_JSON.validate_json(data)
    except ValueError as error:
        raise InputError(f"{path} cannot be read: {_first_line(error)}") from error


def read_learnt(run: Path) -> dict[str, str]:
    """What the run's server took in another way, by parameter; empty where nothing is known of."""
    path = run / SERVER
    found = parse_json(read_whole(path), str(path)) if path.is_file() else {}
    if not isinstance(found, dict):
        raise InputError(f"{path}: a JSON object is expected")
    return {str(name): str(value) for name, value in found.items()}


def read_summary(run: Path) -> dict[str, Any] | None:
    """The summary of a run that came to its end, None for one that has not. Raises InputError for one of another shape.

    Its warnings are ours, and shown as they stand: one that holds a control character was put there by somebody else.
    """
    path = run / SUMMARY
    if not path.exists():
        return None
    data = read_whole(path)
    record = parse_object(data, str(path))
    try:
        found = parse_summary(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not what a run writes: {_first_line(error)}; {AGAIN}") from error
    warnings = (found.sampling or {}).get("warnings", [])
    if not isinstance(warnings, list) or not all(isinstance(each, str) and each.isprintable() for each in warnings):
        raise InputError(f"{path} is not what a run writes: a warning holds control characters, or is no text; {AGAIN}")
    return record


def parse_score(line: bytes, path: Path) -> Score:
    try:
        return SCORE.validate_json(line)
    except ValueError as error:
        raise StoreError(
            f"{path} holds a line that is not a score: {line[:80]!r}; remove the run to redo it"
        ) from error


def read_executions(run: Path) -> Iterator[dict[str, Any]]:
    """The records of executions.jsonl. Raises InputError, with file and line, for a line that is none."""
    for where, line in _whole_lines(run / EXECUTIONS):
        record = parse_object(line, where)
        sample_of(record, where)
        if record.get("verdict") not in VERDICTS or not isinstance(record.get("detail", ""), str):
            raise InputError(f"{where}: a verdict and its detail are expected; {AGAIN}")
        yield record


def read_completion_records(run: Path) -> Iterator[dict[str, Any]]:
    """The records of completions.jsonl. Raises InputError, with file and line, for a line that is none."""
    for where, line in _whole_lines(run / COMPLETIONS):
        record = parse_object(line, where)
        sample_of(record, where)
        _checked(COMPLETION.validate_python, record, where)
        yield record


def read_pictures(run: Path) -> list[dict[str, Any]]:
    """The rows of samples.jsonl, which runs on pictures have; [] where there are none."""
    return [parse_object(line, where) for where, line in _whole_lines(run / SAMPLES)]


def pictures_folder(run: Path) -> Path:
    """Where the paths in the rows of `read_pictures` begin; they are of what was evaluated, which may be gone."""
    source = Path(str(read_manifest(run).config.get("gen") or ""))
    return source.parent if source.suffix == ".jsonl" else source


def read_scores(run: Path) -> Iterator[Score]:
    """The scores of scores.jsonl. Raises InputError, with file and line, for a line that is none."""
    for where, line in _whole_lines(run / SCORES):
        yield _checked(SCORE.validate_json, line, where)


def read_completions(run: Path) -> Iterator[Completion]:
    """The completions of completions.jsonl. Raises InputError, with file and line, for a line that is none."""
    for where, line in _whole_lines(run / COMPLETIONS):
        yield _checked(COMPLETION.validate_json, line, where)


def _whole_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """(file and line, line) of each; a torn last line is left out, a file that does not exist has none."""
    if not path.exists():
        return
    for number, line in enumerate(read_lines(path), start=1):
        if line.endswith(b"\n"):
            yield f"{path}, line {number}", line


def _checked(check: Callable[[Any], T], value: object, where: str) -> T:
    try:
        return check(value)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: {_first_line(error)}; {AGAIN}") from error


def _first_line(error: Exception) -> str:
    """What pydantic says of the first fault, and where in the value it is."""
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": ")
    return str(error).partition("\n")[0] or type(error).__name__


class SavedRun:
    """A run that has come to its end: its manifest, its summary, and what they say of it.

    Raises InputError where there is no run, where it has not ended, and where its summary cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = read_manifest(path)
        found = read_summary(path)
        if found is None:
            raise InputError(f"{path} has not come to its end; the command that began it goes on with it")
        self.summary = found

    @property
    def model(self) -> str:
        """The model's name."""
        model = self.manifest.identity.get("model") or {}
        return str(model.get("name") or model.get("samples") or self.path.resolve().parent.name)

    @property
    def dataset(self) -> str:
        """The problem set's name."""
        return str((self.manifest.identity.get("problems") or {}).get("name") or self.path.resolve().parent.parent.name)

    @property
    def created(self) -> datetime:
        """When the run began."""
        return datetime.strptime(self.manifest.created, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    @property
    def sampling(self) -> Mapping[str, Any]:
        """The sampling parameters, where the run sampled: an imported run or a file of samples has none."""
        return self.manifest.identity.get("sampling") or {}

    @property
    def task(self) -> str:
        """The task's name."""
        return str(self.summary.get("task") or CODEGEN)

    def estimates(self) -> dict[str, float]:
        """metric -> value."""
        return {each["metric"]: each["value"] for each in self.summary["estimates"]}
