"""The report of one evaluation: what it says, every number with its N, interval and floor, and the pictures
themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.files.atomic import write_whole
from harness.images import charts, page, reading
from harness.images.copies import CopyReport, Pair
from harness.images.metric_value import WARNINGS, metric_texts
from harness.images.pictures import PictureSet
from harness.images.run_directory import REPORT
from harness.metrics import metric_or_guess
from harness.runs.reader import read_pictures
from harness.text import numbers

GRID = 48


def write(run: Path, summary: Mapping[str, Any], pictures: Mapping[str, PictureSet], copies: CopyReport | None) -> Path:
    """Write report.html: one file that needs nothing else."""
    samples = read_pictures(run)
    generated = pictures.get("generated")
    body = [
        f"<h1>{page.escape(run.parent.name)}</h1>",
        page.paragraph(f"Pictures for the prompts of {run.parent.parent.name}. Run {run.name}.", "dim"),
        *(_sentence(one) for one in summary["reading"]),
        _grids(pictures),
        _metrics(summary),
        _plane(summary),
        _by_number(summary),
        _clip(summary, samples, generated),
        _scores(summary),
        _copies(copies, pictures),
        _likelihood(summary),
    ]
    path = run / REPORT
    write_whole(path, page.page(f"{run.parent.name}: pictures", [part for part in body if part]))
    return path


def _sentence(one: Mapping[str, str]) -> str:
    return f'<p class="say {page.escape(one["kind"])}">{page.escape(one["text"])}</p>'


def _grids(pictures: Mapping[str, PictureSet]) -> str:
    parts = []
    for name in ("real", "generated"):
        one = pictures.get(name)
        if one is not None:
            places = sorted(np.random.default_rng(0).permutation(len(one))[:GRID].tolist())
            caption = f"{name}: {len(places)} of {len(one):,}, drawn at random"
            parts.append(page.sheet([one.decode(i).pixels for i in places], 8, caption))
    return page.section("Real and generated", f'<div class="two">{"".join(parts)}</div>') if parts else ""


def number(value: float | None) -> str:
    """A number for a table; an absent one is a dash."""
    return "–" if value is None else numbers.amount(value)


def _metrics(summary: Mapping[str, Any]) -> str:
    rows = [_metric(one) for one in summary["metrics"]]
    if not rows:
        return ""
    columns = [
        "metric", "better", "value", "without bias", "95 % interval", "reference against itself", "N real / generated",
        "extractor",
    ]  # fmt: skip
    if any(one["band"]["applied"] for one in summary["metrics"]):
        columns.append("rule of thumb")
        for row, one in zip(rows, summary["metrics"], strict=True):
            row.append(one["band"]["label"] if one["band"]["applied"] else "–")
    codes = dict.fromkeys(code for one in summary["metrics"] for code in one["warnings"])
    notes = [page.paragraph(f"{code}: {WARNINGS.get(code, '')}.", "dim") for code in codes]
    bands = dict.fromkeys(one["band"]["reason"] for one in summary["metrics"] if not one["band"]["applied"])
    notes += [page.paragraph(f"No rule of thumb: {reason}.", "dim") for reason in bands if "no rule" not in reason]
    about = (
        "Reference against itself: what another sample of the reference gets in place of the generated pictures. For a "
        "distance this is its noise floor."
    )
    table = page.table(columns, rows, narrow_heads=True)
    return page.section("Distances from the reference", table, page.paragraph(about, "dim"), *notes)


def _metric(one: Mapping[str, Any]) -> list[Any]:
    """A row of the table."""
    shown = metric_texts(one)
    counts = " / ".join(f"{n:,}" if n else "–" for n in (one["n_real"], one["n_gen"]))
    return [
        one["name"], "higher" if one["higher_is_better"] else "lower", shown.value or "–",
        shown.bias_corrected or "–", shown.interval or "–", shown.of_reference or "–", counts, one["extractor"],
    ]  # fmt: skip


def _plane(summary: Mapping[str, Any]) -> str:
    by_name = {one["name"]: one for one in summary["metrics"]}
    ks = sorted(int(name.removeprefix("precision@k")) for name in by_name if re.fullmatch(r"precision@k\d+", name))
    if not ks:
        return ""
    points = [(by_name[f"recall@k{k}"]["value"], by_name[f"precision@k{k}"]["value"], f"k = {k}") for k in ks]
    label = "Precision against recall, one point for each k"
    caveat = (
        "Precision: pictures that lie among the reference's. Recall: reference pictures that "
        "lie among the generated ones. They depend on k, N and the extractor: compare them within one table only."
    )
    return page.section(
        "Real and varied", charts.plane(points, "recall", "precision", label=label), page.paragraph(caveat, "dim")
    )


def _by_number(summary: Mapping[str, Any]) -> str:
    """FID over 1/N: how much of the value is bias."""
    one = next((each for each in summary["metrics"] if each["params"].get("by_n")), None)
    if one is None:
        return ""
    points = one["params"]["by_n"]
    x, titles = [1 / n for n, _ in points], [f"{number(value)} at N = {n:,}" for n, value in points]
    series = [charts.Series(name="raw", x=x, y=[value for _, value in points], titles=titles)]
    entries = [(f"raw, N = {points[-1][0]:,} to {points[0][0]:,}", "a")]
    if one["low"] is not None:
        fair = {"y": [one["bias_corrected"]], "low": [one["low"]], "high": [one["high"]]}
        series.append(charts.Series(name="without bias", x=[0.0], **fair, style="b"))
        entries.append(("without bias, at 1/N = 0", "b"))
    chart = charts.lines(series, "1/N", one["name"], label=f"{one['name']} over 1/N")
    caveat = "Bias falls with 1/N: the steeper the line, the less a value says without its N."
    return page.section(f"{one['name']} over 1/N", chart, charts.legend(entries), page.paragraph(caveat, "dim"))


def _clip(summary: Mapping[str, Any], samples: list[dict[str, Any]], generated: PictureSet | None) -> str:
    clip = summary["clip"]
    if not clip or generated is None:
        return ""
    names = ("min", "p05", "p95", "max", "std")
    first = [numbers.amount(clip["r_at_1"], share=True),
             numbers.interval(clip["r_at_1_low"], clip["r_at_1_high"], share=True)]  # fmt: skip
    columns = ("mean", "95 % interval", *names, "R@1", "95 % interval", "prompts", "pictures", "CLIP model")
    row = [number(clip["mean"]), _reach(clip), *(number(clip[name]) for name in names), *first,
           clip["n_prompts"], clip["n_pictures"], clip["model"]]  # fmt: skip
    prefix = f"prefix {clip['prefix']!r}" if clip["prefix"] else "no prefix"
    parts = [page.table(columns, [row])]
    parts.append(
        page.paragraph(
            f"Cosines; {prefix}; {numbers.count(clip['truncated'], 'prompt')} cut. A score of "
            f"adherence to the prompt, not of quality.",
            "dim",
        )
    )
    place = {entry.id: i for i, entry in enumerate(generated.entries)}
    ordered = sorted((row for row in samples if row["id"] in place), key=lambda row: (row["clip_cosine"], row["id"]))
    for title, rows in (("Lowest scores", ordered[:8]), ("Highest scores", ordered[-8:][::-1])):
        figures = "".join(
            page.figure(
                generated.decode(place[row["id"]]).pixels,
                f"{number(row['clip_cosine'])}, rank {row['rank']}, seed {row['seed']}: {row['prompt'][:160]}",
            )
            for row in rows
        )
        parts.append(f'<h3>{title}</h3><div class="pics">{figures}</div>')
    return page.section("Do they show the prompt?", *parts)


def _scores(summary: Mapping[str, Any]) -> str:
    """Scores of plug-ins, each with its rank correlation with CLIP."""
    rows = []
    for one in summary["scores"]:
        agreement = one["clip_correlation"] or {"value": None, "low": None, "high": None}
        metric = metric_or_guess(one["scorer"], [reading.NO_SHARE])
        interval = "–" if one["low"] is None else metric.interval(one["low"], one["high"])
        rows.append([
            one["scorer"], metric.text(one["mean"]), interval, f"{number(agreement['value'])}", _reach(agreement),
            one["n_prompts"], one["n_pictures"],
        ])  # fmt: skip
    if not rows:
        return ""
    columns = ("scorer", "mean", "95 % interval", "rank correlation with CLIP", "95 % interval", "prompts", "pictures")
    about = (
        "Higher is better, and values compare for the same prompts only. The correlation is Spearman's, over "
        "pictures: 1 where CLIP puts them in the same order. Intervals are bootstraps over prompts."
    )
    return page.section("Other scores", page.table(columns, rows, narrow_heads=True), page.paragraph(about, "dim"))


def _reach(one: Mapping[str, Any]) -> str:
    return "–" if one["low"] is None else numbers.interval(one["low"], one["high"])


def _copies(found: CopyReport | None, pictures: Mapping[str, PictureSet]) -> str:
    if found is None:
        return ""
    names = ("generated", found.calibrated_on)
    chart = charts.histogram(
        found.gen_distance.tolist(), found.holdout_distance.tolist(), names, mark=found.threshold,
        label="Distances to the nearest training picture, generated and hold-out",
    )  # fmt: skip
    facts = (
        f"{len(found.candidates)} candidates among {len(found.gen_distance):,}. Authenticity {found.authenticity:.1%}"
    )
    facts += f", CT {found.ct_z:.2f}" if found.ct_z is not None else ""
    facts += ": these two do not notice a hundredth of copies. Nearest pairs, generated above training:"
    parts = [chart, page.paragraph(facts)]
    generated, train = pictures.get("generated"), pictures.get("train")
    if generated is not None and train is not None:
        pairs = found.candidates[:12] or found.nearest[:8]
        figures = "".join(
            page.figure(
                np.concatenate(
                    [
                        generated.decode(p.gen).pixels,
                        _like(train.decode(p.train).pixels, generated.decode(p.gen).pixels),
                    ]
                ),
                f"{p.gen_id} | {p.train_id}: {p.distance:.3g}" + _of_pixels(p),
            )
            for p in pairs
        )
        parts.append(f'<div class="pics">{figures}</div>')
    return page.section("Copies of training pictures", *parts)


def _of_pixels(pair: Pair) -> str:
    return ", equal pixels" if pair.equal_pixels else ", nearly equal pixels" if pair.near_pixels else ""


def _like(pixels: Any, other: Any) -> Any:
    if pixels.shape[1] == other.shape[1]:
        return pixels
    from harness.images.pictures import resize

    return np.rint(resize(pixels, other.shape[1])).astype(np.uint8)


def _likelihood(summary: Mapping[str, Any]) -> str:
    found = summary["likelihood"]
    if not found:
        return ""
    parts = [
        page.paragraph(
            f"{found['bits_per_dim']:.4f} bits per dimension ({found['low']:.4f} to "
            f"{found['high']:.4f}, N = {found['n']:,}), an upper bound: "
            f"{found['method']}. Lower is better; it says nothing about looks."
        )
    ]
    if found["gap"]:
        gap = found["gap"]
        parts.append(
            page.paragraph(f"Unseen minus training: {gap['value']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f}).")
        )
    steps = {int(t): bits for t, bits in found["by_step"].items() if int(t) > 1}
    if len(steps) > 3:
        series = charts.Series(name="bits", x=list(steps), y=list(steps.values()))
        parts.append(charts.lines([series], "timestep", "bits per dimension", label="Bits by timestep"))
    return page.section("Likelihood", *parts)
