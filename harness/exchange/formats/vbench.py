"""VBench (Huang et al. 2024, arXiv 2311.17982): `*_eval_results.json`, a mean and the single videos of each dimension.

{"subject_consistency": [0.93, [{"video_path": "...", "video_results": 0.95}, ...]], ...}. The means are VBench's own;
standard errors are over videos. `imaging_quality` is of 100 for the single videos, and in older versions for their mean
too; here it is of 1 as the others are. No total is made of them: VBench's needs the ranges of its leaderboard.
"""

from __future__ import annotations

from typing import Any

from harness.errors import SamplesError
from harness.exchange import ImportedSet, InputFile, ReportedMetric, number
from harness.exchange.reported import clustered_mean

ROUND_TRIP = "numbers"


def recognizes(source: InputFile) -> bool:
    """Whether every dimension has a number and a list of videos."""
    document = source.document
    return isinstance(document, dict) and bool(document) and all(_is_dimension(each) for each in document.values())


def _is_dimension(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and number(value[0]) is not None
        and isinstance(value[1], list)
        and all(isinstance(row, dict) and "video_results" in row for row in value[1])
    )


def read(source: InputFile) -> list[ImportedSet]:
    """A number for each dimension. Raises SamplesError for one that has no mean and videos."""
    document = source.document
    if not isinstance(document, dict) or not document:
        raise SamplesError(f"{source.path}: an object dimension -> [mean, videos] is expected")
    for name, value in document.items():
        if not _is_dimension(value):
            raise SamplesError(f"{source.path}, {name}: [mean, list of video_path and video_results] is expected")
    return [ImportedSet(dataset="vbench", claimed=tuple(_dimension(name, *each) for name, each in document.items()))]


def _dimension(name: str, mean: float, videos: list[dict[str, Any]]) -> ReportedMetric:
    values = [float(row["video_results"]) for row in videos if isinstance(row["video_results"], bool | int | float)]
    if name == "imaging_quality":
        mean = mean / 100 if mean > 1 else mean
        values = [value / 100 for value in values] if max(values, default=0.0) > 1 else values
    stderr = None
    if len(values) == len(videos) and len(values) > 1:
        stderr = clustered_mean(name, values, range(len(values))).stderr
    return ReportedMetric(
        metric=f"vbench/{name}", value=float(mean), stderr=stderr, n_problems=len(videos) or None,
        n_completions=len(videos),
    )  # fmt: skip
