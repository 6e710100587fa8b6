"""Answers to judge, from run directories and JSONL files: prompt, expected answer, one answer per problem and model."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.datasets import ProblemSets
from harness.errors import InputError, ProblemError
from harness.files.jsonl import read_json_lines
from harness.leaderboard.prompts import find_problems
from harness.review.blinding import shown
from harness.review.study import Label
from harness.runs.layout import MANIFEST
from harness.runs.manifest import Manifest
from harness.runs.reader import pictures_folder, read_completions, read_manifest, read_pictures, read_scores
from harness.types import Problem

STRATA = ("category", "label", "verdict")
_PROMPTS, _EXPECTED = ("prompt", "instruction", "question"), ("expected", "output", "reference", "canonical_solution")
PICTURES = "manifest.jsonl"  # as `harness images sample` writes it
_GENERATED = ("generated", "completion", "response")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One problem of a source. image: the picture that was generated, a path. verdict: of the answer, for strata."""

    prompt: str
    expected: str | None
    text: str
    image: Path | None = None
    category: str | None = None
    label: str | None = None
    verdict: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The answers of one model. data: the set and its digest; identity: what makes two sources one model."""

    name: str
    path: str
    task: str
    data: str
    signature: str
    identity: str
    digest: str
    answers: Mapping[str, Shown] = field(repr=False)


def read_source(path: Path, index: int, cache: Path) -> Source:
    """A run directory, a JSONL file, or a folder of pictures with their manifest.jsonl.

    Raises InputError: what, where and what to do.
    """
    if path.is_dir() and (path / PICTURES).is_file() and not (path / MANIFEST).is_file():
        return _read_rows(path / PICTURES)
    if path.is_dir() or not path.exists():
        return _read_run(path, index, ProblemSets(cache))
    return _read_rows(path)


def _read_run(path: Path, index: int, sets: ProblemSets) -> Source:
    manifest = read_manifest(path)
    if manifest.identity.get("task") == "images":
        return _read_pictures(path, index, manifest)
    task = str(manifest.config.get("task", "codegen"))
    if task == "perplexity":
        raise InputError(f"{path} is a run of perplexity: its model wrote no answers that people could read")
    problems = find_problems(sets, manifest)
    named = manifest.identity.get("problems")
    data = f"{named.get('name')}@{str(named.get('sha256'))[:8]}" if isinstance(named, dict) else "unknown"
    if problems is None:
        raise InputError(
            f"{path}: its problem set {data} is not on this machine with the same content, so there are no prompts to "
            "show"
        )
    verdicts = {
        each.problem_id: str(each.verdict) for each in read_scores(path) if each.index == index and each.verdict
    }
    answers = {}
    for each in read_completions(path):
        problem = problems.find(each.problem_id) if each.index == index else None
        if problem is not None:
            answers[problem.id] = _of_problem(problem, task, each.text, verdicts.get(each.problem_id))
    if not answers:
        raise InputError(f"{path} has no completions of index {index}; --index 0 is the first of each problem")
    model = manifest.identity.get("model")
    name = str((model.get("name") or model.get("samples")) if isinstance(model, dict) else "unknown")
    digest = hashlib.sha256((path / MANIFEST).read_bytes()).hexdigest()[:16]
    sampling = manifest.identity.get("sampling")
    return Source(
        name=name, path=str(path), task=task, data=data, signature=manifest.signature,
        identity=repr((model, sampling, manifest.identity.get("samples"), manifest.identity.get("form"))),
        digest=digest, answers=answers,
    )  # fmt: skip


def _read_pictures(path: Path, index: int, manifest: Manifest) -> Source:
    """A run on pictures: for each prompt the picture of its `index`-th seed."""
    by_prompt: dict[str, list[dict[str, Any]]] = {}
    for row in read_pictures(path):
        by_prompt.setdefault(str(row["name"]), []).append(row)
    folder, answers = pictures_folder(path), {}
    for name, rows in by_prompt.items():
        rows.sort(key=lambda row: (row["seed"] is None, row["seed"], row["id"]))
        if index < len(rows):
            row = rows[index]
            answers[name] = Shown(prompt=str(row["prompt"]), expected=None, text="", image=folder / str(row["image"]))
    if not by_prompt:
        raise InputError(
            f"{path} measured pictures and names none with a prompt; give the folders that have them, each with its "
            f"{PICTURES}: harness review ab samples/A samples/B"
        )
    if not answers:
        raise InputError(f"{path} has no picture of index {index}; --index 0 is the first seed of each prompt")
    gone = next((each.image for each in answers.values() if each.image and not each.image.is_file()), None)
    if gone is not None:
        raise InputError(f"{path}: {gone} is not there; the pictures must be where they were evaluated")
    model = manifest.identity.get("model") or {}
    library = manifest.identity.get("problems") or {}
    known = model if model.get("weights_sha256") else (model, manifest.config.get("gen"))
    return Source(
        name=str(model.get("name") or "unknown"), path=str(path), task="images",
        data=f"{library.get('name')}@{str(library.get('sha256'))[:8]}", signature=manifest.signature,
        identity=repr(known), digest=hashlib.sha256((path / MANIFEST).read_bytes()).hexdigest()[:16], answers=answers,
    )  # fmt: skip


def _of_problem(problem: Problem, task: str, text: str, verdict: str | None) -> Shown:
    expected = next(iter(problem.references), None)
    category = problem.metadata.get("category")
    return Shown(
        prompt=problem.prompt,
        expected=expected,
        text=shown(text),
        category=None if category is None else str(category),
        label=expected if task == "classification" else None,
        verdict=verdict,
    )


def _read_rows(path: Path) -> Source:
    answers: dict[str, Shown] = {}
    try:
        for number, row, _ in read_json_lines(path):
            where = f"{path}, line {number}"
            name = _name(row, where)
            if name in answers:
                raise InputError(f"{where}: the id {name!r} occurs twice; give one answer for each problem")
            answers[name] = _of_row(row, where, path.parent)
    except ProblemError as error:
        raise InputError(str(error)) from error
    if not answers:
        raise InputError(f"{path} holds no rows")
    digest = _digest(path, answers)
    name = path.resolve().parent.name if path.name == PICTURES else path.name.removesuffix(".gz").removesuffix(".jsonl")
    return Source(
        name=name, path=str(path), task="jsonl", data=f"rows@{_asked(answers)}",
        signature=f"file:{path.name}@{digest[:8]}", identity=digest, digest=digest[:16], answers=answers,
    )  # fmt: skip


def _name(row: Mapping[str, Any], where: str) -> str:
    """What tells a row from others, and is the same in every model's file."""
    given = row.get("id") or row.get("task_id") or row.get("problem_id")
    if given:
        return str(given)
    prompt = _text(row, _PROMPTS, where)
    return prompt if row.get("seed") is None else f"{prompt}__{row['seed']}"


def _digest(path: Path, answers: Mapping[str, Shown]) -> str:
    """Of the file and its pictures: two models' manifests may be the same but for these."""
    digest = hashlib.sha256(path.read_bytes())
    for each in answers.values():
        if each.image is not None:
            digest.update(each.image.read_bytes() if each.image.is_file() else b"")  # a missing one is told of later
    return digest.hexdigest()


def _asked(answers: Mapping[str, Shown]) -> str:
    """Eight digits of what was asked: the same for all models' files of the same prompts."""
    text = repr(sorted((name, each.prompt, each.expected) for name, each in answers.items()))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]


def _of_row(row: Mapping[str, Any], where: str, folder: Path) -> Shown:
    image = row.get("image")
    return Shown(
        prompt=_text(row, _PROMPTS, where, needed=image is None) or "",
        expected=_text(row, _EXPECTED, where, needed=False),
        text=shown(_text(row, _GENERATED, where, needed=image is None) or ""),
        image=None if image is None else folder / str(image),
        category=None if row.get("category") is None else str(row["category"]),
        label=None if row.get("label") is None else str(row["label"]),
    )


def _text(row: Mapping[str, Any], names: Sequence[str], where: str, *, needed: bool = True) -> Any:
    value = next((row[name] for name in names if row.get(name) is not None), None)
    if value is None and needed:
        raise InputError(f"{where}: none of the fields {', '.join(names)} is there (it has {', '.join(map(str, row))})")
    if value is not None and not isinstance(value, str):
        raise InputError(f"{where}: {names[0]} is {type(value).__name__}, not text")
    return value


def check_together(sources: Sequence[Source]) -> list[str]:
    """The problems that all have, in a fixed order. Raises InputError where there are none, or tasks differ."""
    tasks = {each.task: each for each in sources if each.task != "jsonl"}
    if len(tasks) > 1:
        (a, first), (b, second), *_ = tasks.items()
        raise InputError(
            f"{first.path} is of task {a} and {second.path} of {b}; answers of one task are judged together"
        )
    common = set(sources[0].answers).intersection(*(each.answers for each in sources[1:]))
    if not common:
        one = sources[0]
        other = next((each for each in sources[1:] if not set(each.answers) & set(one.answers)), sources[-1])
        raise InputError(
            f"{one.path} and {other.path} have no problem in common: {one.name} is of {one.data}, {other.name} of "
            f"{other.data}; "
            "give runs of one set"
        )
    return sorted(common)


def check_models(sources: Sequence[Source]) -> None:
    """Raises InputError for fewer than two models."""
    if len(sources) < 2:
        raise InputError("an A/B needs two models; give two runs or more")
    seen: dict[str, Source] = {}
    for each in sources:
        if each.identity in seen:
            raise InputError(f"an A/B needs two models, and both runs are of {each.name} (same weights, same sampling)")
        seen[each.identity] = each


def labels(sources: Sequence[Source]) -> dict[str, Label]:
    """The models' names, told apart by their sampling or their number where they are the same."""
    counts = Counter(each.name for each in sources)
    found: dict[str, Label] = {}
    for number, each in enumerate(sources, start=1):
        name = each.name
        if counts[name] > 1:
            fields = dict(part.split(":", 1) for part in each.signature.split("|") if ":" in part)
            name = f"{name} (T {fields['T']})" if "T" in fields else name
        while name in found:
            name = f"{name} #{number}"
        found[name] = Label(run=each.path, model=each.name, signature=each.signature)
    return found


def choose(
    common: Sequence[str], sources: Sequence[Source], samples: int | None, seed: int, by: str | None
) -> list[str]:
    """The problems of the study, in the order of their items: drawn by the seed, stratified where `by` says so.

    samples: None for 50, or all where there are fewer. Raises InputError where more are asked for than there are.
    """
    if samples is not None and samples > len(common):
        raise InputError(
            f"{samples} samples are asked for, and {len(common)} problems have an answer of "
            f"{'both' if len(sources) == 2 else 'all'}; "
            f"say --samples {len(common)}"
        )
    count = min(len(common), 50 if samples is None else samples)
    draw = random.Random(f"review {seed}")
    if by is None:
        return draw.sample(list(common), count)
    groups: dict[str, list[str]] = {}
    for name in common:
        groups.setdefault(stratum(name, sources, by) or "none", []).append(name)
    if len(groups) == 1 and "none" in groups:
        raise InputError(f"--by {by}: no problem has a {by}; leave --by out")
    chosen: list[str] = []
    for name, size in _allot({name: len(each) for name, each in groups.items()}, count).items():
        chosen += draw.sample(groups[name], size)
    draw.shuffle(chosen)
    return chosen


def _allot(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Largest remainders: parts in proportion to the strata."""
    total = sum(sizes.values())
    exact = {name: count * size / total for name, size in sizes.items()}
    parts = {name: int(each) for name, each in exact.items()}
    for name in sorted(exact, key=lambda name: (parts[name] - exact[name], name))[: count - sum(parts.values())]:
        parts[name] += 1
    return parts


def stratum(name: str, sources: Sequence[Source], by: str | None) -> str | None:
    """The stratum of a problem. Of verdicts only how many answers passed: which did would tell the models apart."""
    if by is None:
        return None
    every = [each.answers[name] for each in sources if name in each.answers]
    if by == "verdict":
        passed = [each.verdict == "ACCEPTED" for each in every if each.verdict]
        if not passed:
            return None
        return "all accepted" if all(passed) else "some accepted" if any(passed) else "none accepted"
    return next((value for each in every if (value := getattr(each, by)) is not None), None)
