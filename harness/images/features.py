"""Features of pictures, by an extractor whose weights are on this machine: nothing is downloaded.

    shapes                 the embedded classifier: 64 features, and logits of 30 classes (shape and color) for the
                           Inception score
    clip:DIR, dinov2:DIR   transformers checkpoints: projected embeddings of length 1; the pooled CLS token
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
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import InputError
from harness.images.feature_set import ExtractorInfo as ExtractorInfo
from harness.images.feature_set import FeatureSet as FeatureSet
from harness.images.feature_set import read_features as read_features
from harness.images.feature_set import save_arrays
from harness.images.feature_set import write_features as write_features
from harness.images.pictures import PictureSet, Pixels, resize
from harness.models import shapes_networks, shapes_world

SHAPES = Path(shapes_world.__file__).parent / "shapes-features"
IMAGENET = (np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32))
BATCH = 64
Progress = Callable[[str, int, int], None]
Batch = tuple[NDArray[np.float32], NDArray[np.float32] | None]  # features (N, D), logits (N, classes)
Run = Callable[[list[Pixels]], Batch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """A network, ready: `run` takes 8-bit pictures of any sizes."""

    info: ExtractorInfo
    run: Run


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
            f"{spec} is not an extractor: shapes, clip:DIR, dinov2:DIR, inception:FILE.pt, torchscript:FILE, "
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
            save_arrays(place, features, logits, facts=json.dumps(facts))
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
