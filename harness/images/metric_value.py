"""One number of summary.json's `metrics`: the value, its interval, floor and band, and the codes of what must be known
about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.metrics import metric_or_guess

WARNINGS = {
    "W_N_LT_D": "no more pictures than dimensions: the value is mostly bias",
    "W_N_LT_2D": "fewer than twice as many pictures as dimensions: no interval",
    "W_N_SMALL": "fewer than 10,000 pictures: do not compare with published values",
    "W_IS_SPLIT": "fewer than 500 pictures in a split: the score is too low",
    "W_KID_SUBSET": "subsets smaller than 1,000: the deviation over subsets is larger",
    "W_ZERO_RADIUS": "the reference repeats pictures more than k times: their balls are empty",
    "W_K_BEYOND_PROMPT": "k reaches the number of reference pictures of a prompt: balls take in other prompts, and "
    "precision and coverage at this k are high for almost anything",
    "W_EXTRACTOR": "the extractor is not Inception-2015: the usual bands do not apply",
    "W_UNEQUAL_N": "the two sets differ in number: the smaller one sets the bias",
    "W_MIXED_SIZE": "pictures of several sizes: resizing changes distances",
    "W_LOSSY": "JPEG or WebP on one side: compression changes distances",
    "W_TRUNCATED": "prompts longer than the text encoder reads were cut",
    "W_LEAK": "training pictures are in the reference or the hold-out",
    "W_NO_HOLDOUT": "no hold-out: distances are calibrated on training itself",
    "W_FLOOR": "not above the noise floor: no verdict",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTexts:
    """A number of summary.json as people read it; empty where there is none. of_reference: what the reference scores
    against itself."""

    value: str
    bias_corrected: str
    interval: str
    of_reference: str


def metric_texts(record: Mapping[str, Any]) -> MetricTexts:
    """The texts of one row of summary.json's `metrics`."""
    metric = metric_or_guess(record["name"], [record["value"]])
    own = record["params"].get("of_reference") if record["noise_floor"] is None else record["noise_floor"]
    return MetricTexts(
        value=metric.text(record["value"]),
        bias_corrected="" if record["bias_corrected"] is None else metric.text(record["bias_corrected"]),
        interval="" if record["low"] is None else metric.interval(record["low"], record["high"]),
        of_reference="" if own is None else metric.text(own),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOfThumb:
    """A rule of thumb, and whether it holds here."""

    label: str | None
    applied: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricValue:
    """One number of summary.json's `metrics`."""

    name: str
    value: float
    n_real: int | None
    n_gen: int
    extractor: str
    bias_corrected: float | None = None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    ci_method: str | None = None
    noise_floor: float | None = None
    params: dict[str, Any] = field(default_factory=dict)
    higher_is_better: bool = False
    band: RuleOfThumb = RuleOfThumb(label=None, applied=False, reason="no rule of thumb for this metric")
    warnings: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """As summary.json has it."""
        return asdict(self) | {"warnings": list(self.warnings)}


def find(values: Sequence[MetricValue], name: str) -> MetricValue | None:
    """A metric by its name: `fid` finds `fid/shapes`, `recall` the one of the largest k."""
    for one in reversed(values):
        if one.name == name or one.name.startswith((f"{name}/", f"{name}@")):
            return one
    return None
