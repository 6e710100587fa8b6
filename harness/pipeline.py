"""The one shell around the pure parts: it alone opens engines, sandboxes and run directories.

    resolve   problems, model, sandbox -> an identity; its fingerprint finds the run directory, or makes a new one
    open      the store says what is still owed; the engine is opened only for problems without completions, and
              before anything is written, so that bad input leaves nothing behind
    stream    engine threads -> bounded queue -> sandbox threads -> store: a line is on disk as soon as it exists
    close     summarize -> summary.json

The stream is `harness.stream`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sandbox
from harness import manifest, prompting, samples, store
from harness.config import RunConfig
from harness.costs import Ledger, Prices
from harness.datasets import ProblemSet, load_set
from harness.engines import Engine, replay
from harness.errors import InputError, Interrupted
from harness.prompt_files import load_prompting, measured
from harness.prompting import Prompting
from harness.resolve import Model, find_model, open_model
from harness.sampling import Tally
from harness.store import Store
from harness.stream import Job, Lazy, Observer, Stream
from harness.tasks import codegen
from sandbox import Integrity, Limits, Verdict

log = logging.getLogger("harness")
DEFAULT_KS = (1, 10, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run at its end. `summary` is what summary.json holds; `complete` whether every completion has a score."""

    run: Path
    summary: Mapping[str, Any]
    complete: bool


def run(config: RunConfig, observer: Observer) -> Result:
    """Generate, execute, score: the whole run, or what is left of it.

    Raises InputError, EngineError, StoreError, SandboxError, and Interrupted at Ctrl-C; what was done is kept.
    """
    try:
        return _run(config, observer)
    except KeyboardInterrupt as error:
        raise Interrupted("stopped; what is done is kept, the same command goes on from there") from error


def _run(config: RunConfig, observer: Observer) -> Result:
    with contextlib.ExitStack() as stack:
        job = _resolve(config, observer, stack)
        found = store.find_run(config.results, job.problems.name, job.model.name, job.manifest.fingerprint)
        engine = stack.enter_context(Lazy(lambda: _open_engine(config, job, observer)))
        if found is None:
            engine.get()  # what the user got wrong must show before anything is written
            found = store.create_run(config.results, job.problems.name, job.model.name, job.manifest)
        with Store(found, job.owed) as opened:
            if opened.complete():
                observer.note("this run is complete: nothing is done again")
            with store.logging_to(found):
                internal = Stream(job, opened, engine, observer, config).run()
            return _close(job, opened, config, internal)


def write_results(config: RunConfig, result: Result, target: Path) -> None:
    """The samples' rows with their verdicts, for a run of engine replay."""
    problems = load_set(config.problems, config.cache)
    opened = _open_samples(config, problems)
    if opened is None:
        raise InputError("only a run of saved completions has a results file")
    try:
        samples.write_results(target, opened, problems, result.run)
    finally:
        opened.close()


def _resolve(config: RunConfig, observer: Observer, stack: contextlib.ExitStack) -> Job:
    problems = load_set(config.problems, config.cache)
    saved = _open_samples(config, problems)
    if saved:
        stack.callback(saved.close)
    model = find_model(config)
    prompted = load_prompting(config, problems, model.form)
    problems = measured(problems, prompted)
    n = config.sampling().n
    owed = saved.counts() if saved else {problem.id: n for problem in problems.problems}
    _check_k(config, owed)
    limits = {problem.id: config.limits(problem.limits) for problem in problems.problems}
    backend = sandbox.choose_backend(config.sandbox)
    sandbox.prepare(backend, observer.note)
    contents = sandbox.contents(backend)
    observer.note(f"problems {problems.version()}, model {model.name}, sandbox {backend} ({contents})")
    signature = _signature(config, problems, model, owed, limits, f"{backend}-{contents}", saved, prompted)
    identity = {
        "signature": signature,  # with the version: another version's numbers are another run's
        "guest": sandbox.guest_digest(),
        "seed": config.seed,
        "problems": {"name": problems.name, "sha256": problems.sha256},
        "model": model.identity,
        "samples": saved.sha256 if saved else None,
        "sampling": None if saved else dataclasses.asdict(config.sampling()),
        "form": model.form.value,
        **prompting.identity(prompted),
        "task": codegen.VERSION,
        "sandbox": {
            "backend": backend,
            "contents": contents,
            "runtime": config.runtime,
            "isolation": config.isolation.value,
        },
        "dedup": config.dedup,
        "limits": manifest.limits_digest(limits),
    }
    return Job(
        problems=problems,
        model=model,
        prompting=prompted,
        saved=saved,
        owed=owed,
        limits=limits,
        backend=backend,
        manifest=manifest.make(identity, signature, config.model_dump(mode="json", exclude={"api_key"})),
    )


def _open_engine(config: RunConfig, job: Job, observer: Observer) -> Engine:
    if job.model.engine == "transformers":
        observer.note(f"loading {job.model.name}")
    return open_model(config, job.model, job.saved)


def _open_samples(config: RunConfig, problems: ProblemSet) -> replay.ReplayEngine | None:
    if config.engine_name() != "replay" or config.samples is None:
        return None
    return replay.open_engine(replay.Options(samples=config.samples, problems=problems))


def _check_k(config: RunConfig, owed: Mapping[str, int]) -> None:
    smallest = min(owed, key=lambda problem_id: owed[problem_id])
    for k in config.k:
        if k > owed[smallest]:
            raise InputError(f"pass@{k} needs k <= n, but n is {owed[smallest]} for {smallest}; ask for a smaller k")


def _signature(
    config: RunConfig,
    problems: ProblemSet,
    model: Model,
    owed: Mapping[str, int],
    limits: Mapping[str, Limits],
    image: str,
    saved: replay.ReplayEngine | None,
    prompted: Prompting,
) -> str:
    """Everything that can change the number, without the metric's own name, in one line."""
    sampling = config.sampling()
    drawn = (
        f"samples:{saved.sha256[:8]}"
        if saved
        else f"T:{sampling.temperature:g}|top_p:{sampling.top_p:g}|top_k:{sampling.top_k}|max:{sampling.max_tokens}"
        f"|seed:{sampling.seed}|form:{model.form}{prompting.label(prompted)}|engine:{model.engine}"
    )
    from harness import __version__

    parts = (
        f"n:{manifest.span(owed.values())}",
        drawn,
        f"task:{codegen.VERSION}",
        f"data:{problems.version()}",
        f"integrity:{_integrity_label(_beside(problems, owed))}",
        f"img:{image}",
        manifest.limits_label(limits[problem_id] for problem_id in owed),
        f"v:{__version__}",
    )
    return "|".join(parts)


def _beside(problems: ProblemSet, owed: Mapping[str, int]) -> list[str]:
    """The problems whose tests run in the program's own process."""
    asked = [problem for problem in problems.problems if problem.id in owed]
    return [problem.id for problem in asked if codegen.integrity(problem) is Integrity.IN_SANDBOX]


def _integrity_label(beside: list[str]) -> str:
    return f"judged+{len(beside)}{Integrity.IN_SANDBOX}" if beside else Integrity.JUDGED.value


def _close(job: Job, opened: Store, config: RunConfig, internal: int) -> Result:
    counts = opened.counts()
    expected = sum(job.owed.values())
    scored = sum(n for n, _ in counts.values())
    ks = config.k or tuple(k for k in DEFAULT_KS if k <= min(job.owed.values()))
    reached = min((n for n, _ in counts.values() if n), default=0)
    # an incomplete run still reports the ks that every problem's scored samples allow, and names the others
    estimates = codegen.summarize(counts, [k for k in ks if k <= reached], job.manifest.signature, config.seed)
    omitted = [f"pass@{k}" for k in ks if k > reached]
    verdicts = {verdict.value: count for verdict, count in opened.verdict_counts().items()}
    if internal:
        verdicts[Verdict.INTERNAL_ERROR.value] = internal
    summary = {
        "run": str(opened.run),
        "estimates": [dataclasses.asdict(estimate) for estimate in estimates],
        "coverage": {
            "problems": len(job.problems.problems),
            "problems_scored": sum(1 for n, _ in counts.values() if n),
            "completions": expected,
            "completions_scored": scored,
            "complete": scored == expected,
            "omitted": omitted,
            "repeated": opened.repeated() if config.dedup else 0,
        },
        "integrity": {
            "judged": len(job.owed) - len(_beside(job.problems, job.owed)),
            "in_sandbox": _beside(job.problems, job.owed),
        },
        "verdicts": verdicts,
        **_drawn(job, opened, config),
        "problems": {problem_id: {"n": n, "c": c} for problem_id, (n, c) in counts.items()},
    }
    store.write_whole(opened.run / store.SUMMARY, json.dumps(summary, indent=1).encode() + b"\n")
    return Result(run=opened.run, summary=summary, complete=scored == expected)


def _drawn(job: Job, opened: Store, config: RunConfig) -> dict[str, Any]:
    """`sampling` and `cost` of a summary, in one pass over the completions."""
    problems = {problem.id: problem for problem in job.problems.problems}
    tally, ledger = Tally(), Ledger()
    for completion in store.drawn(opened.run):
        tally.add(completion, empty=codegen.is_empty(problems[completion.problem_id], completion))
        ledger.add(completion)
    audit = tally.audit(opened.distinct(), None if job.saved else config.temperature)
    cost = ledger.cost(_prices(config))
    return {
        "sampling": dataclasses.asdict(audit) if audit else None,
        "cost": dataclasses.asdict(cost) if cost else None,
    }


def _prices(config: RunConfig) -> Prices | None:
    tokens = config.token_prices()
    if tokens:
        return Prices(prompt_token=tokens[0], completion_token=tokens[1])
    return Prices(hour=config.price_per_hour) if config.price_per_hour is not None else None
