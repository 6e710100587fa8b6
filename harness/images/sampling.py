"""Pictures from a model: the embedded `shapes` and `shapes-early`, a folder that their training wrote, or a
diffusers pipeline.

`shapes` is sampled by DDIM (Song et al. 2021, arXiv 2010.02502, equation 12, eta 0) with classifier-free guidance.
The noise of a picture comes from its prompt's place in the library and its seed: neither the batch size nor other
pictures change it.
"""

from __future__ import annotations

import inspect
import json
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness import extras
from harness.errors import InputError
from harness.images.pictures import Pixels
from harness.models import shapes_world
from harness.models.shapes_networks import ShapesDiffusion, cosine_alpha_bar, load_diffusion

EMBEDDED = ("shapes", "shapes-early")
MODELS = Path(shapes_world.__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureRequest:
    """One picture to make. `noise`: what its random numbers are seeded with."""

    name: str
    prompt: str
    seed: int
    noise: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """A model that draws. `draw`: prompts and noise seeds to (N, H, W, 3) pictures in 8 bits;
    `workers`: how many batches may be drawn at once. `takes_prompts`: False for a model of noise alone.
    """

    name: str
    folder: Path
    settings: dict[str, Any]
    workers: int = 1
    takes_prompts: bool = True
    draw: Callable[[list[PictureRequest]], Pixels]


def wanted(prompts: dict[str, str], seeds: int, first_seed: int = 0) -> Iterator[PictureRequest]:
    """Every prompt with every seed, prompt by prompt."""
    for place, (name, prompt) in enumerate(prompts.items()):
        for seed in range(first_seed, first_seed + seeds):
            yield PictureRequest(name=name, prompt=prompt, seed=seed, noise=(seed, place))


def open_sampler(model: str, *, steps: int = 20, guidance: float | None = None) -> Sampler:
    """A model by name or folder. Raises InputError for what is neither, and for a hub's name."""
    folder = MODELS / model if model in EMBEDDED else Path(model)
    if not folder.is_dir():
        raise InputError(
            f"{model} is not a directory here; give {', '.join(EMBEDDED)}, or the folder that holds model_index.json"
        )
    if (folder / "model_index.json").is_file():
        return _diffusers(folder, steps, guidance)
    config = folder / "config.json"
    if not config.is_file() or json.loads(config.read_text(encoding="utf-8")).get("kind") != "shapes-diffusion":
        raise InputError(f"{model} has neither model_index.json (diffusers) nor the config.json of a shapes model")
    scale = 3.0 if guidance is None else guidance
    network = load_diffusion(folder)
    torch.set_num_threads(1)  # threads that wait for each other in a network this small take four times the work
    return Sampler(
        name=folder.name,
        folder=folder,
        settings={"sampler": "ddim", "steps": steps, "guidance": scale, "timesteps": network.config.steps},
        workers=min(4, os.cpu_count() or 1),
        draw=lambda rows: sample(network, rows, steps=steps, guidance=scale),
    )


@torch.inference_mode()
def sample(network: ShapesDiffusion, rows: list[PictureRequest], *, steps: int, guidance: float) -> Pixels:
    """(N, 32, 32, 3) in 8 bits."""
    alpha_bar = cosine_alpha_bar(network.config.steps)
    times = np.unique(np.linspace(1, network.config.steps, steps).round().astype(int))[::-1]
    side = shapes_world.SIDE
    noise = [np.random.default_rng(row.noise).standard_normal((3, side, side), dtype=np.float32) for row in rows]
    x = torch.from_numpy(np.stack(noise))
    words, pooled = network.text(network.text.tokens([row.prompt for row in rows]))
    nothing = network.text(network.text.tokens([""] * len(rows)))
    for now, after in zip(times, [*times[1:], 0], strict=True):
        t = torch.full((len(rows),), int(now))
        v = network(x, t, words, pooled)
        if guidance != 1:
            blank = network(x, t, *nothing)
            v = blank + guidance * (v - blank)
        signal, spread = float(np.sqrt(alpha_bar[now])), float(np.sqrt(1 - alpha_bar[now]))
        x0 = (signal * x - spread * v).clamp(-1, 1)
        eps = (x - signal * x0) / spread
        x = float(np.sqrt(alpha_bar[after])) * x0 + float(np.sqrt(1 - alpha_bar[after])) * eps
    pixels: NDArray[np.float32] = ((x.clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    return np.rint(pixels).astype(np.uint8)


def _diffusers(folder: Path, steps: int, guidance: float | None) -> Sampler:
    """Any pipeline that diffusers can load: with prompts, or without (then its pictures are of seeds alone)."""
    pipeline = _load_pipeline(folder)
    takes = set(inspect.signature(pipeline.__call__).parameters)
    settings = {"sampler": type(pipeline).__name__, "steps": steps, "guidance": guidance}
    if guidance is not None and "guidance_scale" not in takes:
        raise InputError(f"{folder} is a {type(pipeline).__name__}, which has no guidance; leave --guidance out")
    wishes = {"num_inference_steps": steps, "output_type": "np", "guidance_scale": guidance}
    given = {name: value for name, value in wishes.items() if name in takes and value is not None}

    def draw(rows: list[PictureRequest]) -> Pixels:
        what: dict[str, Any] = {"prompt": [row.prompt for row in rows]}
        if "prompt" not in takes:
            what = {"batch_size": len(rows)}
        generators = [torch.Generator("cpu").manual_seed(row.seed) for row in rows]
        return _eight_bits(pipeline(**what, generator=generators, **given), folder, len(rows))

    return Sampler(name=folder.name, folder=folder, settings=settings, takes_prompts="prompt" in takes, draw=draw)


def _load_pipeline(folder: Path) -> Any:
    """Raises InputError where diffusers or the pipeline cannot be loaded. Nothing is looked up elsewhere."""
    from harness.images.clip import quiet_transformers  # measured: 5 s, transformers

    quiet_transformers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice of its dependencies, and on configurations of old checkpoints
        try:
            from diffusers import DiffusionPipeline  # measured: 4 s; an extra
            from diffusers.utils import logging
        except ImportError as error:
            raise InputError(
                f"{folder} is a diffusers pipeline, and diffusers cannot be imported ({error}): "
                f"{extras.install('diffusers')}"
            ) from error
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            pipeline: Any = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
            first = str(error).splitlines()[0]
            raise InputError(f"{folder} cannot be loaded as a diffusers pipeline: {first}") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _eight_bits(output: Any, folder: Path, n: int) -> Pixels:
    """(N, H, W, 3) of what a pipeline returned. Raises InputError for what is no set of n pictures in color."""
    made = getattr(output, "images", None)
    if made is None:
        raise InputError(f"{folder} returned {type(output).__name__}, not pictures")
    pictures = np.asarray(made)
    if pictures.ndim == 4 and pictures.shape[3] == 1:  # gray
        pictures = np.repeat(pictures, 3, axis=3)
    if pictures.ndim != 4 or pictures.shape[0] != n or pictures.shape[3] != 3 or not np.isfinite(pictures).all():
        raise InputError(f"{folder} returned pictures of shape {pictures.shape}, or with NaN, for {n} requests")
    if pictures.dtype == np.uint8:
        return pictures
    pixels: Pixels = np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8)
    return pixels
