"""Runs a checkup: every part on one model, then on the other, and what follows from it.

Each part is an ordinary run with a directory of its own, so a checkup that was stopped goes on where it was, and one
that is complete asks no model anything. One model is open at a time, and is opened once: two do not fit on every GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.checkup import data as datas
from harness.checkup import examples as reading
from harness.checkup import memorization, verdicts
from harness.checkup.data import CheckupData, CheckupPart, ItemSelection
from harness.checkup.examples import ReadingExample
from harness.checkup.memorization import Memorization
from harness.checkup.verdicts import MetricDetail, MetricResult
from harness.comparison import pairs
from harness.comparison.pairs import Comparison
from harness.config import RunConfig
from harness.engines._selection import EngineCache, ModelSpec, find_model
from harness.errors import InputError
from harness.files.progress import Progress
from harness.overfit import curve_files
from harness.pipeline import run
from harness.pipeline.job import RunObserver, RunResult
from harness.tasks import load_config
from harness.types import Form

SIDES = ("base", "tuned")
MAY_DIFFER = ("form", "engine")  # of the two models: told in the report, not refused
STEPS = (
    "Compare blind: `harness review ab BASE_RUN TUNED_RUN -o study`, then `harness review serve study`. Judges say "
    "which of two nameless answers is better, on 50 items or more. `harness review close study` tells who won, "
    "and how sure that is.",
    "Rate a sample: `harness review sheet BASE_RUN TUNED_RUN --raters 2 -o sheet` makes a sheet of nameless answers "
    "for two people; `harness review import` reads it back, and `harness review results` names the items on which they "
    "differ by 2 or more.",
    "Read the items on which the tuned model is worse: is it one kind of item? Then it is a gap in the training data.",
)
Displays = Callable[[], AbstractContextManager[RunObserver]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckupOptions:
    """sides: `base` and `tuned` -> the model's own options; common: those of every run; codegen: those of programs.

    All by the names of `RunConfig`. folder: the data directory, None for the shipped sets.
    """

    sides: Mapping[str, Mapping[str, Any]]
    common: Mapping[str, Any]
    codegen: Mapping[str, Any]
    environment: Mapping[str, Any]
    folder: Path | None
    choice: ItemSelection


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What came out. names: of the models, by side. runs: side -> part -> run directory. incomplete: what is missing of
    which run.
    """

    names: Mapping[str, str]
    headline: str
    lines: tuple[MetricResult, ...]
    memorization: Memorization
    comparisons: Mapping[str, Comparison]
    examples: tuple[ReadingExample, ...]
    data: CheckupData
    runs: Mapping[str, Mapping[str, Path]]
    cautions: tuple[str, ...]
    incomplete: tuple[str, ...]
    seed: int
    limit: int


def run_checkup(options: CheckupOptions, displays: Displays, progress: Progress) -> Checkup:
    """The whole checkup, or what is left of it. Raises what `pipeline.run` raises; what was done is kept."""
    data = datas.open_data(options.folder, options.choice)
    points = curve_files.read_curve(data.curve).points if data.curve else ()
    if not data.parts:
        raise InputError(f"{data.curve} alone compares nothing: harness overfit --curve {data.curve} reads it")
    models = {side: find_model(_config(options, side, data.parts[0])) for side in SIDES}
    _check_two(models)
    by = _chosen_by(models.values())
    configs = {side: {part.name: _config(options, side, part, by) for part in data.parts} for side in SIDES}
    results = {side: _run_all(side, data.parts, configs[side], models[side], displays) for side in SIDES}
    comparisons, cautions = _compare(data.parts, results, options.choice.seed)
    cautions += [f"{data.folder}/{name} is not read: a checkup knows no file of that name" for name in data.not_read]
    runs = {side: {part: each.run for part, each in results[side].items()} for side in SIDES}
    found = memorization.measure_memorization(data, runs["base"], runs["tuned"], points, options.choice.seed, progress)
    lines = verdicts.metric_results(comparisons)
    names = _names(models)
    sources = {part.name: part.problems for part in data.parts}
    return Checkup(
        names=names,
        headline=verdicts.headline(names["base"], names["tuned"], lines, found.checks, _beside(comparisons)),
        lines=tuple(lines),
        memorization=found,
        comparisons=comparisons,
        examples=tuple(reading.choose_examples(comparisons, sources, options.choice.cache, options.choice.seed)),
        data=data,
        runs=runs,
        cautions=tuple(cautions),
        incomplete=tuple(_incomplete(results)),
        seed=options.choice.seed,
        limit=options.choice.limit,
    )


def check_models(options: CheckupOptions) -> None:
    """Find both models, before anything is run. Raises InputError for one that is not there, or one that is both."""
    part = CheckupPart(name="perplexity", task="perplexity", problems=datas.SHIPPED["perplexity"], items=0, total=0)
    _check_two({side: find_model(_config(options, side, part)) for side in SIDES})


def _beside(comparisons: Mapping[str, Comparison]) -> list[MetricDetail]:
    return [detail for part in datas.BESIDE if part in comparisons for detail in verdicts.details(comparisons[part])]


def _config(options: CheckupOptions, side: str, part: CheckupPart, by: str = "answer") -> RunConfig:
    own = options.codegen if part.task == "codegen" else {}
    task_options = {"by": by} if part.task == "classification" else dict(part.options)
    asked = {"task": part.task, "task_options": task_options, "problems": part.problems}
    return load_config(None, {**options.common, **options.sides[side], **own, **asked}, options.environment)


def _chosen_by(models: Iterable[ModelSpec]) -> str:
    """How labels are chosen: a model that continues texts hardly answers with a label, so its probabilities tell it."""
    return "logprob" if any(model.form is Form.COMPLETION for model in models) else "answer"


def _check_two(models: Mapping[str, ModelSpec]) -> None:
    base, tuned = (models[side] for side in SIDES)
    if base.identity == tuned.identity:
        raise InputError(
            f"--base and --tuned are the same model, {base.name}; give the one before and the one after tuning"
        )


def _names(models: Mapping[str, ModelSpec]) -> dict[str, str]:
    """The models' names; told apart by their side where they are the same."""
    names = {side: model.name for side, model in models.items()}
    return (
        names if len(set(names.values())) == len(SIDES) else {side: f"{name} ({side})" for side, name in names.items()}
    )


def _run_all(
    side: str, parts: Sequence[CheckupPart], configs: Mapping[str, RunConfig], model: ModelSpec, displays: Displays
) -> dict[str, RunResult]:
    results = {}
    with displays() as teller, EngineCache(teller) as engines:
        for number, part in enumerate(parts, start=1):
            teller.note(f"{side} {model.name}: {part.name} ({number} of {len(parts)})")
            with displays() as observer:
                try:
                    results[part.name] = run.run(configs[part.name], observer, engines)
                except InputError as error:
                    raise InputError(part.in_source(str(error))) from error
    return results


def _compare(
    parts: Sequence[CheckupPart], results: Mapping[str, Mapping[str, RunResult]], seed: int
) -> tuple[dict[str, Comparison], list[str]]:
    """Part -> tuned against base, and what a reader must know before the numbers."""
    found: dict[str, Comparison] = {}
    cautions: list[str] = []
    for part in parts:
        pair = [results[side][part.name] for side in ("tuned", "base")]
        common = set.intersection(*({name for name, each in result.summary["problems"].items() if each["n"]}
                                    for result in pair))  # fmt: skip
        if not common:
            cautions.append(f"{part.name}: no item was answered by both models, so nothing is compared")
            continue
        made = pairs.compare([result.run for result in pair], vary=MAY_DIFFER, seed=seed)
        found[part.name] = made
        cautions += [f"{part.name}: {warning}" for warning in _said(made)]
    return found, list(dict.fromkeys(cautions))


def _said(found: Comparison) -> list[str]:
    said = [each for each in found.warnings if not each.startswith("not compared")]
    said = [each.replace("A is incomplete", "tuned is incomplete").replace("B is incomplete", "base is incomplete")
            for each in said]  # fmt: skip
    for each in found.mismatches:
        if each.field in MAY_DIFFER:
            tuned, base = each.values
            said.append(f"the models differ in {each.field}, which may move numbers: base {base}, tuned {tuned}")
    if found.rows and found.rows[0].left_out:
        said.append(f"{len(found.rows[0].left_out)} items that only one model answered are left out")
    return said


def _incomplete(results: Mapping[str, Mapping[str, RunResult]]) -> list[str]:
    """What is missing of which run, and what helps: asking again, or only another model or other data."""
    return [
        f"{side}, {part}: {_missing(result.summary['coverage'])}"
        for side, every in results.items()
        for part, result in every.items()
        if not result.complete
    ]


def _missing(coverage: Mapping[str, Any]) -> str:
    said = f"{coverage['completions_scored']} of {coverage['completions']} completions"
    refused = coverage.get("refused") or {}
    if not refused:
        return f"{said}; the same command asks for the rest"
    name, why = next(iter(refused.items()))
    others = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
    rest = "; the same command asks for the rest" if coverage.get("failed") else ""
    return (
        f"{said}; {name}{others} will not be answered ({why}): leave such items out of the data, or take a model "
        f"with a longer context{rest}"
    )
