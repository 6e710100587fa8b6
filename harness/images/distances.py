"""Distances of generated pictures from real ones, each with its interval, floor, band and what must be known about
it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.images.features import FeatureSet
from harness.images.metric_value import MetricValue, RuleOfThumb
from harness.metrics import cmmd, fid, inception_score, kid, mind, precision_recall, vendi
from harness.metrics._features import groups
from harness.metrics.precision_recall import PrecisionRecall

METRICS = ("fid", "kid", "prdc", "is", "cmmd", "mind", "vendi")
HIGHER = frozenset({"precision", "recall", "density", "coverage", "is", "vendi"})
ENOUGH_FOR_BANDS = 10_000
LARGEST_JACKKNIFE = 3000  # pictures a side, for precision and recall: beyond it takes minutes
SHARES = ("precision", "recall", "density", "coverage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a distance depends on besides the features."""

    metrics: tuple[str, ...] | None = None  # all that the features allow
    k: tuple[int, ...] = (3, 5)
    jackknife: int = 10
    seed: int = 2020
    kid_subsets: int = 100
    kid_subset: int | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.metrics or () if name not in METRICS]
        if self.jackknife < 0 or self.jackknife == 1:
            raise InputError(f"--jackknife {self.jackknife}: two groups or more, or 0 for no jackknife")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"--seed {self.seed}: a whole number from 0 to {2**32 - 1}")
        if unknown:
            raise InputError(f"--metrics {unknown[0]}: the metrics are {', '.join(METRICS)}")
        if not self.k or min(self.k) < 1:
            raise InputError("--k takes whole numbers from 1, as in --k 3,5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """All metrics, and what precision and recall found at each k (for the reading)."""

    values: list[MetricValue]
    neighbourhoods: tuple[PrecisionRecall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    real: FeatureSet
    gen: FeatureSet
    spare: FeatureSet | None  # more of the reference, disjoint from `real`
    settings: Settings
    common: dict[str, Any]
    warnings: tuple[str, ...]


def measure(
    real: FeatureSet,
    gen: FeatureSet,
    settings: Settings,
    *,
    spare: FeatureSet | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Distances:
    """Every metric of `settings`. `spare`: pictures of the reference beyond `real`, for the floor at full size.

    Raises InputError for features that do not go together, and where a metric needs more pictures.
    """
    check(real, gen)
    given = _given(real, gen, spare, settings)
    names = _metrics(real, gen, settings)
    values: list[MetricValue] = []
    neighbourhoods: tuple[PrecisionRecall, ...] = ()
    steps: dict[str, Callable[[_Given], list[MetricValue]]] = {
        "fid": _fid, "kid": _kid, "is": _inception_score, "cmmd": _cmmd, "mind": _mind, "vendi": _vendi,
    }  # fmt: skip
    for done, name in enumerate(names):
        try:
            if name == "prdc":
                found, neighbourhoods = _prdc(given)
                values += found
            else:
                values += steps[name](given)
        except ValueError as error:
            raise InputError(str(error)) from error
        if progress:
            progress("distances", done + 1, len(names))
    return Distances(values=values, neighbourhoods=neighbourhoods)


def _metrics(real: FeatureSet, gen: FeatureSet, settings: Settings) -> tuple[str, ...]:
    """What to measure. Raises InputError for metrics that were asked for and need features where there are moments."""
    bare = next((one for one in (real, gen) if one.features is None), None)
    if settings.metrics is None:
        return METRICS if bare is None else ("fid",)
    others = [name for name in settings.metrics if name != "fid"]
    if bare is not None and others:
        listed = others[0] if len(others) == 1 else f"{', '.join(others[:-1])} and {others[-1]}"
        needs = "needs" if len(others) == 1 else "need"
        raise InputError(f"{bare.name} has mu and sigma only: FID can be computed, {listed} {needs} features")
    if "is" in settings.metrics and gen.logits is None:
        raise InputError(f"the Inception score needs classes, and {gen.name} has none; leave is out")
    return settings.metrics


def check(real: FeatureSet, gen: FeatureSet) -> None:
    """Raises InputError for features of two extractors, of other dimensions, and for one set given twice."""
    known = [one for one in (real.info, gen.info) if one.kind != "unknown"]
    if len(known) == 2 and (known[0].kind, known[0].weights_sha256) != (known[1].kind, known[1].weights_sha256):
        raise InputError(
            f"{real.name} was made by {real.info.signature}, {gen.name} by {gen.info.signature}; make one again"
        )
    dimensions = [_dimensions(one) for one in (real, gen)]
    if dimensions[0] != dimensions[1]:
        raise InputError(
            f"{real.name} has {dimensions[0]} dimensions and {gen.name} {dimensions[1]}: use one extractor for both"
        )
    digests = [one.facts.get("files_sha256") for one in (real, gen)]
    same = digests[0] is not None and digests[0] == digests[1]
    if same or (real.features is not None and gen.features is not None and np.array_equal(real.features, gen.features)):
        raise InputError(f"--real and --gen hold the same {len(gen):,} pictures; FID would be 0")
    if (
        real.moments is not None
        and gen.moments is not None
        and all(
            np.array_equal(first, second)
            for first, second in (
                (real.moments.mean, gen.moments.mean),
                (real.moments.covariance, gen.moments.covariance),
            )
        )
    ):
        raise InputError("--real and --gen hold the same mu and sigma; FID would be 0")


def _dimensions(one: FeatureSet) -> int:
    return len(one.moments.mean) if one.moments is not None else one.matrix.shape[1]


def _given(real: FeatureSet, gen: FeatureSet, spare: FeatureSet | None, settings: Settings) -> _Given:
    kind = gen.info.kind if gen.info.kind != "unknown" else real.info.kind
    warnings = []
    if kind != "inception":
        warnings.append("W_EXTRACTOR")
    if real.features is not None and len(real) != len(gen):
        warnings.append("W_UNEQUAL_N")
    if any(one.facts.get("n_sizes", 1) > 1 for one in (real, gen)):
        warnings.append("W_MIXED_SIZE")
    if any({"JPEG", "WEBP"} & set(one.facts.get("formats", ())) for one in (real, gen)):
        warnings.append("W_LOSSY")
    n_real = len(real) if real.features is not None else None
    common = {"n_real": n_real, "n_gen": len(gen) or None, "extractor": gen.info.signature}
    return _Given(real=real, gen=gen, spare=spare, settings=settings, common=common, warnings=tuple(warnings))


def _two_samples(given: _Given) -> tuple[Any, Any]:
    """Two disjoint samples of the reference: of full size where there are spare pictures, else its halves."""
    first = given.real.matrix
    if given.spare is not None and len(given.spare) >= len(first):
        return first, given.spare.matrix[: len(first)]
    order = np.random.default_rng(given.settings.seed).permutation(len(first))
    half = len(first) // 2
    return first[order[:half]], first[order[half : 2 * half]]


def _floor(given: _Given, distance: Callable[[Any, Any], float]) -> float | None:
    """The distance of two disjoint samples of the reference."""
    if given.real.features is None:
        return None
    try:
        return distance(*_two_samples(given))
    except ValueError:
        return None


def _fid(given: _Given) -> list[MetricValue]:
    real, gen = given.real, given.gen
    name = {"inception": "fid", "dinov2": "fd/dinov2"}.get(gen.info.kind, f"fid/{gen.info.kind}")
    if real.moments is not None or gen.moments is not None:
        first, second = (one.moments or fid.moments(one.matrix) for one in (real, gen))
        value = fid.frechet_of_moments(first, second)
        return [
            MetricValue(name=name, value=value, **given.common, warnings=given.warnings, band=_fid_band(given, value))
        ]
    dimensions, smallest = gen.matrix.shape[1], min(len(real), len(gen))
    if smallest <= dimensions:
        side = "real" if len(real) < len(gen) else "gen"
        raise InputError(
            f"FID with {dimensions} features needs {dimensions + 1} pictures on each side at least "
            f"({2 * dimensions} for an interval); {side} has {smallest}"
        )
    found = fid.jackknife(real.matrix, gen.matrix, given.settings.jackknife) if given.settings.jackknife else None
    value = found.value if found else fid.frechet(real.matrix, gen.matrix)
    floor = _floor(given, fid.frechet)
    small = [
        (smallest < 2 * dimensions, "W_N_LT_2D"),
        (gen.info.kind == "inception" and smallest < ENOUGH_FOR_BANDS, "W_N_SMALL"),
        (floor is not None and value <= floor, "W_FLOOR"),
    ]
    return [
        MetricValue(
            name=name, value=value, **given.common, noise_floor=floor,
            bias_corrected=found.bias_corrected if found else None, se=found.se if found else None,
            low=found.low if found else None, high=found.high if found else None,
            ci_method=f"delete-a-group jackknife, {found.groups} groups, of the corrected value" if found and
            found.se is not None else None,
            params={"dimensions": dimensions, "jackknife": given.settings.jackknife, "by_n": _by_number(given)},
            band=_fid_band(given, value),
            warnings=(*given.warnings, *(code for holds, code in small if holds)),
        )
    ]  # fmt: skip


def _by_number(given: _Given) -> list[list[float]]:
    """[N, FID] of N pictures a side, evenly spaced in 1/N from all to a fifth; none below twice the dimensions."""
    real, gen = given.real.matrix, given.gen.matrix
    n, fewest = min(len(real), len(gen)), 2 * real.shape[1]
    least = max(fewest, n // 5)
    if least >= n:
        return []
    rng = np.random.default_rng(given.settings.seed)
    orders = [rng.permutation(len(one)) for one in (real, gen)]
    counts = np.rint(1 / np.linspace(1 / n, 1 / least, 5)).astype(int)
    return [[int(m), fid.frechet(real[orders[0][:m]], gen[orders[1][:m]])] for m in counts]


def _fid_band(given: _Given, value: float) -> RuleOfThumb:
    return band(given, "good" if value < 20 else "poor" if value > 50 else "middling", "FID < 20 good, > 50 poor")


def band(given: Any, label: str, rule: str) -> RuleOfThumb:
    """A rule of thumb: applied for Inception-2015 and 10,000 pictures a side, else the reason why not."""
    kind = given.gen.info.kind
    if kind != "inception":
        return RuleOfThumb(label=None, applied=False, reason=f"{rule}: for Inception-2015 only, and this is {kind}")
    fewest = min(n for n in (len(given.real) or math.inf, len(given.gen) or math.inf))
    if fewest < ENOUGH_FOR_BANDS:
        return RuleOfThumb(label=None, applied=False, reason=f"{rule}: from 10,000 pictures on, and there are {fewest}")
    return RuleOfThumb(label=label, applied=True, reason=f"{rule}: a rule of thumb")


def _kid(given: _Given) -> list[MetricValue]:
    settings = given.settings
    size = settings.kid_subset or min(1000, *(len(one.matrix) for one in (given.real, given.gen)))
    if settings.kid_subset is None:
        size = max(2, size)

    def distance(first: Any, second: Any) -> float:
        return kid.kid(
            first, second, subsets=settings.kid_subsets, subset_size=min(size, len(first)), seed=settings.seed
        ).value

    found = kid.kid(
        given.real.matrix, given.gen.matrix, subsets=settings.kid_subsets, subset_size=size, seed=settings.seed
    )
    more = ("W_KID_SUBSET",) if size < 1000 else ()
    return [
        MetricValue(
            name="kid", value=found.value, **given.common, noise_floor=_floor(given, distance),
            params={"subsets": found.subsets, "subset_size": found.subset_size, "subset_std": found.subset_std,
            "seed": settings.seed}, warnings=(*given.warnings, *more),
        )
    ]  # fmt: skip


def _prdc(given: _Given) -> tuple[list[MetricValue], tuple[PrecisionRecall, ...]]:
    values: list[MetricValue] = []
    found = []
    for k in given.settings.k:
        found.append(precision_recall.precision_recall(given.real.matrix, given.gen.matrix, k=k))
        values += _shares(given, found[-1])
    return values, tuple(found)


def _shares(given: _Given, found: PrecisionRecall) -> list[MetricValue]:
    """The four values at one k, each with what the reference scores against itself and its interval."""
    k, count = found.k, given.settings.jackknife
    own = _of_reference(given, k)
    expected = {"coverage": precision_recall.expected_coverage(len(given.real), len(given.gen), k), "density": 1.0}
    together = pictures_per_prompt(given.real)
    more = [
        (found.zero_radius_real > 0, "W_ZERO_RADIUS"),
        (together is not None and k >= together, "W_K_BEYOND_PROMPT"),
    ]
    warnings = (*given.warnings, *(code for holds, code in more if holds))
    errors = _errors(given, k)
    values = []
    for name in SHARES:
        params: dict[str, Any] = {
            "k": k,
            "zero_radius_real": found.zero_radius_real,
            "of_reference": getattr(own, name, None),
        }
        if name in expected:
            params["of_one_distribution"] = expected[name]
        value = getattr(found, name)
        reach = fid.student_quantile(count - 1) * errors[name] if name in errors else None
        values.append(
            MetricValue(
                name=f"{name}@k{k}", value=value, **given.common, params=params, higher_is_better=True,
                warnings=warnings, se=errors.get(name),
                low=None if reach is None else max(0.0, value - reach),
                high=None if reach is None else value + reach if name == "density" else min(1.0, value + reach),
                ci_method=None if reach is None else f"delete-a-group jackknife, {count} groups",
            )
        )  # fmt: skip
    return values


def _of_reference(given: _Given, k: int) -> PrecisionRecall | None:
    """The same of two disjoint samples of the reference; None where they are too few."""
    first, second = _two_samples(given)
    return precision_recall.precision_recall(first, second, k=k) if len(first) > k else None


def pictures_per_prompt(one: FeatureSet) -> float | None:
    """How many pictures of a set share a prompt, the median over pictures; None without prompts, or where
    most have one of their own."""
    if not one.prompts or len(one.prompts) != len(one):
        return None
    counts = Counter(one.prompts)
    middle = float(np.median([counts[prompt] for prompt in one.prompts]))
    return middle if middle > 1 else None


def _errors(given: _Given, k: int) -> dict[str, float]:
    """Standard errors by a delete-a-group jackknife; a bootstrap's duplicates would empty the balls. {} for large
    sets. Groups are of whole prompts where the pictures have them: the others' balls then stay as they are."""
    count = given.settings.jackknife
    smallest, largest = sorted((len(given.real), len(given.gen)))
    if count < 2 or smallest < 2 * count + k or largest > LARGEST_JACKKNIFE:
        return {}
    parts = _groups_of_prompts(given, count) or _groups_of_pictures(given, count)
    left = []
    for first, second in zip(*parts, strict=True):
        real, gen = np.delete(given.real.matrix, first, 0), np.delete(given.gen.matrix, second, 0)
        found = precision_recall.precision_recall(real, gen, k=k)
        left.append([getattr(found, name) for name in SHARES])
    spread = np.asarray(left)
    errors = np.sqrt((count - 1) / count * ((spread - spread.mean(axis=0)) ** 2).sum(axis=0))
    return dict(zip(SHARES, errors.tolist(), strict=True))


def _groups_of_pictures(given: _Given, count: int) -> list[list[Any]]:
    rng = np.random.default_rng(0)
    return [groups(len(one), count, rng) for one in (given.real, given.gen)]


def _groups_of_prompts(given: _Given, count: int) -> list[list[Any]]:
    """Places in the reference and in the generated set, group by group: a prompt is in the same group of both.

    [] where pictures have no prompt, or both sets do not have several of most.
    """
    if any(pictures_per_prompt(one) is None for one in (given.real, given.gen)):
        return []
    prompts = sorted({*given.real.prompts, *given.gen.prompts})
    if len(prompts) < 2 * count:
        return []
    group = {
        prompts[i]: g for g, part in enumerate(groups(len(prompts), count, np.random.default_rng(0))) for i in part
    }
    return [
        [np.flatnonzero([group[prompt] == g for prompt in one.prompts]) for g in range(count)]
        for one in (given.real, given.gen)
    ]


def _inception_score(given: _Given) -> list[MetricValue]:
    logits = given.gen.logits
    if logits is None:
        return []
    splits = 10 if len(logits) >= 10 else 1
    found = inception_score.inception_score(logits, splits=splits, seed=given.settings.seed)
    label = "good" if found.value > 8 else "poor" if found.value < 3 else "middling"
    more = ("W_IS_SPLIT",) if len(logits) / splits < 500 else ()
    return [
        MetricValue(
            name="is", value=found.value, **given.common, higher_is_better=True,
            params={"splits": splits, "split_std": found.split_std, "seed": given.settings.seed, "classes":
            int(logits.shape[1])}, band=band(given, label, "IS > 8 good, < 3 poor, on data like CIFAR-10"),
            warnings=(*given.warnings, *more),
        )
    ]  # fmt: skip


def _cmmd(given: _Given) -> list[MetricValue]:
    value = cmmd.cmmd(given.real.matrix, given.gen.matrix)
    return [_plain(given, "cmmd", value, {"sigma": cmmd.SIGMA, "scale": cmmd.SCALE}, _floor(given, cmmd.cmmd))]


def _mind(given: _Given) -> list[MetricValue]:
    def distance(first: Any, second: Any) -> float:
        return mind.mind(first, second, seed=given.settings.seed)

    value = distance(given.real.matrix, given.gen.matrix)
    params = {"directions": mind.DIRECTIONS, "seed": given.settings.seed}
    return [_plain(given, "mind", value, params, _floor(given, distance))]


def _vendi(given: _Given) -> list[MetricValue]:
    params = {"of_real": vendi.vendi(given.real.matrix[: len(given.gen)])}
    return [_plain(given, "vendi", vendi.vendi(given.gen.matrix), params, None)]


def _plain(given: _Given, name: str, value: float, params: dict[str, Any], floor: float | None) -> MetricValue:
    more = ("W_FLOOR",) if floor is not None and value <= floor else ()
    return MetricValue(
        name=name, value=value, **given.common, noise_floor=floor, params=params, higher_is_better=name in HIGHER,
        warnings=(*given.warnings, *more),
    )  # fmt: skip
