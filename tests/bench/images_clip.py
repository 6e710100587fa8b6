"""CLIP scores beside torchmetrics' functional call, features beside a bare transformers loop and beside the cache.

    OMP_NUM_THREADS=1 python -m tests.bench.images_clip [--pictures 256] [--runs 3]        # features and cache
    OMP_NUM_THREADS=1 PEER/bin/python -m tests.bench.images_clip --clip 24                 # where torchmetrics is, in its own environment

All load the embedded CLIP from its folder; ratios are of medians of CPU time, taken in turns. The functional call loads the model
for each picture, as SimpleTuner calls it. torchmetrics 1.9.0 cannot read what transformers 5 returns: the peer gets an
adapter of three lines that gives it the tensor.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, CLIPModel, CLIPProcessor

from harness.images import clip as ours
from harness.images import features
from harness.images.pictures import Entry, open_set, png
from harness.images.prompts import Library
from harness.images.sampling import MODELS
from harness.images.scoring import ClipScorer
from harness.models import shapes_world

FOLDER = MODELS / "shapes-clip"


def bare_loop(folder: Path, batch: int = 64) -> Any:
    """What a short script would do: open, process, embed, batch by batch. (N, D)."""
    model = CLIPModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    processor: Any = AutoImageProcessor.from_pretrained(FOLDER, backend="pil")
    files = sorted(folder.glob("*.png"))
    found = []
    with torch.inference_mode():
        for start in range(0, len(files), batch):
            pictures = [Image.open(file).convert("RGB") for file in files[start : start + batch]]
            values = processor(images=pictures, return_tensors="pt")["pixel_values"]
            found.append(model.get_image_features(pixel_values=values).pooler_output)
    return torch.nn.functional.normalize(torch.cat(found), dim=1).numpy()


def own_features(folder: Path, cache: Path | None = None) -> Any:
    """The command's path, from opening the model to the matrix."""
    return features.extract(open_set(str(folder)), features.open_extractor(f"clip:{FOLDER}"), cache=cache).matrix


def own_scores(folder: Path, captions: list[str]) -> float:
    """Our mean, of the same pictures and texts."""
    library = Library(name="bench", prompts={f"{i:05d}": text for i, text in enumerate(captions)})
    pictures = open_set(str(folder))
    entries = tuple(Entry(id=e.id, image=e.image, prompt=e.id) for e in pictures.entries)
    matched = type(pictures)(name="bench", entries=entries, raw=pictures.raw, decode=pictures.decode)
    return 100 * ClipScorer(ours.ClipModel(FOLDER), library).score(matched).summary.mean


def loaded() -> tuple[Any, Any]:
    """What the functional call does for each picture; it takes names of the hub, or this."""
    processor: Any = CLIPProcessor
    return CLIPModel.from_pretrained(FOLDER, dtype=torch.float32).eval(), processor.from_pretrained(FOLDER)


@contextlib.contextmanager
def tensors_returned() -> Iterator[None]:
    """The adapter: what transformers 5 wraps is given to torchmetrics bare."""
    kept = {name: getattr(CLIPModel, name) for name in ("get_image_features", "get_text_features")}

    def bare(original: Any) -> Any:
        return lambda self, *args, **more: original(self, *args, **more).pooler_output

    for name, original in kept.items():
        setattr(CLIPModel, name, bare(original))
    try:
        yield
    finally:
        for name, original in kept.items():
            setattr(CLIPModel, name, original)


def functional_scores(folder: Path, captions: list[str]) -> float:
    """torchmetrics' functional call for each picture."""
    from torchmetrics.functional.multimodal import clip_score

    files = sorted(folder.glob("*.png"))
    with tensors_returned():
        return statistics.fmean(
            float(clip_score(torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1), text, loaded))
            for file, text in zip(files, captions, strict=True)
        )


def race(rivals: dict[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Median seconds of CPU of each, taken in turns: on a machine that others use the clock tells little."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(runs):
        for name, call in rivals.items():
            begun = time.process_time()
            call()
            seconds[name].append(time.process_time() - begun)
    return {name: statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--clip", type=int, default=0, help="pictures of the race with torchmetrics")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name) / "pictures", Path(name) / "cache"
        folder.mkdir()
        world = shapes_world.make("holdout", given.clip or given.pictures)
        for i, pixels in enumerate(world.pictures):
            (folder / f"{i:05d}.png").write_bytes(png(pixels))
        if given.clip:
            found = race({"ours": lambda: own_scores(folder, world.captions),
                          "torchmetrics": lambda: functional_scores(folder, world.captions)}, given.runs)  # fmt: skip
            values = own_scores(folder, world.captions), functional_scores(folder, world.captions)
            print(f"CLIP of {given.clip}: ours {found['ours']:.2f} s of CPU, torchmetrics {found['torchmetrics']:.2f} s: "
                  f"{found['torchmetrics'] / found['ours']:.1f} times; means {values[0]:.5f} and {values[1]:.5f}")  # fmt: skip
            return
        gap = np.abs(own_features(folder, cache) - bare_loop(folder)).max()
        found = race({"bare": lambda: bare_loop(folder), "ours": lambda: own_features(folder),
                      "cache": lambda: own_features(folder, cache)}, given.runs)  # fmt: skip
        print(f"features of {given.pictures}: ours {found['ours']:.2f} s of CPU, {found['bare'] / found['ours']:.2f} "
              f"of a bare loop's rate; from the cache {found['ours'] / found['cache']:.1f} times as fast; largest difference {gap:.1e}")  # fmt: skip


if __name__ == "__main__":
    main()
