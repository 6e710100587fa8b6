"""The end of a run: coverage, verdicts, sampling and cost, written as summary.json."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from harness.config import RunConfig
from harness.files import atomic
from harness.pipeline.costs import Prices, UsageTotals
from harness.pipeline.job import Failures, Job, RunResult
from harness.pipeline.plan import extracts_replies, in_sandbox_problems
from harness.pipeline.sampling_audit import SamplingCounter
from harness.runs import layout, reader
from harness.runs.store import Store
from harness.tasks import Ended, Task
from harness.types import Completion, Form, Problem
from sandbox import Verdict

SHORT = ("classification",)  # tasks whose answers may well be cut: what counts stands at their beginning


def close(job: Job, opened: Store, config: RunConfig, gaps: Failures) -> RunResult:
    """Summarize what the run directory holds, and write summary.json."""
    outcome = job.task.summarize(
        Ended(
            scores=lambda: reader.read_scores(opened.run),
            problems={problem.id: problem for problem in job.problems.problems},
            expected=job.expected,
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
        **_sampling_and_cost(job, opened, config),
        **outcome.sections,
        "problems": outcome.problems,
    }
    for name, data in outcome.files.items():
        atomic.write_whole(opened.run / name, data)
    atomic.write_whole(opened.run / layout.SUMMARY, json.dumps(summary, indent=1).encode() + b"\n")
    return RunResult(run=opened.run, summary=summary, complete=bool(coverage["complete"]))


def _coverage(job: Job, opened: Store, gaps: Failures) -> dict[str, Any]:
    """What the numbers are of. refused, failed: problem id -> why requests for it were not answered."""
    counts = opened.counts()
    expected = sum(job.expected.values())
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


def _execution_sections(job: Job, opened: Store, gaps: Failures) -> dict[str, Any]:
    verdicts = {verdict.value: count for verdict, count in opened.verdict_counts().items()}
    if gaps.internal:
        verdicts[Verdict.INTERNAL_ERROR.value] = gaps.internal
    in_sandbox = in_sandbox_problems(job.problems, job.expected)
    return {
        "integrity": {"judged": len(job.expected) - len(in_sandbox), "in_sandbox": in_sandbox},
        "verdicts": verdicts,
    }


def _sampling_and_cost(job: Job, opened: Store, config: RunConfig) -> dict[str, Any]:
    """`sampling` and `cost` of a summary, in one pass over the completions."""
    problems = {problem.id: problem for problem in job.problems.problems}
    tally, ledger = SamplingCounter(), UsageTotals()
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
    if not extracts_replies(job.task, job.model.form):
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
