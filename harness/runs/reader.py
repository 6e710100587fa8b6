"""What a run directory holds, read line by line; a torn last line, as a killed process leaves it, is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.errors import InputError, StoreError
from harness.runs.layout import COMPLETIONS, EXECUTIONS, MANIFEST, SAMPLES, SCORES, SUMMARY, model_folder
from harness.runs.manifest import Manifest
from harness.runs.summary import CODEGEN
from harness.types import Completion, Score

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
    return {**identity, "model": {name: value for name, value in identity["model"].items() if name != "url"}}


def _fingerprint(path: Path) -> str | None:
    try:
        return read_manifest(path).fingerprint
    except InputError:
        return None


def read_manifest(run: Path) -> Manifest:
    """Raises InputError where the folder is no run directory."""
    try:
        return MANIFEST_JSON.validate_json((run / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        what = f"is no run directory: it has no {MANIFEST}" if run.exists() else "does not exist"
        raise InputError(f"{run} {what}; runs are at results/<set>/<model>/<time>-<fingerprint>") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{run / MANIFEST} cannot be read: {str(error).splitlines()[0]}") from error


def read_summary(run: Path) -> dict[str, Any] | None:
    """The summary of a run that came to its end, None for one that has not."""
    try:
        summary: dict[str, Any] = json.loads((run / SUMMARY).read_bytes())
    except FileNotFoundError:
        return None
    return summary


def parse_score(line: bytes, path: Path) -> Score:
    try:
        return SCORE.validate_json(line)
    except ValueError as error:
        raise StoreError(f"{path} holds a line that is no score: {line[:80]!r}; remove the run to redo it") from error


def read_executions(run: Path) -> Iterator[dict[str, Any]]:
    """The records of read_executions.jsonl; a torn last line is left out."""
    return _records(run / EXECUTIONS)


def read_completion_records(run: Path) -> Iterator[dict[str, Any]]:
    """The records of read_completion_records.jsonl; a torn last line is left out."""
    return _records(run / COMPLETIONS)


def read_pictures(run: Path) -> list[dict[str, Any]]:
    """The rows of samples.jsonl, which runs on pictures have; [] where there are none."""
    return list(_records(run / SAMPLES))


def read_scores(run: Path) -> Iterator[Score]:
    """The read_scores of read_scores.jsonl; a torn last line is left out. Raises StoreError for a line that is none."""
    path = run / SCORES
    if not path.exists():
        return
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield parse_score(line, path)


def read_completions(run: Path) -> Iterator[Completion]:
    """The read_completion_records of read_completion_records.jsonl; a torn last line is left out."""
    with open(run / COMPLETIONS, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield COMPLETION.validate_json(line)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


class SavedRun:
    """A run that has come to its end: its manifest, its summary, and what they say of it.

    Raises InputError where there is no run, where it has not ended, and where its summary cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = read_manifest(path)
        try:
            found = read_summary(path)
        except ValueError as error:
            raise InputError(f"{path / SUMMARY} is not JSON; run the command of this run again") from error
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
