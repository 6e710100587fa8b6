"""The run directory of an evaluation of pictures: manifest.json first, samples.jsonl, summary.json, report.html."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.files.atomic import write_whole
from harness.images.metric_value import MetricValue
from harness.images.scorers import ScoreResult, by_prompt
from harness.images.scoring import ClipResult
from harness.runs import manifest as manifests
from harness.runs import store
from harness.runs.layout import SAMPLES, SUMMARY
from harness.runs.summary import Coverage, Summary
from harness.types import Estimate

REPORT = "report.html"
TASK = "images"


def begin(results: Path, dataset: str, model: str, identity: Mapping[str, Any], config: Mapping[str, Any]) -> Path:
    """A new run directory with its manifest."""
    made = manifests.make({"task": TASK, **identity}, signature(identity), config)
    return store.create_run(results, dataset, model, made)


def signature(identity: Mapping[str, Any]) -> str:
    """Everything that can change a number, in one line, without the metric's name."""
    parts = [
        f"{name}:{value}" for name, value in identity.items() if isinstance(value, str | int | float) and value != ""
    ]
    return "|".join(["task:images.v1", *parts])


def estimates(
    values: Sequence[MetricValue], clip: ClipResult | None, scores: Sequence[ScoreResult], line: str
) -> list[Estimate]:
    """The numbers that have an interval, as every summary has them."""
    found = []
    if clip is not None:
        s = clip.summary
        method = "mean over pictures; 95 % bootstrap over prompts, 2,000 resamples"
        for name, value, low, high in (
            ("clip", s.mean, s.low, s.high),
            ("r_at_1", s.r_at_1, s.r_at_1_low, s.r_at_1_high),
        ):
            found.append(
                Estimate(
                    metric=name, value=value, low=low, high=high, n_problems=s.n_prompts, n_completions=s.n_pictures,
                    method=method, signature=f"{name}|{line}",
                )
            )  # fmt: skip
    for each in scores:
        if each.low is not None and each.high is not None:
            found.append(
                Estimate(
                    metric=each.scorer, value=each.mean, low=each.low, high=each.high, n_problems=each.n_prompts,
                    n_completions=len(each.rows), method="mean over prompts; 95 % bootstrap over prompts",
                    signature=f"{each.scorer}|{line}",
                )
            )  # fmt: skip
    for one in values:
        if one.low is not None and one.high is not None and one.ci_method is not None:
            value = one.value if one.bias_corrected is None else one.bias_corrected
            found.append(
                Estimate(
                    metric=one.name, value=value, low=one.low, high=one.high, n_problems=one.n_gen or 0,
                    n_completions=one.n_gen or 0, method=one.ci_method, signature=f"{one.name}|{one.extractor}|{line}",
                )
            )  # fmt: skip
    return found


def problems(clip: ClipResult | None, scores: Sequence[ScoreResult]) -> dict[str, dict[str, float]]:
    """By prompt, over its seeds: what runs are compared by."""
    more = {one.scorer: by_prompt(one.rows) for one in scores}
    by_name: dict[str, list[tuple[float, bool]]] = {}
    for row in clip.rows if clip else ():
        by_name.setdefault(row.name, []).append((row.clip_cosine, row.rank == 1))
    return {
        name: {
            "n": len(rows),
            "clip": sum(cosine for cosine, _ in rows) / len(rows),
            "r_at_1": sum(first for _, first in rows) / len(rows),
            **{scorer: values[name] for scorer, values in more.items()},
        }
        for name, rows in by_name.items()
    }


def write_samples(run: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Replace samples.jsonl."""
    text = "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
    write_whole(run / SAMPLES, text.encode())


def coverage(values: Sequence[MetricValue], clip: ClipResult | None, *, prompts: int, pictures: int) -> Coverage:
    """What the numbers are of. Problems are the prompts of the library where CLIP scored them, else the pictures."""
    if clip is None:
        n = pictures if values else 0
        return Coverage(
            problems=pictures, problems_scored=n, completions=pictures, completions_scored=n, complete=n == pictures
        )
    scored = clip.summary.n_prompts
    return Coverage(
        problems=prompts, problems_scored=scored, completions=pictures, completions_scored=len(clip.rows),
        complete=scored == prompts and len(clip.rows) == pictures,
    )  # fmt: skip


def write_summary(
    run: Path,
    values: Sequence[MetricValue],
    clip: ClipResult | None,
    scores: Sequence[ScoreResult],
    line: str,
    counts: Coverage,
    sections: Mapping[str, Any],
) -> dict[str, Any]:
    """Replace summary.json; it is there only when all is."""
    numbers = {"metrics": [one.record() for one in values], "clip": clip.record() if clip else None}
    summary = Summary(
        run=str(run), task=TASK, estimates=tuple(estimates(values, clip, scores, line)), coverage=counts,
        sections={**sections, **numbers}, problems=problems(clip, scores),
    )  # fmt: skip
    write_whole(run / SUMMARY, summary.dump())
    return summary.record()


def read_summary(run: Path) -> dict[str, Any]:
    """Raises InputError where the folder is not an ended run of pictures."""
    try:
        summary: dict[str, Any] = json.loads((run / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{run} is not a run of pictures that has ended: it has no {SUMMARY} that can be read"
        ) from error
    if summary.get("task") != TASK:
        raise InputError(f"{run} is a run of the task {summary.get('task')!r}, not of pictures")
    return summary


def scalars(summary: Mapping[str, Any]) -> dict[str, float]:
    """Every number by the name that trackers and --fail-if use: `clip/mean`, `fid/shapes`, `recall@k5`, `copies`,
    `bits_per_dim`."""
    found: dict[str, float] = {}
    clip = summary.get("clip") or {}
    for name in ("mean", "min", "max", "std", "p05", "p95", "r_at_1"):
        if name in clip:
            found[f"clip/{name}"] = clip[name]
    for one in summary.get("metrics") or ():
        found[one["name"]] = one["value"]
        if one.get("bias_corrected") is not None:
            found[f"{one['name']}/corrected"] = one["bias_corrected"]
    for one in summary.get("scores") or ():
        found[one["scorer"]] = one["mean"]
        if one["clip_correlation"]:
            found[f"{one['scorer']}/clip_correlation"] = one["clip_correlation"]["value"]
    if summary.get("copies"):
        found["copies"] = len(summary["copies"]["candidates"])
        found["authenticity"] = summary["copies"]["authenticity"]
    if summary.get("likelihood"):
        found["bits_per_dim"] = summary["likelihood"]["bits_per_dim"]
    return found
