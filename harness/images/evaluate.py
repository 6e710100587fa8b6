"""One evaluation, from pictures to a run directory: features, distances, CLIP, copies, likelihood, reading, report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.images import by_extractor, copies, distances, likelihood, reading, report, run_directory
from harness.images.by_extractor import ByExtractor
from harness.images.distances import METRICS, Settings
from harness.images.features import Extractor, FeatureSet, directory, extract, read_features, weights_sha256
from harness.images.metric_value import MetricValue
from harness.images.pictures import PictureSet, open_set, subset
from harness.images.prompts import Library, open_library
from harness.images.sampling import EMBEDDED, MODELS
from harness.images.scorers import ScoreResult, open_scorer, score_pictures
from harness.images.scoring import ClipResult, ClipScorer
from harness.models import shapes_world
from harness.models.shapes_networks import load_diffusion
from harness.runs.summary import Coverage

Progress = Callable[[str, int, int], None]
SAMPLE = "sample.json"
N_LIKELIHOOD = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to evaluate. None: left out. `reference`, `train`, `holdout`: as `open_set` takes them, or a `.npz`.

    extractors: copies are looked for in the features of the first; the report has them in its own order.
    """

    gen: str
    reference: str | None = None
    prompts: str | None = None
    extractors: tuple[str, ...] = ("shapes",)
    clip: str | None = None
    train: str | None = None
    holdout: str | None = None
    scorers: tuple[str, ...] = ()
    model: str | None = None
    settings: Settings = field(default_factory=Settings)
    reference_n: int | None = None
    allow_missing: bool = False
    skip_unreadable: bool = False
    cache: Path | None = None


@dataclass(frozen=True, kw_only=True)
class _Found:
    """by: an entry for each extractor, at least one."""

    by: list[ByExtractor]
    clip: ClipResult | None = None
    scores: list[ScoreResult] = field(default_factory=list)
    copies: copies.CopyReport | None = None
    likelihood: dict[str, Any] | None = None
    pictures: dict[str, PictureSet] = field(default_factory=dict)

    @property
    def values(self) -> list[MetricValue]:
        """The distances by every extractor, and on each the leak that there is."""
        every = by_extractor.all_values(self.by)
        leaked = self.copies is not None and bool(self.copies.leaks)
        return [replace(one, warnings=(*one.warnings, "W_LEAK")) for one in every] if leaked else every


def of_shapes(gen: str, **changes: Any) -> Request:
    """The request for pictures of the world `shapes`: everything is embedded."""
    given: dict[str, Any] = {
        "reference": "shapes:reference", "prompts": "shapes", "clip": str(MODELS / "shapes-clip"),
        "train": "shapes:train", "holdout": "shapes:holdout", **changes,
    }  # fmt: skip
    if given["prompts"] == "shapes":
        given["scorers"] = ("shapes", *(one for one in given.get("scorers", ()) if one != "shapes"))
    return Request(gen=gen, **given)


def evaluate(request: Request, results: Path, progress: Progress | None = None) -> tuple[Path, dict[str, Any]]:
    """Write a run and return its folder and summary. Raises InputError for what cannot be evaluated, before a run
    begins."""
    pictures = open_set(request.gen, skip_unreadable=request.skip_unreadable)
    library = open_library(request.prompts) if request.prompts else None
    extractors = by_extractor.open_all(request.extractors)
    sampled = read_sample(request.gen)
    found = _measure(request, pictures, library, extractors, progress)
    identity = _identity(request, found, library)
    model = str(sampled.get("model") or Path(request.gen).name or "pictures")
    identity["model"] = {"name": model, **{k: v for k, v in sampled.items() if k != "model"}}
    name = library.name if library else "pictures"
    run = run_directory.begin(results, name, model, identity, _config(request))
    counts = run_directory.coverage(
        found.values, found.clip, prompts=len(library.prompts) if library else 0, pictures=len(pictures)
    )
    summary = _write(run, found, identity, counts)
    report.write(run, summary, found.pictures, found.copies)
    return run, summary


def read_sample(folder: str) -> dict[str, Any]:
    """What `harness images sample` noted beside its pictures; {} elsewhere."""
    path = Path(folder) / SAMPLE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def features_of(
    source: str, extractor: Extractor | None, request: Request, progress: Progress | None, n: int | None = None
) -> tuple[FeatureSet, PictureSet | None]:
    """The features of pictures, or of a `.npz`; and the pictures, where there are any."""
    if source.endswith(".npz"):
        return read_features(Path(source)), None
    assert extractor is not None, "pictures need an extractor"
    pictures = open_set(source, skip_unreadable=request.skip_unreadable)
    if n is not None and n < len(pictures):
        pictures = subset(pictures, list(range(n)))
    return extract(pictures, extractor, cache=request.cache, progress=progress), pictures


def distances_of(request: Request, progress: Progress | None) -> tuple[list[ByExtractor], list[PictureSet | None]]:
    """The distances of `gen` from `reference`, each of any size, without a run; and the pictures that were seen."""
    sources = (str(request.reference), request.gen)
    bare = all(source.endswith(".npz") for source in sources)  # then their features say what made them
    opened = [None] if bare else by_extractor.open_all(request.extractors)
    pairs = [[features_of(source, one, request, progress) for source in sources] for one in opened]
    every = [gen for _, (gen, _) in pairs]
    found = []
    for (real, _), (gen, _) in pairs:
        settings = by_extractor.settings_for(request.settings, gen, every)
        found.append(ByExtractor(gen=gen, real=real, values=distances.measure(real, gen, settings, progress=progress)))
    return by_extractor.in_order(found), [pictures for _, pictures in pairs[0]]


def _measure(
    request: Request,
    pictures: PictureSet,
    library: Library | None,
    extractors: list[Extractor],
    progress: Progress | None,
) -> _Found:
    clip = None
    if request.clip and library:
        from harness.images.clip import ClipModel  # measured: 3 s, transformers

        scorer = ClipScorer(ClipModel(directory(request.clip)), library)
        clip = scorer.score(pictures, allow_missing=request.allow_missing, progress=progress)
    scores = _scores(request, pictures, library, progress)
    kept: dict[str, PictureSet] = {"generated": pictures}
    every = [extract(pictures, one, cache=request.cache, progress=progress) for one in extractors]
    by = []
    for gen, extractor in zip(every, extractors, strict=True):
        settings = by_extractor.settings_for(request.settings, gen, every)
        by.append(_distances(replace(request, settings=settings), gen, extractor, kept, progress))
    copied = _copies(request, every[0], extractors[0], kept, progress) if request.train else None
    bits = _likelihood(request, progress)
    by = by_extractor.in_order(by)
    return _Found(by=by, clip=clip, scores=scores, copies=copied, likelihood=bits, pictures=kept)


def _scores(
    request: Request, pictures: PictureSet, library: Library | None, progress: Progress | None
) -> list[ScoreResult]:
    """Raises InputError for a scorer without prompts, and for two of one name."""
    if request.scorers and library is None:
        raise InputError("--scorer needs the prompts of the pictures: --prompts")
    opened = dict(open_scorer(spec) for spec in request.scorers)
    if len(opened) < len(request.scorers):
        raise InputError(f"--scorer: two scorers are called {', '.join(opened)}")
    return [
        score_pictures(scorer, name, pictures, library, allow_missing=request.allow_missing, progress=progress)
        for name, scorer in opened.items()
        if library is not None
    ]


def _distances(
    request: Request, gen: FeatureSet, extractor: Extractor, kept: dict[str, PictureSet], progress: Progress | None
) -> ByExtractor:
    if not request.reference:
        return ByExtractor(gen=gen, real=None, values=distances.Distances(values=[]))
    wanted = request.reference_n or len(gen)
    real, seen = features_of(request.reference, extractor, request, progress, 2 * wanted)
    if seen is not None:
        kept["real"] = seen
    spare = None
    if real.features is not None and len(real) > wanted:
        real, spare = real.first(wanted), real.part(slice(wanted, 2 * wanted))
    values = distances.measure(real, gen, request.settings, spare=spare, progress=progress)
    return ByExtractor(gen=gen, real=real, values=values)


def _copies(
    request: Request, gen: FeatureSet, extractor: Extractor, kept: dict[str, PictureSet], progress: Progress | None
) -> copies.CopyReport:
    train, seen = features_of(str(request.train), extractor, request, progress)
    holdout, unseen = (None, None)
    if request.holdout:
        holdout, unseen = features_of(request.holdout, extractor, request, progress)
    sets = {"train": seen, "gen": kept["generated"], "holdout": unseen, "reference": kept.get("real")}
    pixels = {name: copies.see(one) for name, one in sets.items() if one is not None}
    if seen is not None:
        kept["train"] = seen
    return copies.find_copies(train, gen, holdout, pixels=pixels)


def _likelihood(request: Request, progress: Progress | None) -> dict[str, Any] | None:
    """Of embedded models, on their own hold-out and training pictures."""
    model = request.model or str(read_sample(request.gen).get("folder", ""))
    if model not in EMBEDDED:
        return None
    network = load_diffusion(MODELS / model)
    parts = []
    for split in ("holdout", "train"):
        data = shapes_world.make(split, N_LIKELIHOOD)
        parts.append(likelihood.bound(network, data.pictures, data.captions, progress=progress))
    return likelihood.summarize(*parts, method="variational bound, 10 strata of timesteps")


def _identity(request: Request, found: _Found, library: Library | None) -> dict[str, Any]:
    seeds = sorted({row.seed for row in found.clip.rows if row.seed is not None}) if found.clip else []
    clip = f"clip@{weights_sha256(Path(request.clip))[:8]}" if request.clip else ""
    real = found.by[0].real
    return {
        "data": f"{library.name}@{library.sha256[:8]}" if library else "",
        "extractor": ",".join(one.gen.info.signature for one in found.by), "clip": clip,
        "scorers": ",".join(one.scorer for one in found.scores),
        "reference": f"{request.reference}@{len(real)}" if real is not None else "",
        "seeds": ",".join(map(str, seeds)), "seed": request.settings.seed,
        "problems": {"name": library.name, "sha256": library.sha256} if library else {"name": "pictures"},
    }  # fmt: skip


def _config(request: Request) -> dict[str, Any]:
    names = ("gen", "reference", "prompts", "clip", "train", "holdout", "model", "reference_n")
    return {name: getattr(request, name) for name in names} | {
        "extractors": list(request.extractors), "scorers": list(request.scorers),
        "metrics": list(request.settings.metrics or METRICS), "k": list(request.settings.k),
        "seed": request.settings.seed,
    }  # fmt: skip


def _write(run: Path, found: _Found, identity: dict[str, Any], counts: Coverage) -> dict[str, Any]:
    copied = found.copies.record() if found.copies else None
    clip = found.clip.record() if found.clip else None
    scores = [one.record(found.clip) for one in found.scores]
    said = reading.read(found.by, clip=clip, scores=scores, copies=copied, likelihood=found.likelihood)
    first = found.by[0]
    inputs = {"gen": first.gen.facts, "real": first.real.facts if first.real else None}
    sections = {
        "inputs": inputs | {"skipped": list(found.pictures["generated"].skipped)},
        "extractor": asdict(first.gen.info), "extractors": [asdict(one.gen.info) for one in found.by],
        "scores": scores, "copies": copied, "leaks": copied["leaks"] if copied else None,
        "likelihood": found.likelihood,
        "reading": [{"kind": one.kind, "text": one.text} for one in said],
    }  # fmt: skip
    model = identity["model"]["name"]
    more = {one.scorer: {row.id: row.score for row in one.rows} for one in found.scores}
    rows = [
        {**row.record(), **{name: values[row.id] for name, values in more.items()}, "run": run.name, "model": model}
        for row in (found.clip.rows if found.clip else ())
    ]
    run_directory.write_samples(run, rows)
    line = run_directory.signature(identity)
    return run_directory.write_summary(run, found.values, found.clip, found.scores, line, counts, sections)
