"""Features of pictures, by an extractor whose weights are on this machine: nothing is downloaded.

    shapes                 the embedded classifier: 64 features, and logits of 30 classes (shape and color) for the
    Inception score clip:DIR, dinov2:DIR   transformers checkpoints: projected embeddings of length 1; the pooled CLS
    token
    inception:FILE.pt      NVIDIA's TorchScript of Inception-2015 (2,048 features, 299 x 299)
    torchscript:FILE       any TorchScript of (N, 3, 224, 224) pictures normalized as ImageNet's, to (N, D)
    py:module:Class        a class of your own; an object of it takes (N, H, W, 3) 8-bit pictures and returns (N, D)

What they are is written to a `.npz` with the extractor's signature, and cached by the digests of the pictures and of
the weights.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import InputError
from harness.files.atomic import replacing_path
from harness.images.feature_file import as_numbers, read_arrays
from harness.images.pictures import PictureSet, Pixels, resize
from harness.metrics.fid import Moments
from harness.models import shapes_networks, shapes_world

SHAPES = Path(shapes_world.__file__).parent / "shapes-features"
IMAGENET = (np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32))
BATCH = 64
Progress = Callable[[str, int, int], None]
Batch = tuple[NDArray[np.float32], NDArray[np.float32] | None]  # features (N, D), logits (N, classes)
Run = Callable[[list[Pixels]], Batch]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractorInfo:
    """What can change a feature: it stands beside every number."""

    kind: str
    path: str
    weights_sha256: str
    dim: int | None = None
    dtype: str = "float32"
    resize: dict[str, Any] = field(default_factory=dict)

    @property
    def signature(self) -> str:
        """`shapes@0a11c2d4`."""
        return f"{self.kind}@{self.weights_sha256[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """A network, ready: `run` takes 8-bit pictures of any sizes."""

    info: ExtractorInfo
    run: Run


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """Features (N, D) of a set, or its mean and covariance alone. `ids` and `prompts` are empty for a bare `.npz`."""

    name: str
    info: ExtractorInfo
    features: NDArray[np.float64] | None
    logits: NDArray[np.float64] | None = None
    moments: Moments | None = None
    ids: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return 0 if self.features is None else len(self.features)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """The features. Raises InputError where there are only their moments."""
        if self.features is None:
            raise InputError(f"{self.name} has mu and sigma only: FID can be computed, the other metrics need features")
        return self.features

    def first(self, n: int) -> FeatureSet:
        """The first n pictures."""
        return self.part(slice(0, n))

    def part(self, rows: slice) -> FeatureSet:
        """Some of the pictures."""
        logits = None if self.logits is None else self.logits[rows]
        return FeatureSet(
            name=self.name, info=self.info, features=self.matrix[rows], logits=logits, ids=self.ids[rows],
            prompts=self.prompts[rows], facts=self.facts,
        )  # fmt: skip


def open_extractor(spec: str) -> Extractor:
    """An extractor by its option's value. Raises InputError for an unknown kind and for weights that are not there."""
    kind, _, rest = spec.partition(":")
    openers = {
        "shapes": lambda _: _shapes(),
        "clip": _clip,
        "dinov2": _dinov2,
        "inception": _inception,
        "torchscript": _torchscript,
        "py": _own,
    }
    if kind not in openers or (kind != "shapes" and not rest):
        raise InputError(
            f"{spec} is no extractor: shapes, clip:DIR, dinov2:DIR, inception:FILE.pt, torchscript:FILE, "
            f"py:module:Class"
        )
    return openers[kind](rest)


def directory(path: str, *, needs: str = "config.json") -> Path:
    """A checkpoint's folder. Raises InputError for a hub's name, which is never looked up."""
    folder = Path(path)
    if not folder.is_dir() or not (folder / needs).is_file():
        raise InputError(f"{path} is not a directory here; give the folder that holds {needs} and the weights")
    return folder


def weights_sha256(place: Path) -> str:
    """Of a file, or of the weight files of a folder; a pipeline of diffusers has them in folders of its own."""
    inner = "*/" if (place / "model_index.json").is_file() else ""
    files = [place] if place.is_file() else sorted(
        [*place.glob(f"{inner}*.safetensors"), *place.glob(f"{inner}*.bin")]
    )  # fmt: skip
    total = hashlib.sha256()
    for file in files:
        with open(file, "rb") as opened:
            total.update(hashlib.file_digest(opened, "sha256").digest())
    return total.hexdigest()


def extract(
    pictures: PictureSet, extractor: Extractor, *, cache: Path | None = None, progress: Progress | None = None
) -> FeatureSet:
    """The features of a set, from the cache where these pictures were seen by this extractor before."""
    digest = pictures.sha256()
    place = None
    if cache is not None:
        key = hashlib.sha256(json.dumps([digest, asdict(extractor.info)], sort_keys=True).encode()).hexdigest()
        place = cache / f"{key[:32]}.npz"
    ids = tuple(entry.id for entry in pictures.entries)
    prompts = tuple(entry.prompt or "" for entry in pictures.entries)
    if place is not None and place.is_file():
        with np.load(place) as stored:
            features = stored["features"]
            logits = stored.get("logits")
            facts = json.loads(str(stored["facts"]))
    else:
        features, logits, facts = _run(pictures, extractor, progress)
        facts["files_sha256"] = digest
        if place is not None:
            _write(place, features, logits, facts=json.dumps(facts))
    return FeatureSet(
        name=pictures.name,
        info=ExtractorInfo(**{**asdict(extractor.info), "dim": int(features.shape[1])}),
        features=features.astype(np.float64),
        logits=None if logits is None else logits.astype(np.float64),
        ids=ids, prompts=prompts, facts={**facts, "name": pictures.name, "skipped": list(pictures.skipped)},
    )  # fmt: skip


def _run(
    pictures: PictureSet, extractor: Extractor, progress: Progress | None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, dict[str, Any]]:
    features, logits = [], []
    formats: dict[str, int] = {}
    sizes: dict[str, int] = {}
    done = 0
    for batch in _batches(pictures, formats, sizes):
        found, classes = _seen(extractor, batch)
        _check(found, extractor.info.signature, [entry.image for entry in pictures.entries[done : done + len(batch)]])
        features.append(found)
        if classes is not None:
            logits.append(classes)
        done += len(batch)
        if progress:
            progress(f"features of {pictures.name}", done, len(pictures))
    sizes = dict(sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])))
    facts = {"n": len(pictures), "formats": formats, "sizes": dict(list(sizes.items())[:5]), "n_sizes": len(sizes)}
    return np.concatenate(features), np.concatenate(logits) if logits else None, facts


def _seen(extractor: Extractor, batch: list[Pixels]) -> Batch:
    """Raises InputError for a network of somebody else's that does not take these pictures."""
    try:
        return extractor.run(batch)
    except InputError:
        raise
    except Exception as error:  # whatever a script or a class of the user's raises
        if extractor.info.kind == "shapes":
            raise
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        text = said[-1] if said else type(error).__name__
        raise InputError(f"{extractor.info.kind}:{extractor.info.path} does not take these pictures: {text}") from error


def _check(found: NDArray[np.float32], signature: str, images: list[str]) -> None:
    """Raises InputError for features that are not a row of finite numbers for each picture."""
    if found.ndim != 2 or len(found) != len(images):
        raise InputError(
            f"{signature} returned features of shape {found.shape} for {len(images)} pictures, "
            "not (pictures, dimensions)"
        )
    finite = np.isfinite(found).all(axis=1)
    if not finite.all():
        image = images[int(np.argmin(finite))]
        raise InputError(f"{signature} gave {image} features that are not finite; the extractor or its input is broken")


def _batches(pictures: PictureSet, formats: dict[str, int], sizes: dict[str, int]) -> Iterator[list[Pixels]]:
    batch: list[Pixels] = []
    for _, one in pictures:
        formats[one.format] = formats.get(one.format, 0) + 1
        sizes[one.size] = sizes.get(one.size, 0) + 1
        batch.append(one.pixels)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def write_features(path: Path, found: FeatureSet) -> None:
    """Write a `.npz` that `read_features` reads."""
    if path.suffix != ".npz":
        raise InputError(f"{path}: features are written to a .npz file")
    _write(
        path, found.matrix, found.logits, info=json.dumps(asdict(found.info)), ids=np.array(found.ids),
        prompts=np.array(found.prompts), facts=json.dumps(found.facts),
    )  # fmt: skip


def _write(path: Path, features: Any, logits: Any, **more: Any) -> None:
    if logits is not None:
        more["logits"] = logits
    with replacing_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, features=features, **more)


def read_features(path: Path) -> FeatureSet:
    """A `.npz` with `features` (N, D), or with `mu` (D,) and `sigma` (D, D). Raises InputError for another content."""
    stored = read_arrays(path)
    info, facts = _notes(path, stored)
    if "features" not in stored:
        return _stats(path, stored, info)
    features = _finite_rows(path, "features", as_numbers(path, "features", stored["features"]))
    logits = None
    if "logits" in stored:
        logits = _finite_rows(path, "logits", as_numbers(path, "logits", stored["logits"]))
        if len(logits) != len(features):
            raise InputError(f"{path}: there are {len(features)} rows of features and {len(logits)} of logits")
    ids, prompts = (tuple(map(str, np.ravel(stored.get(name, ())))) for name in ("ids", "prompts"))
    return FeatureSet(
        name=str(path), info=info, features=features, logits=logits, ids=ids, prompts=prompts,
        facts=facts or {"name": str(path), "n": len(features)},
    )  # fmt: skip


def _finite_rows(path: Path, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.ndim != 2:
        raise InputError(f"{path}: {name} has shape {values.shape}, not (pictures, dimensions)")
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        kind = "NaN" if np.isnan(values[row]).any() else "infinity"
        raise InputError(f"{path}: row {row} has {kind}; the extractor or its input is broken")
    return values


def _notes(path: Path, stored: dict[str, Any]) -> tuple[ExtractorInfo, dict[str, Any]]:
    """What made the features, and what they are of; {} where that is not noted."""
    try:
        info = ExtractorInfo(**json.loads(str(stored["info"]))) if "info" in stored else None
        facts = dict(json.loads(str(stored["facts"]))) if "facts" in stored else {}
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: info and facts are not as harness images features writes them: {error}") from error
    return info or ExtractorInfo(kind="unknown", path=str(path), weights_sha256=""), facts


def _stats(path: Path, stored: dict[str, Any], info: ExtractorInfo) -> FeatureSet:
    if not {"mu", "sigma"} <= stored.keys():
        raise InputError(
            f"{path} has neither features nor mu and sigma; it has {', '.join(sorted(stored)) or 'nothing'}"
        )
    mu, sigma = (as_numbers(path, name, stored[name]) for name in ("mu", "sigma"))
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)) or not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise InputError(
            f"{path}: mu has shape {mu.shape} and sigma {sigma.shape}, not (D,) and (D, D) of finite numbers"
        )
    largest = float(np.abs(sigma).max(initial=0.0))
    spread = np.diag(sigma)
    bounded = spread[:, None] * spread[None, :] * (1 + 1e-6) + 1e-9 * largest**2  # Cauchy and Schwarz
    if np.abs(sigma - sigma.T).max(initial=0.0) > 1e-6 * largest or (spread < 0).any() or (sigma**2 > bounded).any():
        raise InputError(f"{path}: sigma is no covariance: it is not symmetric, or its variances are too small")
    return FeatureSet(
        name=str(path), info=info, features=None, moments=Moments(mu, sigma), facts={"name": str(path), "n": None}
    )


def _floats(batch: list[Pixels], size: int) -> NDArray[np.float32]:
    return np.stack([resize(pixels, size) for pixels in batch])


def _clean(size: int) -> dict[str, Any]:
    return {"filter": "bicubic (Pillow, float, per channel)", "size": size, "crop": None, "quantize": False}


def _when_needed(load: Callable[[], Run]) -> Run:
    """What loads its network for the first batch: features from the cache need none."""
    loaded = cache(load)
    return lambda batch: loaded()(batch)


def _shapes() -> Extractor:
    weights = weights_sha256(SHAPES)
    info = ExtractorInfo(kind="shapes", path="shapes-features", weights_sha256=weights, dim=64, resize=_clean(32))
    return Extractor(info=info, run=_when_needed(_load_shapes))


def _load_shapes() -> Run:
    network = shapes_networks.load_classifier(SHAPES)
    torch.set_num_threads(1)  # threads that wait for each other in a network this small take four times the work

    @torch.inference_mode()
    def run(batch: list[Pixels]) -> Batch:
        x = torch.from_numpy(_floats(batch, shapes_world.SIDE).transpose(0, 3, 1, 2)).contiguous() / 127.5 - 1
        features, logits = network(x)
        log_p = {name: torch.log_softmax(value, 1) for name, value in logits.items()}
        classes = (log_p["shape"][:, :, None] + log_p["color"][:, None, :]).flatten(1)
        return features.numpy(), classes.numpy()

    return run


def _clip(path: str) -> Extractor:
    folder = directory(path)

    def load() -> Run:
        from harness.images.clip import ClipModel  # measured: 3 s, transformers

        model = ClipModel(folder)
        return lambda batch: (model.embed_pictures(batch), None)

    return Extractor(info=_of_checkpoint("clip", path), run=_when_needed(load))


def _dinov2(path: str) -> Extractor:
    folder = directory(path)

    def load() -> Run:
        from harness.images.clip import open_dinov2  # measured: 3 s, transformers

        embed = open_dinov2(folder)
        return lambda batch: (embed(batch), None)

    return Extractor(info=_of_checkpoint("dinov2", path), run=_when_needed(load))


def _of_checkpoint(kind: str, path: str) -> ExtractorInfo:
    resized = {"processor": "the checkpoint's"}
    return ExtractorInfo(kind=kind, path=path, weights_sha256=weights_sha256(Path(path)), resize=resized)


def _script(path: str) -> Any:
    file = Path(path)
    if not file.is_file():
        raise InputError(f"{path} is not a file here; give a TorchScript file")
    try:
        return torch.jit.load(str(file), map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path} cannot be loaded as TorchScript: {str(error).splitlines()[0]}") from error


def _inception(path: str) -> Extractor:
    network = _script(path)

    @torch.inference_mode()
    def run(batch: list[Pixels]) -> Batch:
        x = torch.from_numpy(_floats(batch, 299).transpose(0, 3, 1, 2)).contiguous()
        features = network(x, return_features=True)
        return features.numpy(), torch.log(network(x).clamp_min(1e-30)).numpy()

    weights = weights_sha256(Path(path))
    return Extractor(
        info=ExtractorInfo(kind="inception", path=path, weights_sha256=weights, resize=_clean(299)), run=run
    )


def _torchscript(path: str) -> Extractor:
    network = _script(path)
    mean, deviation = IMAGENET

    @torch.inference_mode()
    def run(batch: list[Pixels]) -> Batch:
        x = (_floats(batch, 224) / 255 - mean) / deviation
        return network(torch.from_numpy(x.transpose(0, 3, 1, 2)).contiguous()).numpy(), None

    weights = weights_sha256(Path(path))
    return Extractor(
        info=ExtractorInfo(kind="torchscript", path=path, weights_sha256=weights, resize=_clean(224)), run=run
    )


def _own(path: str) -> Extractor:
    module, _, name = path.partition(":")
    try:
        made = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, TypeError) as error:
        raise InputError(
            f"py:{path} cannot be opened: {error}; give py:module:Class, and the class no arguments"
        ) from error
    if not callable(made):
        raise InputError(f"py:{path}: an object of it must be callable with (N, H, W, 3) pictures, and it is not")

    def run(batch: list[Pixels]) -> Batch:
        return np.asarray(made(np.stack(batch)), np.float32), None

    source = Path(importlib.import_module(module).__file__ or "")
    seen = (weights_sha256(source) if source.is_file() else "") + name
    weights = hashlib.sha256(seen.encode()).hexdigest()
    return Extractor(info=ExtractorInfo(kind="py", path=path, weights_sha256=weights), run=run)
