"""The end of a run: coverage, verdicts, sampling and cost, written as summary.json."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from harness.files import atomic
from harness.pipeline.costs import Cost, UsageTotals
from harness.pipeline.job import Failures, Job, RunResult
from harness.pipeline.plan import extracts_replies, in_sandbox_problems
from harness.pipeline.sampling_audit import SamplingAudit, SamplingCounter
from harness.runs import layout, reader
from harness.runs.signature import Signature
from harness.runs.store import Store
from harness.runs.summary import Coverage, IntegrityCounts, Summary
from harness.tasks import ScoredRun, Task, code_task
from harness.types import Completion, Form, Problem
from sandbox import Program, Verdict


def close(job: Job, store: Store, failures: Failures) -> RunResult:
    """Summarize what the run directory holds, and write summary.json."""
    outcome = job.task.summarize(
        ScoredRun(
            scores=lambda: reader.read_scores(store.run),
            problems={problem.id: problem for problem in job.problems.problems},
            expected=job.expected,
            ks=job.ks,
            signature=_signature(job, store),
            metrics=job.metrics,
            seed=job.seed,
        )
    )
    coverage = dataclasses.replace(_coverage(job, store, failures), omitted=tuple(outcome.omitted))
    verdicts = _verdicts(store, failures) if job.task.executes else None
    sampling, cost = _sampling_and_cost(job, store, verdicts)
    summary = Summary(
        run=str(store.run),
        task=job.task.name,
        estimates=tuple(outcome.estimates),
        coverage=coverage,
        integrity=_integrity(job) if job.task.executes else None,
        verdicts=verdicts,
        sampling=dataclasses.asdict(sampling) if sampling else None,
        cost=dataclasses.asdict(cost) if cost else None,
        sections=outcome.sections,
        problems=outcome.problems,
    )
    for name, data in outcome.files.items():
        atomic.write_whole(store.run / name, data)
    atomic.write_whole(store.run / layout.SUMMARY, summary.dump())
    return RunResult(run=store.run, summary=summary.record(), complete=coverage.complete)


def _signature(job: Job, store: Store) -> str:
    """The plan's, with what the server took in another way: known only once it was asked."""
    learnt = reader.read_learnt(store.run)
    told = ",".join(f"{name}={value}" for name, value in sorted(learnt.items()))
    return str(Signature.of(job.manifest.signature, f"dialect:{told.replace('|', '/')}" if told else ""))


def _coverage(job: Job, store: Store, failures: Failures) -> Coverage:
    counts = store.counts()
    expected = sum(job.expected.values())
    scored = sum(n for n, _ in counts.values())
    return Coverage(
        problems=len(job.problems.problems),
        problems_scored=sum(1 for n, _ in counts.values() if n),
        completions=expected,
        completions_scored=scored,
        complete=scored == expected,
        refused=dict(store.refused),
        failed=dict(failures.failed),
        repeated=store.repeated() if job.dedup and job.task.executes else 0,
        left_out=dict(job.problems.left_out),
    )


def _integrity(job: Job) -> IntegrityCounts:
    in_sandbox = in_sandbox_problems(job.problems, job.expected)
    return IntegrityCounts(judged=len(job.expected) - len(in_sandbox), in_sandbox=tuple(in_sandbox))


def _verdicts(store: Store, failures: Failures) -> dict[str, int]:
    """Verdict -> how many completions have it; our own failures too, which stand in no file."""
    verdicts = {verdict.value: count for verdict, count in store.verdict_counts().items()}
    return verdicts | ({Verdict.INTERNAL_ERROR.value: failures.internal} if failures.internal else {})


def _sampling_and_cost(
    job: Job, store: Store, verdicts: Mapping[str, int] | None
) -> tuple[SamplingAudit | None, Cost | None]:
    """The audit of the sampling and what it took, in one pass over the completions."""
    problems = {problem.id: problem for problem in job.problems.problems}
    counter, totals = SamplingCounter(), UsageTotals()
    empty_replies = _extracted_nothing(job, store)
    is_empty = _Emptiness(job.task).holds
    for completion in reader.read_completions(store.run):
        totals.add(completion)
        if completion.logprobs is None and not job.task.truncation_is_harmless:  # with logprobs nothing was sampled
            key = completion.problem_id, completion.index
            known = completion.form is Form.CHAT and store.verdict(*key) is not None
            empty = key in empty_replies if known else is_empty(problems[completion.problem_id], completion)
            counter.add(completion, empty=empty, program=job.task.executes and completion.form is not Form.CHAT)
    sampled = job.manifest.identity.get("sampling")
    audit = counter.audit(
        store.distinct(),
        sampled["temperature"] if sampled else None,
        compile_errors=None if verdicts is None else verdicts.get(Verdict.COMPILE_ERROR, 0),
        unread=_unread(store, job.task.executes),
    )
    return audit, totals.cost(job.prices)


def _unread(store: Store, executes: bool) -> int | None:
    """Answers that no label could be read from; None for tasks that read none."""
    if executes:
        return None
    values = [score.values["unread"] for score in reader.read_scores(store.run) if "unread" in score.values]
    return sum(value > 0 for value in values) if values else None


def _extracted_nothing(job: Job, store: Store) -> set[tuple[str, int]]:
    """Id and index of the replies whose record says that no program was found: to extract again takes 0.8 ms each."""
    if not extracts_replies(job.task, job.model.form):
        return set()
    rows = reader.read_executions(store.run)
    return {(row["problem_id"], row["index"]) for row in rows if row.get("span", ()) is None}


class _Emptiness:
    """Whether a completion has no text or, where a program is asked for, none other than an empty one has."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._of_nothing: dict[tuple[str, Form], Program] = {}  # problem id and form -> program of an empty completion

    def holds(self, problem: Problem, completion: Completion) -> bool:
        """Of one completion."""
        if not completion.text.strip() or not self._task.executes:
            return not completion.text.strip()
        program = code_task(self._task).candidate
        key = problem.id, completion.form
        if key not in self._of_nothing:
            self._of_nothing[key] = program(problem, dataclasses.replace(completion, text="")).program
        return program(problem, completion).program == self._of_nothing[key]
