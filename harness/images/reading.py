"""What the numbers say, in words: real?, varied?, what was asked for?, copies?

"Real and varied" needs a distance near its noise floor, and precision, recall and coverage at every k near what the
reference scores against itself. At or below the floor there is nothing to judge, and that is said instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.images.by_extractor import ByExtractor
from harness.images.clusters import find_clusters
from harness.images.features import FeatureSet
from harness.images.metric_value import MetricValue, find
from harness.metrics import metric_or_guess
from harness.metrics.precision_recall import PrecisionRecall
from harness.text.numbers import amount

LOW_SHARE, HIGH_SHARE = 0.6, 0.8  # of what the reference scores against itself
SMALLEST_CLUSTER = 10
NEAR_FLOOR = 2.0  # times the noise floor
WORTH = {
    "shapes": "The extractor shapes is a small classifier that was taught to name attributes. It sees what a picture "
    "shows more than how it looks: blank gray pictures have a precision of 100% at k = 5. Its precision is "
    "weak evidence: look at the pictures.",
    "clip": "CLIP features see what a picture shows more than how well it is drawn; nearness in them is about content.",
    "inception": "Inception features were taught to tell the classes of ImageNet: for other kinds of pictures (faces, "
    "art, medical) they see less, and DINOv2 agrees better with people (Stein et al. 2023, arXiv 2306.04675).",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One thing to know. kind: verdict, caution or note."""

    kind: str
    text: str


def read(
    found: Sequence[ByExtractor],
    *,
    clip: Mapping[str, Any] | None = None,
    scores: Sequence[Mapping[str, Any]] = (),
    copies: Mapping[str, Any] | None = None,
    likelihood: Mapping[str, Any] | None = None,
) -> list[Sentence]:
    """Sentences in the order in which they matter. The verdict is by the first extractor; of each other its distance
    is said, and its verdict where that is another one."""
    first, *others = found
    said = _of_copies(copies) + _of_distances(first)
    own = {one.text.partition(":")[0] for one in said if one.kind == "verdict"}
    for other in others:
        seen = _of_distances(other)
        verdicts = [one for one in seen if one.kind == "verdict" and one.text.partition(":")[0] not in own]
        about = f"By {other.gen.info.signature}"
        said += [Sentence(kind="caution", text=f"{about}, otherwise: {one.text}") for one in verdicts]
        said += [Sentence(kind="note", text=f"{about}: {one.text}") for one in _floor(other.values.values)]
    if clip:
        said.append(Sentence(kind="verdict", text=_clip(clip)))
    said += [Sentence(kind="note", text=_agreement(one)) for one in scores if one["clip_correlation"]]
    if likelihood:
        said.append(Sentence(kind="note", text=_likelihood(likelihood)))
    kinds = dict.fromkeys(one.real.info.kind for one in found if one.real is not None and one.values.values)
    return said + [Sentence(kind="note", text=WORTH[kind]) for kind in kinds if kind in WORTH]


def _of_copies(copies: Mapping[str, Any] | None) -> list[Sentence]:
    said = []
    if copies and copies["leaks"]:
        said.append(Sentence(kind="caution", text=_leaks(copies["leaks"])))
    if copies and copies["candidates"]:
        n = len(copies["candidates"])
        text = f"{_count(n, 'generated picture')} may be a copy of a training picture: look at the pairs."
        if "W_NO_HOLDOUT" in copies["warnings"]:
            text += " Without a hold-out, nearness is judged by training itself: those that are not copies count too."
        said.append(Sentence(kind="caution", text=text))
    return said


def _of_distances(found: ByExtractor) -> list[Sentence]:
    if found.real is None:
        return []
    values = found.values.values
    return _neighbourhoods(values, found.values.neighbourhoods, found.real) + _floor(values)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _leaks(leaks: Mapping[str, int]) -> str:
    parts = [f"{_count(n, 'training picture')} in the {name}" for name, n in leaks.items()]
    return f"Leak: {' and '.join(parts)}; every other number is too good by what these do."


def _floor(values: Sequence[MetricValue]) -> list[Sentence]:
    one = _distance(values)
    if one is None:
        return []
    if one.noise_floor is None:
        return [Sentence(kind="note", text=f"{one.name} is {amount(one.value)}; there is no floor to hold it against.")]
    if "W_FLOOR" in one.warnings:
        text = (
            f"{one.name} is {amount(one.value)}, not above the noise floor of {amount(one.noise_floor)} at this number "
            "of pictures: no difference from the reference can be seen, and none is excluded."
        )
        return [Sentence(kind="note", text=text)]
    times = one.value / one.noise_floor if one.noise_floor > 0 else float("inf")
    spread = ""
    if one.low is not None and one.high is not None and one.bias_corrected is not None:
        spread = f" (without its bias {amount(one.bias_corrected)}, {amount(one.low)} to {amount(one.high)})"
    text = f"{one.name} is {amount(one.value)}{spread}, {times:.2g} times the noise floor of {amount(one.noise_floor)}."
    return [Sentence(kind="note", text=text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weakest:
    """A share at the k where it is lowest against `own`, what the reference scores against itself there."""

    value: float
    own: float
    k: int

    @property
    def of_own(self) -> float:
        """1 at most: more than the reference itself is no better than it."""
        return min(1.0, self.value / self.own) if self.own > 0 else 1.0


def _weakest(name: str, values: Sequence[MetricValue], found: Sequence[PrecisionRecall]) -> _Weakest:
    rows = []
    for one in found:
        params = next((each.params for each in values if each.name == f"{name}@k{one.k}"), {})
        own = params.get("of_reference") or params.get("of_one_distribution") or 1.0
        rows.append(_Weakest(value=getattr(one, name), own=own, k=one.k))
    return min(rows, key=lambda row: row.of_own)


def _neighbourhoods(
    values: Sequence[MetricValue], found: Sequence[PrecisionRecall], real: FeatureSet
) -> list[Sentence]:
    """Realism is precision, variety recall and coverage, each at its weakest k; and the distance must agree."""
    if not found:
        return []
    precision, recall, coverage = (_weakest(name, values, found) for name in ("precision", "recall", "coverage"))
    varied = min(recall.of_own, coverage.of_own)
    said = []
    if precision.of_own >= HIGH_SHARE and varied >= HIGH_SHARE:
        said += _passing(values, precision, coverage)
    else:
        said.append(Sentence(kind="verdict", text=_failing(precision, recall, coverage)))
    one = _distance(values)
    if one is not None and one.value < 20 and varied < LOW_SHARE:
        text = f"{one.name} of {amount(one.value)} is no pass: recall and coverage are low."
        said.append(Sentence(kind="caution", text=text))
    covered = next(each.covered for each in found if each.k == coverage.k)
    find_missing = missing_prompts if real.prompts and any(real.prompts) else missing_clusters
    missing = find_missing(real, ~covered) if coverage.of_own < 0.9 else []
    if missing:
        names = "; ".join(f"{prompt} ({share:.0%} of {n})" for prompt, share, n in missing[:5])
        said.append(Sentence(kind="note", text=f"Most often without a picture near: {names}."))
    return said


def _share(value: float) -> str:
    return amount(value, share=True)


def _distance(values: Sequence[MetricValue]) -> MetricValue | None:
    return find(values, "fd") or find(values, "fid")


def _passing(values: Sequence[MetricValue], precision: _Weakest, coverage: _Weakest) -> list[Sentence]:
    """Where the shares at every k are those of the reference: the distance decides what may be said."""
    one = _distance(values)
    shares = (
        f"{_share(precision.value)} of the pictures lie among the reference's (its own: {_share(precision.own)}), and "
        f"{_share(coverage.value)} of it has one of them near (its own: {_share(coverage.own)})"
    )
    if one is None or not one.noise_floor:
        text = f"No verdict without a distance and its noise floor: {shares}."
        return [Sentence(kind="note", text=text)]
    if one.value <= one.noise_floor:
        return []  # said by the sentence about the floor
    times = one.value / one.noise_floor
    if times <= NEAR_FLOOR:
        text = f"Real and varied: {one.name} is {times:.2g} times its noise floor, {shares}."
    else:
        text = f"Near the reference, but not it: {shares}, yet {one.name} is {times:.2g} times its noise floor."
    return [Sentence(kind="verdict", text=text)]


def _failing(precision: _Weakest, recall: _Weakest, coverage: _Weakest) -> str:
    varied = min(recall.of_own, coverage.of_own)
    unlike = f"{_share(1 - precision.value)} of the pictures are unlike any of the reference (k = {precision.k})"
    if coverage.of_own <= recall.of_own:
        away = f"{_share(1 - coverage.value)} of the reference has no picture near it (k = {coverage.k})"
    else:
        away = f"{_share(1 - recall.value)} of the reference lies outside what is generated (k = {recall.k})"
    if precision.of_own >= HIGH_SHARE:
        degree = "Real but little variety" if varied < LOW_SHARE else "Real but less variety than the reference"
        return f"{degree}: {away}."
    if varied >= HIGH_SHARE:
        degree = "Varied but not real" if precision.of_own < LOW_SHARE else "Varied, not always real"
        return f"{degree}: {unlike}."
    return f"Neither real nor varied enough: {unlike}, and {away}."


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


def missing_clusters(real: FeatureSet, alone: Any) -> list[tuple[str, float, int]]:
    """The same for a reference without captions: clusters of its features, named by the picture in their middle."""
    lonely = np.asarray(alone)
    rows = []
    for one in find_clusters(real.matrix):
        middle = int(one.places[0])
        name = real.ids[middle] if middle < len(real.ids) else f"row {middle}"
        rows.append((f"pictures like {name}", float(lonely[one.places].mean()), len(one.places)))
    rows = [row for row in rows if row[2] >= SMALLEST_CLUSTER and row[1] > 1.3 * float(lonely.mean())]
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def _clip(clip: Mapping[str, Any]) -> str:
    first = clip["r_at_1"]
    degree = "mostly show" if first >= 0.8 else "often show" if first >= 0.4 else "rarely show"
    return (
        f"The pictures {degree} what was asked for: of {clip['n_prompts']} prompts a picture's own comes first for "
        f"{_share(first)} (cosine {amount(clip['mean'])}). This is about the prompt, not about quality."
    )


NO_SHARE = 2.0  # a scorer of somebody else's has values of no known kind


def _agreement(score: Mapping[str, Any]) -> str:
    one = score["clip_correlation"]
    reach = "" if one["low"] is None else f" ({amount(one['low'])} to {amount(one['high'])} over prompts)"
    mean = metric_or_guess(score["scorer"], [NO_SHARE]).text(score["mean"])
    return (
        f"{score['scorer']} is {mean}. Its rank correlation with the CLIP cosine is "
        f"{amount(one['value'])}{reach}: 1 where both order the pictures alike, 0 where they have nothing in common."
    )


def _likelihood(found: Mapping[str, Any]) -> str:
    gap = found.get("gap")
    text = f"{found['bits_per_dim']:.4f} bits per dimension at most on unseen pictures"
    if gap:
        text += f", {gap['value']:+.4f} against training ({gap['low']:+.4f} to {gap['high']:+.4f})"
    return text + ". Lower is better, and it says nothing about looks."
