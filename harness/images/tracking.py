"""CLIP scores over a training: a point for each checkpoint, the same prompts and seeds each time, drawn as one page.

    tracker = TrainingCallback({"cat": "a cat"}, generate, "runs/mine", clip="DIR", every=500)
    for step in ...:
        tracker(step)      # generate(prompt, seed) -> picture, every 500 steps

The model is loaded once. A folder has a line of `points.jsonl` and of `samples.jsonl` for each step, appended as
soon as they are there: after a crash a step that is there is not drawn again. `loggers` get the same numbers and
pictures with their step.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from harness.errors import InputError
from harness.files.atomic import write_whole
from harness.images import charts, page, run_directory
from harness.images.pictures import Entry, Pixels, array_set, decode, png
from harness.runs.layout import MANIFEST, SAMPLES
from harness.runs.reader import pictures_folder, read_manifest, read_pictures
from harness.text.numbers import amount

POINTS = "points.jsonl"
BANDS = ((0.18, 0.22, "poor"), (0.22, 0.39, "usual"))  # of a rule of thumb for CLIP L/14-336 alone
STRIP = 6
OTHER_PROMPTS = "The prompt libraries differ between steps: minimum, maximum and R@1 do not compare."


class Logger(Protocol):
    """Where numbers and pictures of a step go besides the folder."""

    def log(self, step: int, scalars: Mapping[str, float], pictures: Mapping[str, Pixels]) -> None:
        """Called once for each step."""


class TrainingCallback:
    """Scores a model while it is trained. `generate`: prompt and seed to a picture (H, W, 3) in 8 bits."""

    def __init__(
        self,
        prompts: Mapping[str, str] | str,
        generate: Callable[[str, int], Pixels],
        out: str | Path = "training",
        *,
        clip: str | Path,
        every: int = 500,
        seeds: Sequence[int] = (0,),
        loggers: Sequence[Logger] = (),
        model: str = "model",
    ) -> None:
        """Raises InputError for a library or a CLIP model that is not there."""
        # measured: 5 s, transformers; drawing a page from a folder does not need it
        from harness.images.clip import ClipModel
        from harness.images.features import directory
        from harness.images.prompts import Library, open_library
        from harness.images.scoring import ClipScorer

        library = open_library(prompts) if isinstance(prompts, str) else Library(name="own", prompts=dict(prompts))
        self.folder, self.every, self.seeds, self.model = Path(out), every, tuple(seeds), model
        self.library, self.loggers = library, tuple(loggers)
        self._generate = generate
        self._clip = Path(clip).name
        self._scorer = ClipScorer(ClipModel(directory(str(clip))), library)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._done = {row["step"] for row in read_points(self.folder)}

    def __call__(self, step: int) -> dict[str, float] | None:
        """Score the model if it is time; the numbers, or None."""
        return self.score(step) if step % self.every == 0 and step not in self._done else None

    def score(self, step: int) -> dict[str, float]:
        """Draw every prompt with every seed, score, and keep the point."""
        wanted = [(name, text, seed) for name, text in self.library.prompts.items() for seed in self.seeds]
        pictures = [self._generate(text, seed) for _, text, seed in wanted]
        entries = tuple(
            Entry(
                id=f"{name}__{seed}__{step}",
                image=f"pictures/{step:08d}-{i:04d}.png",
                prompt=name,
                seed=seed,
                step=step,
            )
            for i, (name, _, seed) in enumerate(wanted)
        )
        (self.folder / "pictures").mkdir(exist_ok=True)
        for entry, pixels in zip(entries, pictures, strict=True):
            write_whole(self.folder / entry.image, png(pixels))
        result = self._scorer.score(array_set("training", np.stack(pictures), entries))
        about = {"run": self.folder.resolve().name, "model": self.model}
        _append(self.folder / SAMPLES, [{**row.record(), **about} for row in result.rows])
        record = result.record()
        point = {
            "step": step,
            "model": self.model,
            "clip_model": self._clip,
            "library": self.library.sha256,
            "clip": record,
        }
        _append(self.folder / POINTS, [point])
        self._done.add(step)
        scalars = run_directory.scalars({"clip": record})
        order = np.argsort([row.clip_cosine for row in result.rows])
        shown = {"clip/worst": pictures[int(order[0])], "clip/best": pictures[int(order[-1])]}
        for logger in self.loggers:
            logger.log(step, scalars, shown)
        return scalars


def _append(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
    with open(path, "a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # the last line was torn by a crash: this one must not be joined to it
                text = "\n" + text
        file.write(text.encode())


def read_points(folder: Path) -> list[dict[str, Any]]:
    """Points of a callback's folder by step; a torn last line is left out."""
    return sorted(_lines(folder / POINTS), key=lambda row: row["step"])


def _lines(path: Path) -> list[dict[str, Any]]:
    rows = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue  # torn by a crash while it was written
    return rows


def gather(places: Sequence[Path]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Points and samples of callbacks' folders and of runs with a step. A sample's `image` becomes a path.

    Raises InputError for a folder that is neither, and for one without a step.
    """
    points, samples = [], []
    for place in places:
        rows = read_points(place)
        if not rows:
            rows = [_run_point(place)]
        points += rows
        about = {"run": place.resolve().name, "model": rows[0]["model"]}
        folder = pictures_folder(place) if (place / MANIFEST).is_file() else place
        for sample in {row["id"]: row for row in _lines(place / SAMPLES)}.values():
            samples.append({**about, **sample, "path": folder / sample["image"]})
    return sorted(points, key=lambda row: row["step"]), samples


def _run_point(run: Path) -> dict[str, Any]:
    summary = run_directory.read_summary(run)
    steps = {row["step"] for row in read_pictures(run)}
    if len(steps) != 1 or None in steps or not summary.get("clip"):
        raise InputError(
            f"{run} has no CLIP scores of one training step; sample with --step N and evaluate with --prompts"
        )
    manifest = read_manifest(run)
    return {
        "step": steps.pop(), "model": str((manifest.identity.get("model") or {}).get("name") or run.parent.name),
        "clip_model": Path(str(manifest.config.get("clip") or "")).name,
        "library": str((manifest.identity.get("problems") or {}).get("sha256") or ""),
        "clip": summary["clip"], "metrics": summary["metrics"],
    }  # fmt: skip


def write_page(places: Sequence[Path], out: Path) -> None:
    """The page of a training: curves, film strip, worst and best prompts; of several models, one after the other."""
    points, samples = gather(places)
    models = list(dict.fromkeys(str(row["model"]) for row in points))
    body = ["<h1>Scores over training</h1>", page.paragraph(_subtitle(points), "dim")]
    if len({row.get("library") for row in points}) > 1:
        body.append(f'<p class="say caution">{page.escape(OTHER_PROMPTS)}</p>')
    if len(models) > 1:
        body.append(_models_curve(points, models))
    for model in models:
        own = [row for row in points if str(row["model"]) == model]
        seen = [row for row in samples if str(row["model"]) == model]
        body.append(f'<h2 class="model">{page.escape(model)}</h2>' if len(models) > 1 else "")
        body += [_clip_curve(own, seen), _rank_curve(own), _fid_curve(own), _strip(seen), _extremes(seen, own)]
    write_whole(out, page.page("Scores over training", [part for part in body if part]))


def _subtitle(points: Sequence[Mapping[str, Any]]) -> str:
    models = list(dict.fromkeys(str(row["model"]) for row in points))
    scorers = [name for name in dict.fromkeys(str(row.get("clip_model") or "") for row in points) if name]
    steps = sorted({row["step"] for row in points})
    text = f"{', '.join(models)}; steps {steps[0]:,} to {steps[-1]:,}, {len(points)} points"
    return text + (f"; scored by {', '.join(scorers)}" if scorers else "")


def _models_curve(points: Sequence[Mapping[str, Any]], models: Sequence[str]) -> str:
    """The mean of every model, in one chart."""
    series = []
    for place, model in enumerate(models):
        own = [row for row in points if str(row["model"]) == model]
        clips = [row["clip"] for row in own]
        series.append(
            charts.Series(
                name=model, x=[row["step"] for row in own], y=[c["mean"] for c in clips], style="abcd"[place % 4],
                low=[c["low"] for c in clips], high=[c["high"] for c in clips],
            )
        )  # fmt: skip
    chart = charts.lines(series, "training step", "cosine", label="Mean CLIP cosine of every model over steps")
    return page.section(
        "CLIP cosine of every model", chart, charts.legend([(one.name, one.style) for one in series]),
        page.paragraph("Means with their 95 % intervals over prompts.", "dim"),
    )  # fmt: skip


def replay(places: Sequence[Path], logger: Logger) -> None:
    """Every point to a logger, with its step and its worst and best picture; of several models under their names."""
    points, samples = gather(places)
    several = len({str(row["model"]) for row in points}) > 1
    for row in points:
        here = [s for s in samples if s["step"] == row["step"] and s["model"] == row["model"]]
        here.sort(key=lambda s: float(s["clip_cosine"]))
        ends = {"clip/worst": here[0], "clip/best": here[-1]} if here else {}
        shown = {name: pixels for name, sample in ends.items() if (pixels := _pixels(sample)) is not None}
        before = f"{row['model']}/" if several else ""
        scalars = {before + name: value for name, value in run_directory.scalars(row).items()}
        logger.log(row["step"], scalars, {before + name: pixels for name, pixels in shown.items()})


def _clip_curve(points: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]]) -> str:
    steps = [row["step"] for row in points]
    clips = [row["clip"] for row in points]
    ends: dict[str, list[str]] = {"min": [], "max": []}
    for row in points:
        here = sorted((s for s in samples if s["step"] == row["step"]), key=lambda s: float(s["clip_cosine"]))
        for name, place in (("min", 0), ("max", -1)):
            ends[name].append(
                f"{amount(row['clip'][name])} at {row['step']}" + (f": {here[place]['prompt']}" if here else "")
            )
    series = [
        charts.Series(name=name, x=steps, y=[c[name] for c in clips], titles=ends[name], style="c")
        for name in ("min", "max")
    ]
    mean = charts.Series(
        name="mean",
        x=steps,
        y=[c["mean"] for c in clips],
        low=[c["low"] for c in clips],
        high=[c["high"] for c in clips],
    )
    applied = all("vit-large-patch14-336" in str(row.get("clip_model", "")).lower() for row in points)
    chart = charts.lines(
        [*series, mean], "training step", "cosine", label="CLIP cosine over steps", bands=BANDS if applied else ()
    )
    note = "Mean with its 95 % interval over prompts. It is about the prompt, not about quality"
    note += "." if applied else "; bands of the usual rule of thumb hold for CLIP L/14-336 only and are not drawn."
    return page.section(
        "CLIP cosine", chart, charts.legend([("mean", "a"), ("lowest and highest", "c")]), page.paragraph(note, "dim")
    )


def _rank_curve(points: Sequence[Mapping[str, Any]]) -> str:
    clips = [row["clip"] for row in points]
    series = charts.Series(
        name="R@1", x=[row["step"] for row in points], y=[c["r_at_1"] for c in clips],
        low=[c["r_at_1_low"] for c in clips], high=[c["r_at_1_high"] for c in clips], style="b",
    )  # fmt: skip
    n = max(c["n_prompts"] for c in clips)
    chart = charts.lines([series], "training step", "share", label="R@1 over steps")
    return page.section(
        "Own prompt first (R@1)",
        chart,
        page.paragraph(f"Among {n} prompts; by chance it would be {amount(1 / n, share=True)}.", "dim"),
    )


def _fid_curve(points: Sequence[Mapping[str, Any]]) -> str:
    every = [
        (row["step"], one)
        for row in points
        for one in row.get("metrics") or ()
        if one["name"].startswith(("fid", "fd"))
    ]
    rows = [(step, one) for step, one in every if one["name"] == every[0][1]["name"]]  # of the first extractor
    if len(rows) < 2:
        return ""
    steps = [step for step, _ in rows]
    series = [charts.Series(name="raw", x=steps, y=[one["value"] for _, one in rows], style="c")]
    fair = [(step, one) for step, one in rows if one["low"] is not None]
    if fair:
        series.append(
            charts.Series(
                name="without bias", x=[s for s, _ in fair], y=[o["bias_corrected"] for _, o in fair],
                low=[o["low"] for _, o in fair], high=[o["high"] for _, o in fair],
            )
        )  # fmt: skip
    floor = [(step, one["noise_floor"]) for step, one in rows if one["noise_floor"] is not None]
    if floor:
        series.append(charts.Series(name="noise floor", x=[s for s, _ in floor], y=[f for _, f in floor], style="d"))
    name = rows[0][1]["name"]
    chart = charts.lines(series, "training step", name, label=f"{name} over steps")
    return page.section(name, chart, charts.legend([("raw", "c"), ("without bias", "a"), ("noise floor", "d")]))


def _pixels(sample: Mapping[str, Any]) -> Pixels | None:
    """None where the picture is gone, or is none: the page is then drawn without it."""
    path = Path(sample["path"])
    try:
        return decode(path.read_bytes(), path.name).pixels if path.is_file() else None
    except InputError:
        return None


def _strip(samples: Sequence[Mapping[str, Any]]) -> str:
    """Rows: a prompt with its first seed, then the others' seeds while there is room; columns: steps."""
    rows: dict[tuple[str, int | None], dict[int, Mapping[str, Any]]] = {}
    for sample in samples:
        if sample["step"] is not None:
            rows.setdefault((sample["prompt"], sample["seed"]), {})[sample["step"]] = sample
    turn, seeds = dict[tuple[str, int | None], int](), Counter[str]()
    for key in rows:
        turn[key] = seeds[key[0]]
        seeds[key[0]] += 1
    parts = []
    for prompt, seed in sorted(rows, key=lambda key: turn[key])[:STRIP]:
        by_step = rows[prompt, seed]
        figures = [
            page.figure(pixels, f"step {step}: {amount(by_step[step]['clip_cosine'])}")
            for step in sorted(by_step)
            if (pixels := _pixels(by_step[step])) is not None
        ]
        if figures:
            name = page.paragraph(f"{prompt[:300]} (seed {seed})")
            parts.append(f'{name}<div class="strip" tabindex="0">{"".join(figures)}</div>')
    return page.section("The same prompts and seeds", *parts) if parts else ""


def _extremes(samples: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]]) -> str:
    last = points[-1]["step"]
    here = sorted((s for s in samples if s["step"] == last), key=lambda s: (float(s["clip_cosine"]), str(s["id"])))
    parts = []
    for title, rows in (("Worst prompts", here[:8]), ("Best prompts", here[-8:][::-1])):
        figures = "".join(
            page.figure(pixels, f"{amount(row['clip_cosine'])}, seed {row['seed']}: {row['prompt'][:160]}")
            for row in rows
            if (pixels := _pixels(row)) is not None
        )
        if figures:
            parts.append(f'<h3>{title}</h3><div class="pics">{figures}</div>')
    return page.section(f"Worst and best at step {last}", *parts) if parts else ""
