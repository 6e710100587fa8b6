"""A run's completions, scored again: with another extractor, other limits, another sandbox or other tests.

Nothing is generated. The new run directory has a copy of the completions and a manifest of its own, which keeps how
they were drawn and replaces how they are scored; it is carried on like any run where it is interrupted. Problems whose
completions are not all there, as in a run that was stopped, are left out. What was imported is judged here in the same
way: its completions are the other system's, the verdicts then ours.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.config import RunConfig
from harness.datasets import load_set
from harness.engines import Engine, waiting_for
from harness.engines._selection import ModelSpec
from harness.errors import InputError, Interrupted
from harness.files.atomic import replaced
from harness.pipeline.execute import Sandboxes
from harness.pipeline.job import CompletionSet, RunObserver, RunResult
from harness.pipeline.plan import asked_of, make_job
from harness.pipeline.run import resume_run
from harness.runs import layout, reader, store
from harness.runs.manifest import Manifest
from harness.runs.signature import Signature
from harness.tasks import Task, open_task
from harness.types import Form, ProblemSet

# Fields of a signature that scoring decides, with those of the task's label; the others say how completions were drawn,
# and stay.
SCORING = {"n", "task", "extractor", "data", "subset", "protocol", "integrity", "img", "cpu", "wall", "mem", "v"}


def settings(run: Path) -> dict[str, Any]:
    """The configuration of a run, which is scored again next to it. Raises InputError where the folder is not a run."""
    source = reader.read_manifest(run)
    values = {name: value for name, value in source.config.items() if name in RunConfig.model_fields}
    results = run.resolve().parents[2]
    if results / layout.model_folder(str(source.identity["problems"]["name"])) == run.resolve().parents[1]:
        return {**values, "results": results}
    return values  # a copy of a run that lies elsewhere


def rescore(
    run: Path, config: RunConfig, observer: RunObserver, *, same_problems: bool, sandboxes: Sandboxes | None = None
) -> RunResult:
    """Execute and score the completions of `run` under `config`; a run directory of its own.

    same_problems: refuse a problem set that has changed since the run. sandboxes: where programs run; None for this
    machine. Raises InputError, StoreError, SandboxError, and
    Interrupted at Ctrl-C; what was done is kept.
    """
    try:
        return _rescore(run, config, observer, same_problems, sandboxes)
    except KeyboardInterrupt as error:
        raise Interrupted("stopped; what is done is kept, the same command goes on from there") from error


def _rescore(
    run: Path, config: RunConfig, observer: RunObserver, same_problems: bool, sandboxes: Sandboxes | None
) -> RunResult:
    source = reader.read_manifest(run)
    with waiting_for(observer, f"reading the problem set {config.problems}"):
        problems = load_set(config.problems, config.cache, open_task(config.task, config.task_options))
    if same_problems:
        _check_same(source, problems)
    of_run = drawn(run, source, problems, config)
    if len(of_run.expected) < len(of_run.problems.problems):
        observer.note(
            f"{run} has the completions of {len(of_run.expected)} of {len(of_run.problems.problems)} problems"
        )
    job = make_job(config, observer, of_run, sandboxes=sandboxes)
    target = reader.find_run(config.results, problems.name, job.model.name, job.manifest.fingerprint)
    if target is None:
        target = store.create_run(config.results, problems.name, job.model.name, job.manifest)
    if not (target / layout.COMPLETIONS).exists():
        with store.kept_if_begun(target):
            _copy(run, target, of_run.expected)
    return resume_run(job, target, _no_engine, observer)


def drawn(run: Path, source: Manifest, problems: ProblemSet, config: RunConfig) -> CompletionSet:
    """What a run has drawn, of the problems whose completions are all there.

    Raises InputError, also where the configuration has another task than the run.
    """
    _check_task(source, config)
    task = open_task(config.task, config.task_options)
    asked = asked_of(problems, config)
    wanted = {problem.id for problem in asked.problems}
    expected = {problem_id: n for problem_id, n in _owed(run, source, problems).items() if problem_id in wanted}
    if not expected:
        raise InputError(f"{run} has no completion of the problems that are asked for ({asked.subset})")
    return CompletionSet(
        task=task,
        problems=_measured(source, asked),
        model=_model(run, source),
        expected=expected,
        signature=_sampling_signature(source, task),
        identity={**source.identity, "completions": _digest(run, expected)},
    )


def _no_engine() -> Engine:
    raise InputError("the copy of the completions is not whole; remove the new run directory and score again")


def _check_task(source: Manifest, config: RunConfig) -> None:
    task, options = source.config.get("task", "codegen"), source.config.get("task_options") or {}
    if (config.task, dict(config.task_options)) != (task, options):
        raise InputError(f"the run is one of task {task}; it cannot be scored as another, or with other task options")


def _measured(source: Manifest, problems: ProblemSet) -> ProblemSet:
    """The problems but those that the run's prompts showed as examples."""
    examples = (source.identity.get("prompting") or {}).get("examples") or {"shots": []}
    shown = {shot["fields"].get("id") for shot in examples["shots"]}
    left = tuple(problem for problem in problems.problems if problem.id not in shown)
    return dataclasses.replace(problems, problems=left)


def _check_same(source: Manifest, problems: ProblemSet) -> None:
    known = source.identity["problems"]
    if known.get("sha256", problems.sha256) != problems.sha256:  # numbers that were imported may have none
        raise InputError(
            f"the run was drawn from {known['name']}@{known['sha256'][:8]}, and the set is {problems.version()} now; "
            f"to score against it as it is, say so with --problems"
        )


def _model(run: Path, source: Manifest) -> ModelSpec:
    known: Mapping[str, Any] = source.identity["model"]
    name = str(known.get("name") or known.get("samples"))
    engine = str(known.get("engine") or source.config.get("engine"))
    return ModelSpec(name=name, source=None, engine=engine, form=_form(run, source), identity=known)


def _form(run: Path, source: Manifest) -> Form:
    """The run's form; of imported completions, which have each its own, chat where any is a reply."""
    if "form" in source.identity:
        return Form(source.identity["form"])
    forms = {Form(json.loads(line)["form"]) for _, line in _lines(run)}
    return Form.CHAT if Form.CHAT in forms else min(forms)


def _sampling_signature(source: Manifest, task: Task) -> str:
    """The fields of the run's signature that say how its completions were drawn."""
    scoring = SCORING | {name for name, _ in Signature.parse(task.label()).fields}
    kept = Signature.parse(source.signature).without(scoring)
    changed = source.identity["task"] != task.version  # its prompts are that version's
    line = Signature.of(str(kept), f"prompts:{source.identity['task']}" if changed else "")
    return str(line.without(()))


def _lines(run: Path) -> Iterator[tuple[str, bytes]]:
    """(problem id, line) of every completion; a torn last line is left out."""
    path = run / layout.COMPLETIONS
    try:
        with open(path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)["problem_id"], line
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _owed(run: Path, source: Manifest, problems: ProblemSet) -> dict[str, int]:
    """Problem id -> n, of the problems whose completions are all there."""
    counts = Counter(problem_id for problem_id, _ in _lines(run))
    unknown = counts.keys() - {problem.id for problem in problems.problems}
    if unknown:
        raise InputError(f"the run has completions of {min(unknown)!r}, which is not in {problems.version()}")
    sampling = source.identity.get("sampling")
    n = sampling["n"] if sampling else 1
    expected = {problem_id: count for problem_id, count in counts.items() if count >= n}
    if not expected:
        raise InputError(f"{run} has no problem whose completions are all there; nothing can be scored")
    return expected


def _digest(run: Path, expected: Mapping[str, int]) -> str:
    digest = hashlib.sha256()
    for problem_id, line in _lines(run):
        if problem_id in expected:
            digest.update(line)
    return digest.hexdigest()


def _copy(run: Path, target: Path, expected: Mapping[str, int]) -> None:
    with replaced(target / layout.COMPLETIONS) as temporary, open(temporary, "wb") as file:
        file.writelines(line for problem_id, line in _lines(run) if problem_id in expected)
