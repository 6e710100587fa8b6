"""The one shell around the pure parts: it alone opens engines, sandboxes and run directories.

    resolve   problems, model, sandbox -> an identity; its fingerprint finds the run directory, or makes a new one
    open      the store says what is still expected; the engine is opened only for problems without completions, and
              before anything is written, so that bad input leaves nothing behind
    stream    engine threads -> bounded queue -> sandbox threads -> store: a line is on disk as soon as it exists
    close     summarize -> summary.json

The plan is `harness.pipeline.plan`, the stream `harness.pipeline.stream`, the close `harness.pipeline.summary`.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

from harness.config import RunConfig
from harness.datasets import load_set
from harness.engines import Engine, SupportsDescription, SupportsLearning, waiting_for
from harness.engines._selection import EngineCache
from harness.errors import InputError, Interrupted
from harness.files import atomic
from harness.pipeline import results_file, shards
from harness.pipeline.execute import Sandboxes
from harness.pipeline.job import Job, RunObserver, RunResult
from harness.pipeline.plan import extracts_replies, open_samples, plan
from harness.pipeline.stream import Stream
from harness.pipeline.summary import close
from harness.runs import layout, manifest, reader, store
from harness.runs.store import Store
from harness.tasks import code_task, open_task
from harness.types import Completion

log = logging.getLogger("harness")


def run(
    config: RunConfig,
    observer: RunObserver,
    engines: EngineCache | None = None,
    sandboxes: Sandboxes | None = None,
) -> RunResult:
    """Generate, execute, score: the whole run, or what is left of it.

    engines: the models that are open already, for those who run several tasks. sandboxes: where programs run; None for
    this machine. Raises InputError, EngineError,
    StoreError, SandboxError, and Interrupted at Ctrl-C; what was done is kept.
    """
    try:
        with contextlib.ExitStack() as stack:
            opened = engines or stack.enter_context(EngineCache(observer))
            return _run(plan(config, observer, stack, sandboxes), config, observer, opened)
    except KeyboardInterrupt as error:
        raise Interrupted("stopped; what is done is kept, the same command goes on from there") from error


def _run(job: Job, config: RunConfig, observer: RunObserver, engines: EngineCache) -> RunResult:
    with waiting_for(observer, "looking for the run"):
        found = reader.find_run(config.results, job.problems.name, job.model.name, job.manifest.fingerprint)
    if found is None and config.same_server:
        found = reader.find_moved_run(config.results, job.problems.name, job.model.name, job.manifest.identity)
        if found is None:
            raise InputError("--same-server: no run of this model was begun on a server elsewhere; leave it out")

    def engine() -> Engine:
        opened = job.saved or engines.get(config, job.model)
        if found is not None:
            check_same_model(found, opened)
        return opened

    if found is None:
        opened = engine()  # what the user got wrong must show before anything is written
        about = opened.describe() if isinstance(opened, SupportsDescription) else {}
        made = manifest.with_engine(job.manifest, about)
        with waiting_for(observer, "making the run directory"):
            found = store.create_run(config.results, job.problems.name, job.model.name, made)
        with store.kept_if_begun(found):
            return resume_run(job, found, engine, observer)
    return resume_run(job, found, engine, observer)


def _program_of(job: Job) -> Callable[[Completion], str] | None:
    """The program in a reply, by which equal ones are told; None where a completion's text says it already."""
    if not job.dedup or not extracts_replies(job.task, job.model.form):
        return None
    problems = {problem.id: problem for problem in job.problems.problems}
    task = code_task(job.task)
    return lambda completion: task.candidate(problems[completion.problem_id], completion).program.source


def check_same_model(run: Path, engine: Engine) -> None:
    """Raises InputError where a server now has another model under the name that the run was begun with."""
    about = engine.describe() if isinstance(engine, SupportsDescription) else {}
    begun, now = reader.read_manifest(run).engine.get("root"), about.get("root")
    if begun and now and begun != now:
        raise InputError(
            f"{run} was begun on the model {begun}, and the server now has {now} under the same name; give that one a "
            "name of its own, or another folder with --results"
        )


def resume_run(job: Job, found: Path, engine: Callable[[], Engine], observer: RunObserver) -> RunResult:
    """Do what the run directory `found` still owes, and close it."""
    with contextlib.ExitStack() as stack:
        with waiting_for(observer, "reading what is done"):
            opened = stack.enter_context(
                Store(found, job.expected, executes=job.task.executes, program_of=_program_of(job))
            )
        if opened.complete():
            observer.note("this run is complete: nothing is done again")
        with store.logging_to(found):
            used: list[Engine] = []

            def opening() -> Engine:
                used[:] = [engine()]
                return used[0]

            try:
                processes = shards.count(job, opened)
                if processes > 1:
                    failures = shards.run(job, opened, observer, processes)
                else:
                    failures = Stream(job, opened, opening, observer).run()
            finally:
                for each in used:
                    _note_learnt(found, each)
        with waiting_for(observer, "computing the metrics and their intervals"):
            return close(job, opened, failures)


def _note_learnt(run: Path, engine: Engine) -> None:
    """Keep what a server takes in another way beside the run, for its signature; what is known of before stays."""
    learnt = engine.learnt() if isinstance(engine, SupportsLearning) else {}
    if learnt:
        atomic.write_whole(run / layout.SERVER, json.dumps({**reader.read_learnt(run), **learnt}).encode() + b"\n")


def write_results(config: RunConfig, result: RunResult, target: Path) -> None:
    """The samples' rows with their verdicts, for a run of engine replay."""
    problems = load_set(config.problems, config.cache, open_task(config.task, config.task_options))
    opened = open_samples(config, problems)
    if opened is None:
        raise InputError("only a run of saved completions has a results file")
    try:
        results_file.write_results(target, opened, problems, result.run)
    finally:
        opened.close()
