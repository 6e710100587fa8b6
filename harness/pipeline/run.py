"""The one shell around the pure parts: it alone opens engines, sandboxes and run directories.

    resolve   problems, model, sandbox -> an identity; its fingerprint finds the run directory, or makes a new one
    open      the store says what is still owed; the engine is opened only for problems without completions, and
              before anything is written, so that bad input leaves nothing behind
    stream    engine threads -> bounded queue -> sandbox threads -> store: a line is on disk as soon as it exists
    close     summarize -> summary.json

The stream is `harness.pipeline.stream`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sandbox
from harness import __version__, registry
from harness.config import RunConfig
from harness.datasets import load_set
from harness.engines import Described, Engine, _vllm_arguments, replay
from harness.engines._selection import Engines, Model, find_model
from harness.errors import InputError, Interrupted
from harness.extractors import DEFAULT
from harness.files import atomic
from harness.pipeline import results_file
from harness.pipeline.costs import Ledger, Prices
from harness.pipeline.prompt_options import load_prompting, measured
from harness.pipeline.sampling_audit import Tally
from harness.pipeline.stream import Gaps, Job, Observer, Stream
from harness.prompts import template
from harness.prompts.template import Prompting
from harness.runs import layout, manifest, reader, store
from harness.runs.signature import limits_digest, limits_label, span
from harness.runs.store import Store
from harness.tasks import Ended, Extracting, Prompted, Task
from harness.types import Completion, Form, Problem, ProblemSet
from sandbox import Integrity, Limits, Verdict

SHORT = ("classification",)  # tasks whose answers may well be cut: what counts stands at their beginning
log = logging.getLogger("harness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run at its end. `summary` is what summary.json holds; `complete` whether every completion has a score."""

    run: Path
    summary: Mapping[str, Any]
    complete: bool


def run(config: RunConfig, observer: Observer, engines: Engines | None = None) -> Result:
    """Generate, execute, score: the whole run, or what is left of it.

    engines: the models that are open already, for those who run several tasks. Raises InputError, EngineError,
    StoreError, SandboxError, and Interrupted at Ctrl-C; what was done is kept.
    """
    try:
        with contextlib.ExitStack() as stack:
            return _run(config, observer, engines or stack.enter_context(Engines(observer)), stack)
    except KeyboardInterrupt as error:
        raise Interrupted("stopped; what is done is kept, the same command goes on from there") from error


def _run(config: RunConfig, observer: Observer, engines: Engines, stack: contextlib.ExitStack) -> Result:
    job = _resolve(config, observer, stack)

    def engine() -> Engine:
        return job.saved or engines.get(config, job.model)

    found = reader.find_run(config.results, job.problems.name, job.model.name, job.manifest.fingerprint)
    if found is None:
        opened = engine()  # what the user got wrong must show before anything is written
        about = opened.about() if isinstance(opened, Described) else {}
        made = manifest.made_by(job.manifest, about)
        found = store.create_run(config.results, job.problems.name, job.model.name, made)
    return conduct(config, job, found, engine, observer)


def conduct(config: RunConfig, job: Job, found: Path, engine: Callable[[], Engine], observer: Observer) -> Result:
    """Do what the run directory `found` still owes, and close it."""
    with Store(found, job.owed, executes=job.task.executes) as opened:
        if opened.complete():
            observer.note("this run is complete: nothing is done again")
        with store.logging_to(found):
            gaps = Stream(job, opened, engine, observer, config).run()
        return _close(job, opened, config, gaps)


def write_results(config: RunConfig, result: Result, target: Path) -> None:
    """The samples' rows with their verdicts, for a run of engine replay."""
    problems = load_set(config.problems, config.cache, config.task, config.task_options)
    opened = _open_samples(config, problems)
    if opened is None:
        raise InputError("only a run of saved completions has a results file")
    try:
        results_file.write_results(target, opened, problems, result.run)
    finally:
        opened.close()


def open_task(config: RunConfig) -> Task:
    """The task of a run, with its options. Raises InputError."""
    task: Task = registry.load("harness.tasks", config.task, "task").open_task(config.task_options)
    return task


def _resolve(config: RunConfig, observer: Observer, stack: contextlib.ExitStack) -> Job:
    task = open_task(config)
    _check_prompted(task, config)
    problems = load_set(config.problems, config.cache, config.task, config.task_options)
    saved = _open_samples(config, problems)
    if saved:
        stack.callback(saved.close)
    model = find_model(config)
    prompted = load_prompting(config, problems, model.form)
    task = task.prompted(prompted) if isinstance(task, Prompted) else task
    problems = measured(problems, prompted)
    n = config.sampling().n
    drawn = Drawn(
        task=task,
        problems=problems,
        model=model,
        owed=saved.counts() if saved else {problem.id: n for problem in problems.problems},
        signature=_drawn(config, model, saved, prompted),
        identity={
            "seed": config.seed,
            "model": model.identity,
            "samples": saved.sha256 if saved else None,
            "sampling": None if saved else dataclasses.asdict(config.sampling()),
            "form": model.form.value,
            **template.identity(prompted),
        },
    )
    return make_job(config, observer, drawn, saved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Completions that there are or will be. signature, identity: what decided them, as they stand in a manifest."""

    task: Task
    problems: ProblemSet
    model: Model
    owed: Mapping[str, int]
    signature: str
    identity: Mapping[str, Any]


def make_job(config: RunConfig, observer: Observer, drawn: Drawn, saved: replay.ReplayEngine | None = None) -> Job:
    """The run that executes and scores what is drawn, under the configuration's limits and in its sandbox.

    Raises InputError for a k above n, and for an extractor where nothing is extracted.
    """
    problems, model, owed = drawn.problems, drawn.model, drawn.owed
    task = _extracting(drawn.task, model.form, config)
    _check_k(config, task, owed)
    limits = {problem.id: config.limits(problem.limits) for problem in problems.problems}
    surroundings = _surroundings(config, observer) if task.executes else None
    where = f", sandbox {surroundings['backend']} ({surroundings['contents']})" if surroundings else ""
    observer.note(f"problems {problems.version()}, model {model.name}{where}")
    signature = _signature(task, drawn, limits, surroundings)
    identity = {
        **drawn.identity,
        "signature": signature,  # with the version: another version's numbers are another run's
        "problems": {"name": problems.name, "sha256": problems.sha256},
        "task": task.version,
        "task_options": dict(config.task_options),
        **({"extractor": config.extractor} if _replies(task, model.form) else {}),
        "sandbox": surroundings,
        "dedup": config.dedup,
        "limits": limits_digest(limits) if task.executes else None,
    }
    return Job(
        task=task,
        problems=problems,
        model=model,
        saved=saved,
        owed=owed,
        limits=limits,
        backend=surroundings["backend"] if surroundings else None,
        manifest=manifest.make(identity, signature, config.model_dump(mode="json", exclude={"api_key"})),
    )


def _surroundings(config: RunConfig, observer: Observer) -> dict[str, str | None]:
    """What programs run in."""
    backend = sandbox.choose_backend(config.sandbox)
    sandbox.prepare(backend, observer.note)
    return {
        "backend": backend,
        "contents": sandbox.contents(backend),
        "guest": sandbox.guest_digest(),
        "runtime": config.runtime,
        "isolation": config.isolation.value,
    }


def _open_samples(config: RunConfig, problems: ProblemSet) -> replay.ReplayEngine | None:
    if config.samples is None:
        return None
    return replay.open_engine(replay.Options(samples=config.samples, problems=problems))


def _check_k(config: RunConfig, task: Task, owed: Mapping[str, int]) -> None:
    if config.k and not task.executes:
        raise InputError(f"--k is for pass@k of programs; task {task.name} executes none")
    smallest = min(owed, key=lambda problem_id: owed[problem_id])
    for k in config.k:
        if k > owed[smallest]:
            raise InputError(f"pass@{k} needs k <= n, but n is {owed[smallest]} for {smallest}; ask for a smaller k")


def _replies(task: Task, form: Form) -> bool:
    """Whether programs are taken out of replies."""
    return form is Form.CHAT and isinstance(task, Extracting)


def _extracting(task: Task, form: Form, config: RunConfig) -> Task:
    """The task with the run's extractor, where there is something to extract from. Raises InputError."""
    if form is Form.CHAT and isinstance(task, Extracting):
        return task.extracting(config.extractor)
    if config.extractor == DEFAULT:
        return task
    if not task.executes:
        raise InputError(f"extractor {config.extractor} is for programs; task {task.name} executes none")
    raise InputError(f"extractor {config.extractor} is for replies of form chat; this run's form is {form}")


def _signature(task: Task, drawn: Drawn, limits: Mapping[str, Limits], surroundings: Mapping[str, Any] | None) -> str:
    """Everything that can change the number, without the metric's own name, in one line."""
    parts = (
        f"n:{span(drawn.owed.values())}",
        drawn.signature,
        f"task:{task.version}",
        task.label(),
        f"data:{drawn.problems.version()}",
        _executed(drawn.problems, drawn.owed, limits, surroundings),
        f"v:{__version__}",
    )
    return "|".join(part for part in parts if part)


def _check_prompted(task: Task, config: RunConfig) -> None:
    if config.prompting_given() and not isinstance(task, Prompted):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in config.prompting_given())
        raise InputError(f"task {task.name} has prompts of its own; leave out {options}")


def _drawn(config: RunConfig, model: Model, saved: replay.ReplayEngine | None, prompted: Prompting) -> str:
    """How the completions came about, for a signature."""
    if saved:
        return f"samples:{saved.sha256[:8]}"
    sampling = config.sampling()
    told = ",".join(_vllm_arguments.moving(config.engine_args)).replace("|", "/")
    return (
        f"T:{sampling.temperature:g}|top_p:{sampling.top_p:g}|top_k:{sampling.top_k}|max:{sampling.max_tokens}"
        f"|seed:{sampling.seed}|form:{model.form}{template.label(prompted)}|engine:{model.engine}"
        + (f"|args:{told}" if told else "")
    )


def _executed(
    problems: ProblemSet, owed: Mapping[str, int], limits: Mapping[str, Limits], surroundings: Mapping[str, Any] | None
) -> str:
    """How programs were executed, for a signature; empty where none were."""
    if surroundings is None:
        return ""
    beside = _beside(problems, owed)
    integrity = f"judged+{len(beside)}{Integrity.IN_SANDBOX}" if beside else Integrity.JUDGED.value
    image = f"{surroundings['backend']}-{surroundings['contents']}"
    return f"integrity:{integrity}|img:{image}|{limits_label(limits[problem_id] for problem_id in owed)}"


def _beside(problems: ProblemSet, owed: Mapping[str, int]) -> list[str]:
    """The problems whose tests run in the program's own process."""
    asked = [problem for problem in problems.problems if problem.id in owed]
    return [problem.id for problem in asked if problem.integrity() is Integrity.IN_SANDBOX]


def _close(job: Job, opened: Store, config: RunConfig, gaps: Gaps) -> Result:
    outcome = job.task.summarize(
        Ended(
            scores=lambda: reader.read_scores(opened.run),
            problems={problem.id: problem for problem in job.problems.problems},
            owed=job.owed,
            ks=config.k or None,
            signature=job.manifest.signature,
            seed=config.seed,
        )
    )
    coverage = _coverage(job, opened, gaps)
    repeated = opened.repeated() if config.dedup and job.task.executes else 0
    summary = {
        "run": str(opened.run),
        "task": job.task.name,
        "estimates": [dataclasses.asdict(estimate) for estimate in outcome.estimates],
        "coverage": {**coverage, "omitted": list(outcome.omitted), "repeated": repeated},
        **(_execution_sections(job, opened, gaps) if job.task.executes else {}),
        **_audited(job, opened, config),
        **outcome.sections,
        "problems": outcome.problems,
    }
    for name, data in outcome.files.items():
        atomic.write_whole(opened.run / name, data)
    atomic.write_whole(opened.run / layout.SUMMARY, json.dumps(summary, indent=1).encode() + b"\n")
    return Result(run=opened.run, summary=summary, complete=bool(coverage["complete"]))


def _coverage(job: Job, opened: Store, gaps: Gaps) -> dict[str, Any]:
    """What the numbers are of. refused, failed: problem id -> why requests for it were not answered."""
    counts = opened.counts()
    expected = sum(job.owed.values())
    scored = sum(n for n, _ in counts.values())
    return {
        "problems": len(job.problems.problems),
        "problems_scored": sum(1 for n, _ in counts.values() if n),
        "completions": expected,
        "completions_scored": scored,
        "complete": scored == expected,
        "refused": dict(opened.refused),
        "failed": dict(gaps.failed),
    }


def _execution_sections(job: Job, opened: Store, gaps: Gaps) -> dict[str, Any]:
    verdicts = {verdict.value: count for verdict, count in opened.verdict_counts().items()}
    if gaps.internal:
        verdicts[Verdict.INTERNAL_ERROR.value] = gaps.internal
    beside = _beside(job.problems, job.owed)
    return {
        "integrity": {"judged": len(job.owed) - len(beside), "in_sandbox": beside},
        "verdicts": verdicts,
    }


def _audited(job: Job, opened: Store, config: RunConfig) -> dict[str, Any]:
    """`sampling` and `cost` of a summary, in one pass over the completions."""
    problems = {problem.id: problem for problem in job.problems.problems}
    tally, ledger = Tally(), Ledger()
    bare = _extracted_nothing(job, opened)
    for completion in reader.read_completions(opened.run):
        ledger.add(completion)
        if completion.logprobs is None and job.task.name not in SHORT:  # with logprobs nothing was sampled
            key = completion.problem_id, completion.index
            known = completion.form is Form.CHAT and opened.verdict(*key) is not None
            empty = key in bare if known else _is_empty(job.task, problems[completion.problem_id], completion)
            tally.add(completion, empty=empty)
    sampled = job.manifest.identity.get("sampling")
    audit = tally.audit(opened.distinct(), sampled["temperature"] if sampled else None)
    cost = ledger.cost(_prices(config))
    return {
        "sampling": dataclasses.asdict(audit) if audit else None,
        "cost": dataclasses.asdict(cost) if cost else None,
    }


def _extracted_nothing(job: Job, opened: Store) -> set[tuple[str, int]]:
    """Id and index of the replies whose record says that no program was found: to extract again takes 0.8 ms each."""
    if not _replies(job.task, job.model.form):
        return set()
    rows = reader.read_executions(opened.run)
    return {(row["problem_id"], row["index"]) for row in rows if row.get("span", ()) is None}


def _is_empty(task: Task, problem: Problem, completion: Completion) -> bool:
    """Whether a completion has no text or, where a program is asked for, none other than an empty one has."""
    if not completion.text.strip() or not task.executes:
        return not completion.text.strip()
    nothing = dataclasses.replace(completion, text="")
    return task.candidate(problem, completion).program == task.candidate(problem, nothing).program


def _prices(config: RunConfig) -> Prices | None:
    tokens = config.token_prices()
    if tokens:
        return Prices(prompt_token=tokens[0], completion_token=tokens[1])
    return Prices(hour=config.price_per_hour) if config.price_per_hour is not None else None
