"""The runs of a results folder, checked, and what was left out of it and why.

Reads manifests, summaries, and of completions and executions what a table needs: verdicts and counts of tokens, never
texts. Everything here may come from somebody else's folder: a run that does not hold what it must is left out by name.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.datasets import ProblemSets
from harness.errors import InputError
from harness.leaderboard.prompts import find_problems
from harness.leaderboard.records import Example, Tokens, UnusableError, first_line, parsed_lines, read_details
from harness.leaderboard.studies import StudyTable, read_studies
from harness.runs import manifest
from harness.runs.layout import COMPLETIONS, EXECUTIONS, MANIFEST, SCORES, SUMMARY
from harness.runs.manifest import Manifest
from harness.runs.signature import Signature
from harness.runs.summary import CODEGEN, Coverage, Summary, parse_summary
from harness.text.printable import clipped
from harness.types import Estimate
from sandbox.types import Verdict

LONGEST_NAME = 100  # a longer one would push the other rows of a table out of sight; the manifest has it whole
_VERDICT = re.compile(rb'"verdict": ?"([A-Z_]+)"')  # a quote inside a JSON string has a backslash: it cannot match
_manifest: TypeAdapter[Manifest] = TypeAdapter(Manifest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeaderboardRun:
    """One run with its numbers. name: its folder below the results, with `/`; slug: the same as a file's name.

    problems: id -> n, c, or n and the item's values. verdicts_of: id -> index -> verdict, None without one.
    examples: id -> its first completion that was accepted and its first that was not, as far as there are.
    digest: of all that the pages are made of.
    """

    path: Path
    name: str
    slug: str
    model: str
    task: str
    task_version: str
    dataset: str
    dataset_sha256: str
    created: str
    manifest: Manifest
    fields: Mapping[str, str]
    estimates: tuple[Estimate, ...]
    coverage: Coverage
    in_sandbox: tuple[str, ...]
    verdicts: Mapping[str, int]
    problems: Mapping[str, Mapping[str, float]]
    warnings: tuple[str, ...]
    cost: Mapping[str, float | str]
    tokens: Tokens | None
    verdicts_of: Mapping[str, Mapping[int, str | None]]
    examples: Mapping[str, tuple[Example, ...]]
    digest: str

    @property
    def whole(self) -> bool:
        """Whether every problem of the set has a score: only then is its number one of the set."""
        return self.coverage.problems_scored == self.coverage.problems

    @property
    def price(self) -> float | None:
        """What the run cost, in the currency that its summary names; None where nobody said."""
        price = self.cost.get("price")
        return float(price) if isinstance(price, int | float) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A folder that is in no table, and why.

    done, owed: completions with a score so far, and asked for, of a run under way; generated: written so far; verdicts:
    of those that were executed.
    """

    name: str
    reason: str
    model: str = ""
    dataset: str = ""
    done: int | None = None
    owed: int | None = None
    generated: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)

    @property
    def under_way(self) -> bool:
        """Whether it is a run that has not come to its end."""
        return self.done is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a results folder holds, each in the order of names. studies: closed ones, which people judged."""

    runs: tuple[LeaderboardRun, ...]
    left_out: tuple[LeftOut, ...]
    studies: tuple[StudyTable, ...] = ()


def read_results(folder: Path, sets: ProblemSets, *, may_be_empty: bool = False) -> Results:
    """Every run and study below `folder`. Raises InputError where there is none, not even a broken one."""
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {what}; give the folder that `harness run --results` filled")
    runs: list[LeaderboardRun] = []
    left_out: list[LeftOut] = []
    for path in _run_folders(folder):
        name = path.relative_to(folder).as_posix() if path != folder else path.resolve().name
        found = _read(path, name, sets)
        runs.append(found) if isinstance(found, LeaderboardRun) else left_out.append(found)
    studies, open_studies = read_studies(folder)
    left_out += [LeftOut(name=each.name, reason=each.reason) for each in open_studies]
    if not runs and not studies and not left_out and not may_be_empty:
        raise InputError(f"{folder} holds no runs; runs are at <results>/<set>/<model>/<time>-<fingerprint>")
    runs, repeated = _without_repeats(runs)
    ordered = tuple(sorted(left_out + repeated, key=lambda each: each.name))
    return Results(runs=tuple(runs), left_out=ordered, studies=tuple(studies))


def _run_folders(folder: Path) -> Iterator[Path]:
    """Folders that hold a file of a run, in the order of their names; none inside another."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        if {MANIFEST, SUMMARY, COMPLETIONS, SCORES}.intersection(files):
            folders.clear()
            yield Path(place)


def _without_repeats(runs: Sequence[LeaderboardRun]) -> tuple[list[LeaderboardRun], list[LeftOut]]:
    """One run per fingerprint: the one with the most scores, of these the newest."""
    chosen: dict[str, LeaderboardRun] = {}
    for run in sorted(runs, key=lambda run: (run.coverage.completions_scored, run.created, run.name), reverse=True):
        chosen.setdefault(run.manifest.fingerprint, run)
    left_out = [
        LeftOut(
            name=run.name,
            reason=f"has the fingerprint of {chosen[run.manifest.fingerprint].name}, which is in its place",
            model=run.model,
            dataset=run.dataset,
        )
        for run in runs
        if chosen[run.manifest.fingerprint] is not run
    ]
    return [run for run in runs if chosen[run.manifest.fingerprint] is run], left_out


def _read(path: Path, name: str, sets: ProblemSets) -> LeaderboardRun | LeftOut:
    try:
        read, data = _read_manifest(path)
    except UnusableError as error:
        return LeftOut(name=name, reason=str(error))
    model, dataset = _named(read, "model"), _named(read, "problems")
    try:
        return _read_run(path, name, read, data)
    except UnusableError as error:
        left_out = LeftOut(name=name, reason=str(error), model=model, dataset=dataset)
        return left_out if (path / SUMMARY).is_file() else _with_progress(left_out, path, read, sets)


def _read_manifest(path: Path) -> tuple[Manifest, bytes]:
    data = _bytes(path / MANIFEST)
    try:
        raw = json.loads(data)
        newer = isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > manifest.FORMAT
        if newer:
            raise UnusableError(
                f"is of format {raw['format']}; this version reads up to {manifest.FORMAT}: use a newer harness"
            )
        read = _manifest.validate_json(data)
    except (ValueError, RecursionError) as error:
        raise UnusableError(f"{MANIFEST} cannot be read: {first_line(error)}") from error
    if not re.fullmatch(r"[0-9a-f]{64}", read.fingerprint) or not re.fullmatch(r"\d{8}T\d{6}Z", read.created):
        raise UnusableError(f"{MANIFEST} cannot be read: its fingerprint or its time is none")
    return read, data


def _read_run(path: Path, name: str, read: Manifest, data: bytes) -> LeaderboardRun:
    if not (path / SUMMARY).is_file():
        raise UnusableError("has not come to its end (no summary.json); the same command goes on with it")
    summary_data = _bytes(path / SUMMARY)
    summary = _summary(summary_data)
    files = {file: _bytes(path / file) if (path / file).exists() else b"" for file in (COMPLETIONS, EXECUTIONS, SCORES)}
    digest = hashlib.sha256()
    for part in (data, summary_data, *files.values()):
        digest.update(hashlib.sha256(part).digest())
    if summary.task != CODEGEN:
        for _ in parsed_lines(files[SCORES], SCORES):
            pass  # only whether it can be read: the pages show the values
    details = read_details(files[COMPLETIONS], files[EXECUTIONS])
    fields = Signature.parse(read.signature).values()
    problems = read.identity.get("problems")
    return LeaderboardRun(
        path=path,
        name=name,
        slug=slug(name),
        model=_named(read, "model"),
        task=summary.task,
        task_version=str(read.identity.get("task", summary.task)),
        dataset=_named(read, "problems"),
        dataset_sha256=str(problems.get("sha256", "")) if isinstance(problems, dict) else "",
        created=read.created,
        manifest=read,
        fields=fields,
        estimates=summary.estimates,
        coverage=summary.coverage,
        in_sandbox=summary.integrity.in_sandbox if summary.integrity else (),
        verdicts=summary.verdicts or {},
        problems=summary.problems,
        warnings=_warnings(summary.sampling or {}),
        cost={key: value for key, value in (summary.cost or {}).items() if _finite(value) or isinstance(value, str)},
        tokens=details.tokens,
        verdicts_of=details.verdicts_of,
        examples=details.examples,
        digest=digest.hexdigest(),
    )


def _summary(data: bytes) -> Summary:
    try:
        summary = parse_summary(data)
    except (ValidationError, ValueError, RecursionError) as error:
        raise UnusableError(f"{SUMMARY} cannot be read: {first_line(error)}") from error
    if not summary.estimates:
        raise UnusableError("has no estimate: none of its completions has a score")
    for problem_id, values in summary.problems.items():
        n, c = values.get("n", -1.0), values.get("c", 0.0 if summary.task != CODEGEN else -1.0)
        if not 0 <= c <= n or n % 1 or (summary.task == CODEGEN and c % 1):
            raise UnusableError(f"{SUMMARY} cannot be read: {problem_id}: c is {c:g} of n {n:g}")
    return summary


def _with_progress(run: LeftOut, path: Path, read: Manifest, sets: ProblemSets) -> LeftOut:
    """How far a run under way is; owed: None where nobody can tell. Lines are counted, not read: it is asked often."""
    sampling, problems = read.identity.get("sampling"), find_problems(sets, read)
    n = sampling.get("n") if isinstance(sampling, dict) else None
    files = {
        name: _bytes(path / name) if (path / name).is_file() else b"" for name in (COMPLETIONS, EXECUTIONS, SCORES)
    }
    found = Counter(_VERDICT.findall(files[EXECUTIONS]))
    return replace(
        run,
        done=files[SCORES].count(b"\n"),
        owed=n * len(problems.problems) if isinstance(n, int) and problems else None,
        generated=files[COMPLETIONS].count(b"\n"),
        verdicts={each.value: found[each.value.encode()] for each in Verdict if found[each.value.encode()]},
    )


def read_under_way(folder: Path, sets: ProblemSets) -> tuple[LeftOut, ...]:
    """The runs below `folder` that have not come to their end; the others are not read."""
    found = [
        _read(path, path.relative_to(folder).as_posix() if path != folder else path.resolve().name, sets)
        for path in _run_folders(folder)
        if not (path / SUMMARY).is_file()
    ]
    return tuple(each for each in found if isinstance(each, LeftOut) and each.under_way)


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UnusableError(f"has no {path.name}")
        return path.read_bytes()
    except OSError as error:
        raise UnusableError(f"{path.name} cannot be read: {error.strerror}") from error


def _named(read: Manifest, key: str) -> str:
    part = read.identity.get(key)
    name = part.get("name") if isinstance(part, dict) else None
    name = name or (part.get("samples") if isinstance(part, dict) else None)
    return clipped(str(name), LONGEST_NAME) if name else "unknown"


def _warnings(sampling: Mapping[str, Any]) -> tuple[str, ...]:
    found = sampling.get("warnings", [])
    return tuple(str(each) for each in found) if isinstance(found, list) else (str(found),)


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def slug(text: str) -> str:
    """A name for a file: lower case, plain characters, never the same for two texts."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48]
    return f"{plain}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}".lstrip("-")


def created_label(created: str) -> str:
    """`2026-11-21 18:52` of a manifest's `20261121T185209Z`."""
    return f"{created[:4]}-{created[4:6]}-{created[6:8]} {created[9:11]}:{created[11:13]}"
