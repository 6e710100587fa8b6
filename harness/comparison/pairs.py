"""Runs compared by pairs on the problems that both scored: reads manifests and summaries, runs nothing.

    open      manifest and summary of each run; where they differ decides whether they may be compared (comparability)
    metrics   what a summary holds per problem -> one value per problem (and its weight, for perplexity)
    pairs     every pair of runs on its common problems (paired); Holm's correction over the pairs of a metric

Flipped problems with their programs are `harness.comparison.flips`.
"""

from __future__ import annotations

import itertools
import math
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.comparison.conditions import Mismatch, MismatchKind, find_mismatches, refusal
from harness.errors import InputError, did_you_mean
from harness.metrics import Metric, Unit, find_metric, metric_or_guess, pass_at_k, perplexity
from harness.runs.manifest import Manifest
from harness.runs.reader import SavedRun
from harness.stats import bootstrap, paired
from harness.stats.paired import Difference

Problem = Mapping[str, Any]
FLIPS_PER_PAIR = 400  # random flips for each pair at least, so that Holm's correction can still reach 5 %
FAR = 10_000_000  # problems: what needs more is not worth a number

_OF_K = re.compile(r"(?:pass\^|g-pass@|base_pass@)(\d+)(?:_.*)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """A run to compare: its letter, its directory, and what is written there. problems: only those with a score."""

    label: str
    path: Path
    manifest: Manifest
    summary: Mapping[str, Any]
    problems: Mapping[str, Problem]

    @property
    def model(self) -> str:
        """The model's name."""
        identity = self.manifest.identity.get("model", {})
        return str(identity.get("name") or identity.get("samples") or self.path.name)

    @property
    def task(self) -> str:
        """The task's name."""
        return str(self.summary.get("task") or "codegen")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """One pair of runs in one metric.

    p_adjusted: Holm's, over the pairs of this metric. smallest_detectable: at 5 % over the number of pairs.
    problems_needed: to show a difference as large as the one seen; None where nothing is known of it. relative: change
    of perplexity from the second to the first, with its interval, as a share. left_out: problems that one run scored.
    """

    first: ComparedRun
    second: ComparedRun
    metric: Metric
    difference: Difference
    p_adjusted: float
    smallest_detectable: float | None
    problems_needed: int | None
    relative: tuple[float, float, float] | None
    left_out: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Of the first run: `better`, `worse`, `equal` (no problem differs) or `no evidence`.

        `different` where the metric has no direction.
        """
        if self.p_adjusted <= bootstrap.ALPHA:
            better = self.metric.is_better(self.difference.value)
            return "different" if better is None else "better" if better else "worse"
        return "equal" if not self.difference.won + self.difference.lost else "no evidence"

    @property
    def won(self) -> int:
        """Problems where the first run is better; where its value is larger if the metric has no direction."""
        return self.difference.lost if self.metric.lower_is_better else self.difference.won

    @property
    def lost(self) -> int:
        """Problems where the second run is better."""
        return self.difference.won if self.metric.lower_is_better else self.difference.lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that was found out. warnings: what a reader must know before the numbers."""

    runs: tuple[ComparedRun, ...]
    mismatches: tuple[Mismatch, ...]
    rows: tuple[PairResult, ...]
    warnings: tuple[str, ...]
    forced: bool


def compare(
    paths: Sequence[Path],
    *,
    ks: Sequence[int] = (),
    vary: Sequence[str] = (),
    force: bool = False,
    seed: int = 0,
    done: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Every pair of the runs, in every metric that all allow. done: told after each how many of how many are done.

    Raises InputError for what is no finished run, for runs that differ in more than `vary` unless forced, for a k that
    a run does not allow, and for runs of different tasks or without a common problem.
    """
    runs = [open_run(path, label) for path, label in zip(paths, _labels(len(paths)), strict=True)]
    tasks = {run.task for run in runs}
    if len(tasks) > 1:
        raise InputError(f"runs of different tasks have no common metric: {', '.join(sorted(tasks))}")
    mismatches = find_mismatches([run.manifest for run in runs], vary)
    conflicts = [each for each in mismatches if each.kind is MismatchKind.CONFLICT]
    if conflicts and not force:
        raise InputError(refusal(conflicts, [run.label for run in runs]))
    metrics, warnings = _metrics(runs, ks)
    pairs = list(itertools.combinations(runs, 2))
    finished, total = itertools.count(1), len(pairs) * len(metrics)

    def step() -> None:
        if done is not None:
            done(next(finished), total)

    rows = [row for metric in metrics for row in _rows(pairs, metric, seed, step)]
    return Comparison(
        runs=tuple(runs),
        mismatches=tuple(mismatches),
        rows=tuple(rows),
        warnings=(*_incomplete(runs), *warnings),
        forced=bool(conflicts),
    )


def open_run(path: Path, label: str) -> ComparedRun:
    """Raises InputError where the folder is not a run directory, or its run has not come to an end."""
    saved = SavedRun(path)
    problems = {name: each for name, each in saved.summary["problems"].items() if each["n"]}
    if not problems:
        raise InputError(f"{path} has no scored problem")
    return ComparedRun(label=label, path=path, manifest=saved.manifest, summary=saved.summary, problems=problems)


def _labels(count: int) -> list[str]:
    """A, B ... Z, AA, AB ..."""
    letters = string.ascii_uppercase
    return [*letters, *("".join(pair) for pair in itertools.product(letters, repeat=2))][:count]


def _incomplete(runs: Sequence[ComparedRun]) -> list[str]:
    found = []
    for run in runs:
        coverage = run.summary["coverage"]
        if not coverage["complete"]:
            done, all_of_them = coverage["completions_scored"], coverage["completions"]
            found.append(f"{run.label} is incomplete: {done} of {all_of_them} completions are scored")
    return found


def _metrics(runs: Sequence[ComparedRun], ks: Sequence[int]) -> tuple[list[Metric], list[str]]:
    """The metrics that all runs allow, and what is not compared."""
    if runs[0].task == "codegen":
        return [*map(pass_at_k.metric, _common_ks(runs, ks)), *_other_counts(runs, ks)], []
    if ks:
        raise InputError(f"--k is for code; these runs are of task {runs[0].task}")
    return _perplexity(runs) if runs[0].task == "perplexity" else _means(runs)


def _common_ks(runs: Sequence[ComparedRun], asked: Sequence[int]) -> list[int]:
    smallest, where, problem_id = min(
        (each["n"], run.label, name) for run in runs for name, each in run.problems.items()
    )
    for k in asked:
        if not 1 <= k <= smallest:
            raise InputError(f"pass@{k} needs 1 <= k <= n, but n is {smallest} for {problem_id} in {where}")
    if asked:
        return sorted(set(asked))
    names = {estimate["metric"] for run in runs for estimate in run.summary["estimates"]}
    reported = {int(name.removeprefix("pass@")) for name in names if name.startswith("pass@")}
    return sorted(k for k in reported or pass_at_k.DEFAULT_KS if k <= smallest) or [1]


def _other_counts(runs: Sequence[ComparedRun], asked: Sequence[int]) -> list[Metric]:
    """What else of programs every run reports; of the metrics of a k those that are asked for, or all."""
    shared = set.intersection(*({each["metric"] for each in run.summary["estimates"]} for run in runs))
    names = [each["metric"] for each in runs[0].summary["estimates"] if each["metric"] in shared]
    found = [(_OF_K.fullmatch(name), find_metric(name)) for name in names if not name.startswith("pass@")]
    return [metric for match, metric in found if metric and not (match and asked and int(match[1]) not in asked)]


def _means(runs: Sequence[ComparedRun]) -> tuple[list[Metric], list[str]]:
    """The estimates that are means over items: those that each problem has a value of the same name for."""
    shared = set.intersection(*({each["metric"] for each in run.summary["estimates"]} for run in runs))
    names = [each["metric"] for each in runs[0].summary["estimates"] if each["metric"] in shared]
    found, others = [], []
    for name in names:
        values = [problem.get(name) for run in runs for problem in run.problems.values()]
        numbers = [value for value in values if value is not None]
        metric = metric_or_guess(name, numbers)
        if metric.value is not None and len(numbers) == len(values):
            found.append(metric)
        else:
            others.append(name)
    return found, [f"not compared, because they are not means over items: {', '.join(others)}"] if others else []


def _perplexity(runs: Sequence[ComparedRun]) -> tuple[list[Metric], list[str]]:
    """Loss per token where all runs have the same tokens, else per byte: tokens of two tokenizers are two units."""
    texts = set.intersection(*(set(run.problems) for run in runs))
    per_token, _, per_byte, _ = perplexity.METRICS
    if all(len({run.problems[text]["tokens"] for run in runs}) == 1 for text in texts):
        return [per_token], []
    return [per_byte], ["the runs cut the texts into different tokens, so they are compared per byte"]


def _rows(
    pairs: Sequence[tuple[ComparedRun, ComparedRun]], metric: Metric, seed: int, step: Callable[[], None]
) -> list[PairResult]:
    flips = max(bootstrap.RESAMPLES, FLIPS_PER_PAIR * len(pairs))
    differences = []
    for first, second in pairs:
        differences.append(_difference(first, second, metric, seed, flips))
        step()
    adjusted = paired.holm([each.p_value for each in differences])
    alpha = bootstrap.ALPHA / len(pairs)
    return [
        PairResult(
            first=first,
            second=second,
            metric=metric,
            difference=each,
            p_adjusted=p_adjusted,
            smallest_detectable=_smallest(each, alpha),
            problems_needed=_needed(each, alpha),
            relative=_relative(each) if metric.unit is Unit.NATS else None,
            left_out=tuple(sorted(set(first.problems) ^ set(second.problems))),
        )
        for (first, second), each, p_adjusted in zip(pairs, differences, adjusted, strict=True)
    ]


def _difference(first: ComparedRun, second: ComparedRun, metric: Metric, seed: int, flips: int) -> Difference:
    common = sorted(set(first.problems) & set(second.problems))
    if not common:
        raise InputError(f"{first.label} and {second.label} have no problem in common")
    weight = metric.weight
    return paired.compare(
        [metric.of(first.problems[name]) for name in common],
        [metric.of(second.problems[name]) for name in common],
        np.random.default_rng(seed),
        weights=[weight(first.problems[name]) for name in common] if weight else None,
        largest=metric.largest,
        flips=flips,
    )


def _smallest(difference: Difference, alpha: float) -> float | None:
    if not difference.variance:
        return None
    return paired.smallest_detectable(difference.variance, difference.n_problems, step=difference.step, alpha=alpha)


def _needed(difference: Difference, alpha: float) -> int | None:
    effect, variance = abs(difference.value), difference.variance
    if not variance or not effect or variance / effect**2 > FAR:
        return None
    return paired.problems_needed(variance, effect, step=difference.step, alpha=alpha)


def _relative(difference: Difference) -> tuple[float, float, float]:
    value, low, high = (math.expm1(each) for each in (difference.value, difference.low, difference.high))
    return value, low, high


def check_problem(runs: Sequence[ComparedRun], problem: str) -> None:
    """Raises InputError for a problem that not every run has scored."""
    for run in runs:
        if problem not in run.problems:
            raise InputError(f"{run.label} has no scored problem {problem!r}{did_you_mean(problem, run.problems)}")


def record(comparison: Comparison) -> dict[str, Any]:
    """What `--json` prints, but for the flips."""
    labels = [run.label for run in comparison.runs]
    fields = {
        kind.value: {each.field: dict(zip(labels, each.values, strict=True)) for each in comparison.mismatches
                     if each.kind is kind}
        for kind in MismatchKind
    }  # fmt: skip
    return {
        "task": comparison.runs[0].task,
        "runs": [_run_record(run) for run in comparison.runs],
        "forced": comparison.forced,
        "fields": fields,
        "warnings": list(comparison.warnings),
        "comparisons": [_row_record(row) for row in comparison.rows],
    }


def _run_record(run: ComparedRun) -> dict[str, Any]:
    return {
        "label": run.label,
        "run": str(run.path),
        "model": run.model,
        "signature": run.manifest.signature,
        "complete": run.summary["coverage"]["complete"],
        "estimates": run.summary["estimates"],
    }


def _row_record(row: PairResult) -> dict[str, Any]:
    found = row.difference
    return {
        "a": row.first.label,
        "b": row.second.label,
        "metric": row.metric.name,
        "unit": "share" if row.metric.is_share else row.metric.difference_unit,
        "higher_is_better": row.metric.is_better(1.0),
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "relative": dict(zip(("value", "low", "high"), row.relative, strict=True)) if row.relative else None,
        "p_value": found.p_value,
        "p_adjusted": row.p_adjusted,
        "method": found.method,
        "smallest_detectable": row.smallest_detectable,
        "problems_needed": row.problems_needed,
        "n_problems": found.n_problems,
        "won": row.won,
        "lost": row.lost,
        "tied": found.tied,
        "left_out": list(row.left_out),
        "verdict": row.verdict,
    }
