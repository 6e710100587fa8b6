"""Pictures of a model for a whole prompt library, as a folder that every other command reads."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.files.atomic import write_whole
from harness.images.features import weights_sha256
from harness.images.pictures import MANIFEST, Pixels, png
from harness.images.prompts import Library, open_library
from harness.images.sampling import PictureRequest, Sampler, open_sampler, wanted

SAMPLE = "sample.json"
NO_PROMPTS = "none"


def draw(
    model: str,
    prompts: str | None = None,
    *,
    out: Path | None = None,
    seeds: int = 4,
    first_seed: int = 0,
    steps: int = 20,
    guidance: float | None = None,
    training_step: int | None = None,
    batch: int = 64,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Path, int]:
    """Write `pictures/*.png`, then manifest.jsonl; returns the folder and the number of pictures.

    sample.json says what the pictures are of. A folder begun with the same settings goes on: what is there is kept,
    and every picture is the same whatever was drawn before. `prompts`: a library, `none` for pictures without a prompt;
    None is `shapes` where the model takes prompts. Raises InputError for a folder of other settings.
    """
    sampler = open_sampler(model, steps=steps, guidance=guidance)
    library = _library(prompts, sampler)
    folder = out or Path("samples") / sampler.name
    about = {
        "model": sampler.name, "folder": model, "weights_sha256": weights_sha256(sampler.folder), **sampler.settings,
        "library": library.name, "library_sha256": library.sha256, "seeds": seeds,
        "first_seed": first_seed, "training_step": training_step,
    }  # fmt: skip
    _begin(folder, about)
    rows = list(wanted(library.prompts, seeds, first_seed))
    places = {name: i for i, name in enumerate(library.prompts)}
    files = {row: f"pictures/{places[row.name]:05d}__{row.seed}.png" for row in rows}
    _draw(
        folder, sampler, [row for row in rows if not (folder / files[row]).is_file()], files, len(rows), batch, progress
    )
    lines = [_line(row, files[row], training_step) for row in rows]
    write_whole(folder / MANIFEST, "".join(lines).encode())
    return folder, len(rows)


def _library(prompts: str | None, sampler: Sampler) -> Library:
    """Raises InputError for prompts to a model that takes none."""
    if prompts == NO_PROMPTS or (prompts is None and not sampler.takes_prompts):
        return Library(name=NO_PROMPTS, prompts={"picture": ""})
    if not sampler.takes_prompts:
        raise InputError(f"{sampler.folder} takes no prompts; leave --prompts out, and say how many with --seeds")
    return open_library(prompts or "shapes")


def _begin(folder: Path, about: dict[str, Any]) -> None:
    path = folder / SAMPLE
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        if path.is_file():
            if json.loads(path.read_text(encoding="utf-8")) != about:
                raise InputError(
                    f"{folder} holds pictures of another model or other settings; choose another folder with -o"
                )
        else:
            write_whole(path, (json.dumps(about, indent=1) + "\n").encode())
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}; choose another folder with -o") from error


def _draw(
    folder: Path,
    sampler: Sampler,
    missing: list[PictureRequest],
    files: dict[PictureRequest, str],
    total: int,
    batch: int,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    done = total - len(missing)
    parts = [missing[start : start + batch] for start in range(0, len(missing), batch)]
    with ThreadPoolExecutor(sampler.workers) as pool:
        drawing: deque[Future[Pixels]] = deque()
        waiting = deque(parts)
        for part in parts:
            while waiting and len(drawing) <= sampler.workers:
                drawing.append(pool.submit(sampler.draw, waiting.popleft()))
            for row, pixels in zip(part, drawing.popleft().result(), strict=True):
                write_whole(folder / files[row], png(pixels))
            done += len(part)
            if progress:
                progress(f"pictures of {sampler.name}", done, total)


def _line(row: PictureRequest, file: str, step: int | None) -> str:
    about = {
        "id": f"{row.name}__{row.seed}",
        "image": file,
        "prompt": row.prompt or None,
        "seed": row.seed,
        "step": step,
    }
    return json.dumps(about, ensure_ascii=False) + "\n"
