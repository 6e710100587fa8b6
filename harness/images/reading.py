"""What the numbers say, in words: real?, varied?, what was asked for?, copies? No verdict below the noise floor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.images.distances import MetricValue, find
from harness.images.features import FeatureSet
from harness.metrics.precision_recall import PrecisionRecall, expected_coverage

LOW_SHARE, HIGH_SHARE = 0.6, 0.8  # of what two samples of the reference would have


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One thing to know. kind: verdict, caution or note."""

    kind: str
    text: str


def read(
    values: Sequence[MetricValue],
    neighbourhoods: PrecisionRecall | None,
    real: FeatureSet,
    *,
    clip: Mapping[str, Any] | None = None,
    copies: Mapping[str, Any] | None = None,
    likelihood: Mapping[str, Any] | None = None,
) -> list[Sentence]:
    """Sentences in the order in which they matter."""
    said: list[Sentence] = []
    if copies and copies["leaks"]:
        said.append(Sentence(kind="caution", text=_leaks(copies["leaks"])))
    if copies and copies["candidates"]:
        n = len(copies["candidates"])
        said.append(
            Sentence(kind="caution", text=f"{_count(n, 'generated picture')} may be a copy of a training picture: "
            f"look at the pairs.")
        )  # fmt: skip
    said += _floor(values)
    if neighbourhoods is not None:
        said += _neighbourhoods(values, neighbourhoods, real)
    if clip:
        said.append(Sentence(kind="verdict", text=_clip(clip)))
    if likelihood:
        said.append(Sentence(kind="note", text=_likelihood(likelihood)))
    return said


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _leaks(leaks: Mapping[str, int]) -> str:
    parts = [f"{_count(n, 'training picture')} in the {name}" for name, n in leaks.items()]
    return f"Leak: {' and '.join(parts)}; every other number is too good by what these do."


def _floor(values: Sequence[MetricValue]) -> list[Sentence]:
    one = find(values, "fd") or find(values, "fid")
    if one is None:
        return []
    if one.noise_floor is None:
        return [Sentence(kind="note", text=f"{one.name} is {one.value:.4g}; there is no floor to hold it against.")]
    if "W_FLOOR" in one.warnings:
        text = (
            f"{one.name} is {one.value:.3g}, not above the noise floor of {one.noise_floor:.3g} at this number of "
            f"pictures: "
            "no difference from the reference can be seen, and none is excluded."
        )
        return [Sentence(kind="note", text=text)]
    times = one.value / one.noise_floor if one.noise_floor > 0 else float("inf")
    spread = "" if one.low is None else f" (without its bias {one.bias_corrected:.3g}, {one.low:.3g} to {one.high:.3g})"
    text = f"{one.name} is {one.value:.3g}{spread}, {times:.2g} times the noise floor of {one.noise_floor:.3g}."
    return [Sentence(kind="note", text=text)]


def _neighbourhoods(values: Sequence[MetricValue], found: PrecisionRecall, real: FeatureSet) -> list[Sentence]:
    """Realism is precision; variety is recall, and coverage against what two samples of the reference would have."""
    n_gen = len(found.precise)
    cover = found.coverage / expected_coverage(len(found.covered), n_gen, found.k)
    real_enough, varied = found.precision, min(found.recall, cover)
    away = 100 * (1 - found.coverage)
    if real_enough >= HIGH_SHARE and varied >= HIGH_SHARE:
        text = (
            f"Real and varied: {found.precision:.0%} of the pictures lie among the reference's, which is "
            f"{cover:.0%} covered."
        )
    elif real_enough >= HIGH_SHARE:
        degree = "little variety" if varied < LOW_SHARE else "less variety than the reference"
        text = f"Real but {degree}: {away:.0f} % of the reference has no picture near it."
    elif varied >= HIGH_SHARE:
        degree = "Varied but not real" if real_enough < LOW_SHARE else "Varied, not always real"
        text = f"{degree}: {100 * (1 - found.precision):.0f} % of the pictures are unlike any of the reference."
    else:
        text = (
            f"Neither real nor varied enough: {100 * (1 - found.precision):.0f} % of the pictures are unlike any of "
            f"the "
            f"reference, and {away:.0f} % of the reference has no picture near it."
        )
    said = [Sentence(kind="verdict", text=text)]
    one = find(values, "fd") or find(values, "fid")
    if one is not None and one.value < 20 and varied < LOW_SHARE:
        said.append(
            Sentence(kind="caution", text=f"{one.name} of {one.value:.3g} is no pass: recall and coverage are low.")
        )
    missing = missing_prompts(real, ~found.covered) if cover < 0.9 else []
    if missing:
        names = "; ".join(f"{prompt} ({share:.0%} of {n})" for prompt, share, n in missing[:5])
        said.append(Sentence(kind="note", text=f"Most often without a picture near: {names}."))
    return said


def missing_prompts(real: FeatureSet, alone: Any) -> list[tuple[str, float, int]]:
    """What the reference pictures without a neighbour show: (words of their captions or the caption, share alone,
    number).

    Captions of several pictures are counted as they are; where each has few, their words are, if much more often
    alone than the rest.
    """
    if not real.prompts or len(real.prompts) != len(alone):
        return []
    lonely = np.asarray(alone)
    counts, missed = Counter[str](), Counter[str]()
    for prompt, is_alone in zip(real.prompts, lonely, strict=True):
        for word in set(prompt.split()):
            counts[word] += 1
            missed[word] += bool(is_alone)
    overall = float(lonely.mean())
    rows = [(f"“{word}”", missed[word] / n, n) for word, n in counts.items() if 20 <= n < 0.9 * len(lonely)]
    rows = [row for row in rows if row[1] > 1.3 * overall]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def _clip(clip: Mapping[str, Any]) -> str:
    first = clip["r_at_1"]
    degree = "mostly show" if first >= 0.8 else "often show" if first >= 0.4 else "rarely show"
    return (
        f"The pictures {degree} what was asked for: of {clip['n_prompts']} prompts a picture's own comes first for "
        f"{first:.0%} "
        f"(cosine {clip['mean']:.3f}). This is about the prompt, not about quality."
    )


def _likelihood(found: Mapping[str, Any]) -> str:
    gap = found.get("gap")
    text = f"{found['bits_per_dim']:.3f} bits per dimension at most on unseen pictures"
    if gap:
        text += f", {gap['value']:+.3f} against training ({gap['low']:+.3f} to {gap['high']:+.3f})"
    return text + ". Lower is better, and it says nothing about looks."
