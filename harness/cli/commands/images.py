"""Are a model's pictures real, varied, on topic, not copies?"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness import registry
from harness.errors import InputError
from harness.text import numbers
from harness.trackers import PACKAGE, find_tracker

if TYPE_CHECKING:
    pass

GROUP = "images"
EXAMPLES = {
    "sample": (
        "harness images sample",
        "harness images sample --model my/pipeline --prompts prompts.json --seeds 8",
    ),
    "evaluate": (
        "harness images evaluate samples/shapes",
        "harness images evaluate my/pictures --real my/reference --fail-if 'fid>20'",
    ),
    "distance": (
        "harness images distance --real real.npz --gen gen.npz --metrics fid,kid",
        "harness images distance --real my/reference --gen my/pictures --k 3,5",
    ),
    "features": (
        "harness images features my/pictures -o features.npz",
        "harness images features my/pictures -o f.npz --extractor dinov2:DIR",
    ),
    "clip": (
        "harness images clip --images my/pictures --prompts prompts.json --model DIR",
        "harness images clip --images samples/shapes --prompts shapes --model shapes-clip",
    ),
    "score": (
        "harness images score --images my/pictures --prompts p.json --scorer py:mine:Score",
        "harness images score --images a.zip --prompts p.tsv --scorer py:mine:Score --json",
    ),
    "copies": (
        "harness images copies --train my/training --gen my/pictures",
        "harness images copies --train t.npz --gen g.npz --holdout h.npz",
    ),
    "likelihood": (
        "harness images likelihood nll.jsonl",
        "harness images likelihood first.jsonl second.jsonl --json",
    ),
    "track": (
        "harness images track runs/training -o track.html",
        "harness images track runs/training --report-to tensorboard",
    ),
    "doctor": (
        "harness images doctor",
        "harness images doctor > images.txt",
    ),
}
TABLELESS = ("clip", "score", "copies", "likelihood")
TRACKERS = ", ".join(registry.names(PACKAGE))

# What is imported inside the commands brings pydantic, torch and transformers: 4 s, which --help need not wait for.

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Results = Annotated[Path, typer.Option("--results", help="Where run directories are kept.")]
_EXTRACTORS = "shapes, clip:DIR, dinov2:DIR, inception:FILE.pt, torchscript:FILE or py:module:Class"
ExtractorOption = Annotated[str, typer.Option("--extractor", help=f"{_EXTRACTORS}.")]
ExtractorsOption = Annotated[
    list[str] | None,
    typer.Option("--extractor", help=f"{_EXTRACTORS}; shapes by default. Can be repeated: DINOv2 stands first."),
]
SkipUnreadable = Annotated[
    bool, typer.Option("--skip-unreadable", help="Leave out files that cannot be read, and say so.")
]
FailIf = Annotated[
    list[str] | None,
    typer.Option("--fail-if", help='Exit with 1 if this holds, such as "clip/mean<0.22" (can be repeated).'),
]
Metrics = Annotated[
    str | None,
    typer.Option("--metrics", help="Any of fid,kid,prdc,is,cmmd,mind,vendi; by default all that the features allow."),
]
K = Annotated[str, typer.Option("--k", help="Neighbors for precision, recall, density and coverage.")]
Jackknife = Annotated[int, typer.Option("--jackknife", help="Groups of the jackknife; 0 leaves it out.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of subsets, directions and splits.")]
KidSubset = Annotated[int | None, typer.Option("--kid-subset", help="Pictures in a subset of KID; 1000 by default.")]


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.callback()
def images() -> None:
    """Are the pictures of a model real, varied, what was asked for, and not copies?"""


@app.command()
def sample(
    model: Annotated[
        str, typer.Option(help="shapes, shapes-early, or a folder (model_index.json of diffusers).")
    ] = "shapes",
    prompts: Annotated[
        str | None, typer.Option(help="A prompt library: .json, .jsonl, .tsv, shapes, or none. By default shapes.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Pictures of each prompt.")] = 4,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of the seeds.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the sampler.")] = 20,
    guidance: Annotated[
        float | None, typer.Option(help="Classifier-free guidance, 3 for the embedded models; 1 is none.")
    ] = None,
    step: Annotated[int | None, typer.Option(help="Training step of the model, kept with every picture.")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the pictures; samples/MODEL by default.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures drawn at once; it changes none of them.")] = 64,
) -> None:
    """Draw a model's pictures for a prompt library. Run again, it draws what is missing."""
    from harness.cli.display import images as terminal
    from harness.images import drawing

    with terminal.Meter(quiet=False, words="loading the model") as meter:
        folder, n = drawing.draw(
            model, prompts, out=out, seeds=seeds, first_seed=first_seed, steps=steps, guidance=guidance,
            training_step=step, batch=batch, progress=meter,
        )  # fmt: skip
    terminal.say(f"{n:,} pictures in {folder}; next: harness images evaluate {folder}")


@app.command()
def evaluate(
    gen: Annotated[str, typer.Argument(help="Pictures: a folder, .zip or manifest.jsonl.")] = "samples/shapes",
    reference: Annotated[str | None, typer.Option("--real", help="The reference; for shapes it is embedded.")] = None,
    prompts: Annotated[str | None, typer.Option(help="The prompt library of the pictures.")] = None,
    extractor: ExtractorsOption = None,
    clip: Annotated[str | None, typer.Option("--clip", help="Folder of a CLIP model.")] = None,
    scorer: Annotated[
        list[str] | None,
        typer.Option(
            "--scorer",
            help="shapes (attribute accuracy), or py:module:Class with score(images, prompts). Can be repeated.",
        ),
    ] = None,
    train: Annotated[str | None, typer.Option(help="Training pictures: look for copies of them.")] = None,
    holdout: Annotated[
        str | None, typer.Option(help="Pictures like the training ones that training did not see.")
    ] = None,
    metrics: Metrics = None,
    k: K = "3,5",
    jackknife: Jackknife = 10,
    seed: Seed = 2020,
    kid_subset: KidSubset = None,
    allow_missing: Annotated[bool, typer.Option(help="Leave out prompts without a picture, and the reverse.")] = False,
    skip_unreadable: SkipUnreadable = False,
    results: Results = Path("results"),
    report_to: Annotated[str, typer.Option("--report-to", "--report_to", help=f"Trackers: {TRACKERS}, or none.")] = "",
    fail_if: FailIf = None,
    as_json: AsJson = False,
) -> None:
    """Measure pictures, and write a run with a report. Against a reference, their prompts, or both."""
    from harness.cli.display import images as terminal
    from harness.images import evaluate as evaluation

    conditions = [terminal.condition(text) for text in fail_if or ()]
    extractors = tuple(extractor or ["shapes"])
    terminal.trackers(report_to)
    names = ("reference", "prompts", "clip", "train", "holdout")
    given = {
        name: value
        for name, value in zip(names, (reference, prompts, clip, train, holdout), strict=True)
        if value is not None
    }  # fmt: skip
    more: dict[str, Any] = {
        "extractors": extractors, "allow_missing": allow_missing, "skip_unreadable": skip_unreadable,
        "cache": terminal.cache(),
        "scorers": tuple(scorer or ()), "settings": terminal.settings(metrics, k, jackknife, seed, kid_subset),
    }  # fmt: skip
    of_shapes = evaluation.read_sample(gen).get("library") == "shapes" or prompts == "shapes"
    make: Any = evaluation.of_shapes if of_shapes and "shapes" in extractors else evaluation.Request
    if make is evaluation.Request and "reference" not in given and "clip" not in given:
        raise InputError(f"{gen} needs something to be measured against: --real PICTURES, or --prompts and --clip DIR")
    with terminal.Meter(quiet=as_json, words="loading the extractor") as meter:
        run, summary = evaluation.evaluate(make(gen=gen, **given, **more), results, meter)
    terminal.say_left_out(summary["inputs"]["skipped"], gen)
    terminal.finish(run, summary, report_to, conditions, as_json=as_json)


@app.command()
def distance(
    real: Annotated[
        str, typer.Option("--real", help="The reference: pictures, or .npz of features or of mu and sigma.")
    ],
    gen: Annotated[str, typer.Option("--gen", help="The generated ones: pictures or .npz.")],
    extractor: ExtractorsOption = None,
    metrics: Metrics = None,
    k: K = "3,5",
    jackknife: Jackknife = 10,
    seed: Seed = 2020,
    kid_subset: KidSubset = None,
    skip_unreadable: SkipUnreadable = False,
    fail_if: FailIf = None,
    as_json: AsJson = False,
) -> None:
    """Print the distances of two sets of pictures, without a run."""
    from harness.cli.display import images as terminal
    from harness.images import by_extractor, evaluate, reading

    conditions = [terminal.condition(text) for text in fail_if or ()]
    request = evaluate.Request(
        gen=gen, reference=real, extractors=tuple(extractor or ["shapes"]), cache=terminal.cache(),
        settings=terminal.settings(metrics, k, jackknife, seed, kid_subset), skip_unreadable=skip_unreadable,
    )  # fmt: skip
    with terminal.Meter(quiet=as_json, words="loading the extractor") as meter:
        found, seen = evaluate.distances_of(request, meter)
    terminal.say_skipped(*seen)
    said = reading.read(found)
    values = by_extractor.all_values(found)
    summary = {"metrics": [one.record() for one in values], "reading": [dataclasses.asdict(one) for one in said]}
    terminal.show(summary, conditions, as_json=as_json)


@app.command()
def features(
    pictures: Annotated[str, typer.Argument(help="A folder, .zip or manifest.jsonl.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .npz to write.")],
    extractor: ExtractorOption = "shapes",
    skip_unreadable: SkipUnreadable = False,
) -> None:
    """Write the features of pictures to a .npz. Every other command takes it in place of the pictures."""
    from harness.cli.display import images as terminal
    from harness.images.features import extract, open_extractor, write_features
    from harness.images.pictures import open_set

    if out.suffix != ".npz":
        raise InputError(f"{out}: features are written to a .npz file")
    with terminal.Meter(quiet=False, words="loading the extractor") as meter:
        opened = open_set(pictures, skip_unreadable=skip_unreadable)
        found = extract(opened, open_extractor(extractor), cache=terminal.cache(), progress=meter)
    terminal.say_skipped(opened)
    write_features(out, found)
    shape = " x ".join(map(str, found.matrix.shape))
    terminal.say(f"{out}: {shape} features by {found.info.signature}")


@app.command()
def clip(
    pictures: Annotated[str, typer.Option("--images", help="A folder, .zip or manifest.jsonl.")],
    prompts: Annotated[
        str,
        typer.Option("--prompts", "--validation_prompt_library", "--user_prompt_library", help="The prompt library."),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", "--pretrained_evaluation_model_name_or_path", help="Folder of a CLIP model, or shapes-clip."
        ),
    ],
    prefix: Annotated[str, typer.Option(help='Put before every prompt, such as "A photo depicts ".')] = "",
    scale: Annotated[str, typer.Option(help="How scores are printed: cosine, 100 or 2.5.")] = "cosine",
    evaluation_type: Annotated[
        str, typer.Option("--evaluation-type", "--evaluation_type", help="As SimpleTuner has it: clip.")
    ] = "clip",
    allow_missing: Annotated[bool, typer.Option(help="Leave out prompts without a picture, and the reverse.")] = False,
    skip_unreadable: SkipUnreadable = False,
    fail_if: FailIf = None,
    as_json: AsJson = False,
) -> None:
    """Score pictures against their prompts with CLIP."""
    from harness.cli.display import images as terminal
    from harness.images.clip import ClipModel
    from harness.images.features import directory
    from harness.images.pictures import open_set
    from harness.images.prompts import open_library
    from harness.images.sampling import MODELS
    from harness.images.scoring import ClipScorer
    from harness.metrics.clip_score import SCALES, scaled

    if evaluation_type != "clip":
        raise InputError(f"--evaluation_type {evaluation_type}: this command measures clip; the others have their own")
    if scale not in SCALES:
        raise InputError(f"--scale {scale}: the scales are {', '.join(SCALES)}")
    conditions = [terminal.condition(text) for text in fail_if or ()]
    folder = MODELS / model if model == "shapes-clip" else directory(model)
    with terminal.Meter(quiet=as_json, words="loading CLIP") as meter:
        scorer = ClipScorer(ClipModel(folder), open_library(prompts), prefix)
        opened = open_set(pictures, skip_unreadable=skip_unreadable)
        found = scorer.score(opened, allow_missing=allow_missing, progress=meter)
    terminal.say_skipped(opened)
    record = found.record()
    if as_json:
        print(json.dumps({"clip": record, "samples": [row.record() for row in found.rows]}, ensure_ascii=False))
    else:
        for name in ("mean", "low", "high", "min", "p05", "p95", "max"):
            terminal.say(f"{name:>6} {scaled(record[name], scale):.4f}")
        terminal.say(
            f"   R@1 {record['r_at_1']:.1%} among {len(scorer.library.prompts)} prompts; scale "
            f"{scale}, prefix {prefix!r}, model {folder.name}"
        )
    terminal.judge({"clip": record, "metrics": []}, conditions)


@app.command()
def score(
    pictures: Annotated[str, typer.Option("--images", help="A folder, .zip or manifest.jsonl.")],
    prompts: Annotated[str, typer.Option("--prompts", help="The prompt library.")],
    scorer: Annotated[
        str,
        typer.Option(
            "--scorer", help="shapes (attribute accuracy), or py:module:Class, a class with score(images, prompts)."
        ),
    ],
    allow_missing: Annotated[bool, typer.Option(help="Leave out prompts without a picture, and the reverse.")] = False,
    skip_unreadable: SkipUnreadable = False,
    fail_if: FailIf = None,
    as_json: AsJson = False,
) -> None:
    """Score pictures for their prompts with a scorer of yours. HPSv3, VQAScore and ImageReward fit in a few lines."""
    from harness.cli.display import images as terminal
    from harness.images import scorers
    from harness.images.pictures import open_set
    from harness.images.prompts import open_library

    conditions = [terminal.condition(text) for text in fail_if or ()]
    name, opened = scorers.open_scorer(scorer)
    with terminal.Meter(quiet=as_json, words="looking at the pictures") as meter:
        seen = open_set(pictures, skip_unreadable=skip_unreadable)
        found = scorers.score_pictures(
            opened, name, seen, open_library(prompts), allow_missing=allow_missing, progress=meter
        )
    terminal.say_skipped(seen)
    if as_json:
        print(json.dumps(dataclasses.asdict(found), ensure_ascii=False))
    else:
        worst = min(found.rows, key=lambda row: row.score)
        ends = [numbers.amount(each) for each in (found.low, found.high) if each is not None]
        reach = f" ({' to '.join(ends)})" if ends else ""
        terminal.say(
            f"{name}: {numbers.amount(found.mean)}{reach} over {found.n_prompts} prompts, "
            f"{len(found.rows)} pictures; lowest {numbers.amount(worst.score)} ({worst.id}). "
            "It compares for the same prompts only."
        )
    terminal.judge({"metrics": [{"name": name, "value": found.mean}]}, conditions)


@app.command()
def copies(
    train: Annotated[str, typer.Option(help="Training pictures (or .npz).")],
    gen: Annotated[str, typer.Option(help="Generated pictures (or .npz).")],
    holdout: Annotated[
        str | None, typer.Option(help="Pictures like the training ones that training did not see.")
    ] = None,
    extractor: ExtractorOption = "shapes",
    top: Annotated[int, typer.Option(help="How many of the nearest pairs are listed.")] = 16,
    skip_unreadable: SkipUnreadable = False,
    as_json: AsJson = False,
) -> None:
    """Look for copies of training pictures among generated ones. Exit code 1 if there are candidates or leaks."""
    from harness.cli.display import images as terminal
    from harness.images import copies as copying
    from harness.images import evaluate
    from harness.images.features import open_extractor

    request = evaluate.Request(gen=gen, cache=terminal.cache(), skip_unreadable=skip_unreadable)
    opened = open_extractor(extractor)
    with terminal.Meter(quiet=as_json, words="loading the extractor") as meter:
        sets = {"train": train, "gen": gen} | ({"holdout": holdout} if holdout else {})
        found = {name: evaluate.features_of(source, opened, request, meter) for name, source in sets.items()}
        pixels = {name: copying.see(seen) for name, (_, seen) in found.items() if seen is not None}
        held = found["holdout"][0] if holdout else None
        report = copying.find_copies(found["train"][0], found["gen"][0], held, pixels=pixels, top=top)
    terminal.say_skipped(*(seen for _, seen in found.values()))
    if as_json:
        print(json.dumps(report.record(), ensure_ascii=False))
    else:
        for pair in report.candidates[:top]:
            kind = "nearly equal pixels" if pair.near_pixels else f"{pair.ratio:.2f} of the threshold"
            kind = "equal pixels" if pair.equal_pixels else kind
            terminal.say(f"candidate: {pair.gen_id} of {pair.train_id} ({kind})")
        for name, n in report.leaks.items():
            terminal.say(f"leak: {n} training pictures are in the {name}")
        terminal.say(
            f"{len(report.candidates)} candidates among {len(report.gen_distance):,}; calibrated on "
            f"{report.calibrated_on}; authenticity {report.authenticity:.1%}"
            + ("" if holdout else "; --holdout PICTURES calibrates better")
        )
    if report.candidates or report.leaks:
        raise typer.Exit(1)


@app.command()
def likelihood(
    sources: Annotated[
        list[str], typer.Argument(help="shapes, shapes-early, or JSONL rows of nll (nats), dims, split, preprocess.")
    ],
    n: Annotated[int, typer.Option(min=2, help="Pictures of each split.")] = 512,
    strata: Annotated[int, typer.Option(min=1, help="Timesteps of each picture.")] = 10,
    exact: Annotated[bool, typer.Option(help="Take every timestep.")] = False,
    fail_if: FailIf = None,
    as_json: AsJson = False,
) -> None:
    """Bits per dimension, on unseen pictures and against training. For several sources, their differences too."""
    from harness.cli.display import images as terminal
    from harness.images import likelihood_lookup

    conditions = [terminal.condition(text) for text in fail_if or ()]
    with terminal.Meter(quiet=as_json, words="loading the model") as meter:
        every = [
            likelihood_lookup.measure(source, n=n, strata=strata, exact=exact, progress=meter) for source in sources
        ]
    gaps = likelihood_lookup.differences(every)
    first = every[0].record
    if as_json:
        more = [{"source": one.source, **one.record} for one in every[1:]]
        print(json.dumps(first | ({"others": more, "differences": gaps} if more else {})))
    else:
        for one in every:
            terminal.show_likelihood(one.record, f"{one.source}: " if len(every) > 1 else "")
        for gap in gaps:
            reach = f"({gap['low']:+.4f} to {gap['high']:+.4f})"
            terminal.say(f"{gap['of']} minus {gap['minus']}: {gap['value']:+.4f} {reach}")
        terminal.say("a bound: lower is better, and it says nothing about looks")
    terminal.judge({"likelihood": first}, conditions)


@app.command()
def track(
    runs: Annotated[
        list[Path], typer.Argument(help="Runs of `harness images`, or a folder that a TrainingCallback wrote.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")] = Path("track.html"),
    report_to: Annotated[
        str,
        typer.Option("--report-to", "--report_to", help=f"Trackers: {TRACKERS}; every point at its step."),
    ] = "",
) -> None:
    """Draw scores over training steps. The same prompts and seeds are shown as a film strip."""
    from harness.cli.display import images as terminal
    from harness.images import tracking

    names = terminal.trackers(report_to)
    modules = [find_tracker(name) for name in names]
    for name, module in zip(names, modules, strict=True):
        if not hasattr(module, "Live"):
            raise InputError(f"tracker {name} takes whole runs, not points over steps: harness report sends it those")
    tracking.write_page(runs, out)
    for name, module in zip(names, modules, strict=True):
        live = module.Live(out.parent, out.stem)
        tracking.replay(runs, live)
        live.close()
        terminal.note(f"{name}: {live.place}")
    terminal.say(f"{out}: {numbers.count(len(runs), 'run')}")


@app.command()
def doctor() -> None:
    """Check what works on this machine. Says how to fix the rest. Exit code 1 if something is broken."""
    from harness.cli.display import images as terminal
    from harness.images import doctor as checks

    rows = checks.examine()
    for row in rows:
        terminal.say(f"{row.state:>7}  {row.name}: {row.text}")
    if any(row.state == "broken" for row in rows):
        raise typer.Exit(1)
