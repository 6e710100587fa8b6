"""Has a model learned its training texts by heart?"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from harness.cli import options
from harness.cli.commands.split import TextFields, advising_text
from harness.cli.display import run
from harness.cli.display.meter import Meter
from harness.engines import Engine
from harness.engines._selection import EngineCache, find_model
from harness.errors import InputError
from harness.overfit import curve_files, examine, loss_curve, loss_plot
from harness.overfit.examine import OverfitReport
from harness.overfit.loss_curve import Point, sparkline
from harness.tasks import load_config
from harness.training_data.leaks import open_rows
from harness.types import SamplingParams

GROUP = "inspect"
EXAMPLES = (
    "harness overfit --curve trainer_state.json",
    "harness overfit --train t.jsonl --validation v.jsonl --model ./checkpoint",
)

MODEL_FIELDS = ("model", "base_url", "engine", "vllm_python", "seed")


@options.takes(
    *MODEL_FIELDS, "temperature", "max_tokens",
    model="A directory, a hub id, an embedded model, or the server's.", engine="auto, transformers, vllm or openai.",
    temperature="For the outputs that the model writes. Default: 0.8.",
    max_tokens="Length of each of these outputs. Default: 256.",
)  # fmt: skip
def overfit(
    *,
    train: Annotated[str | None, typer.Option(help="Texts it was trained on: .jsonl, .jsonl.gz, .csv, .json.")] = None,
    validation: Annotated[str | None, typer.Option(help="Texts like them that it was not trained on.")] = None,
    outputs: Annotated[
        Path | None, typer.Option(help="Saved outputs to search for copies: a file of rows, or a run directory.")
    ] = None,
    prompts: Annotated[
        int, typer.Option(help="Texts of each file whose beginnings the model continues, without --outputs.")
    ] = 32,
    curve: Annotated[
        Path | None,
        typer.Option(
            help="The training's log: trainer_state.json, trainer_log.jsonl, TensorBoard, MLflow, W&B or a .csv."
        ),
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="Compare this field of validation rows instead of the loss.")
    ] = None,
    text: TextFields = None,
    limit: Annotated[int, typer.Option(help="Texts of each file to measure the loss on, drawn by the seed.")] = 1000,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write overfit.json and curve.svg here.")] = None,
    flags: options.Flags,
    as_json: options.Json = False,
) -> None:
    """Loss on validation against training texts, verbatim copies, diversity, and the training curve.

    Rows with a prompt are scored on the completion given the prompt, messages through the model's chat template on
    the assistant's turns, plain text whole; the gap over all tokens is shown beside it. What is not given is not
    measured: --curve alone, or --outputs without --model, are fine. Exit code 1 if a sign is severe, 3 if nothing
    could be measured.
    """
    asks = flags["model"] is not None or flags["base_url"] is not None
    _check_given(train, validation, outputs, curve, asks=asks)
    texts = _Texts(train=train, validation=validation, outputs=outputs)
    asked = examine.OverfitOptions(
        sampling=_sampling(flags), text=options.parse_names(text) or (), limit=limit, prompts=prompts, score=score,
        seed=flags["seed"] or 0,
    )  # fmt: skip
    read = curve_files.read_curve(curve) if curve else loss_curve.Curve(points=())
    report = _measure(texts, flags if asks and train else None, list(read.points), asked, quiet=as_json)
    record = {"model": flags["model"], "train": train, "validation": validation, **dataclasses.asdict(report)}
    if out is not None:
        _write(out, record, list(read.points), report)
    if as_json:
        print(json.dumps(record))
    else:
        _show_all(report, read, out)
    if report.level == "severe":
        raise typer.Exit(1)
    if not report.measured:
        raise typer.Exit(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """The files that were given."""

    train: str | None
    validation: str | None
    outputs: Path | None


def _sampling(flags: options.Flags) -> SamplingParams:
    given = {name: flags[name] for name in ("temperature", "max_tokens", "seed") if flags[name] is not None}
    try:
        return SamplingParams(n=1, **{"temperature": 0.8, "max_tokens": 256, "seed": 0, **given})
    except ValueError as error:
        raise InputError(f"--{str(error).replace('_', '-', 1)}") from error


def _measure(
    texts: _Texts, flags: options.Flags | None, points: list[Point], asked: examine.OverfitOptions, *, quiet: bool
) -> OverfitReport:
    """flags: of the model; None where none is asked."""
    with advising_text(), contextlib.ExitStack() as opened:
        files = [_open(name, opened) for name in (texts.train, texts.validation, _outputs(texts.outputs))]
        engine = _engine(flags, opened, quiet=quiet) if flags is not None else None
        with Meter(quiet=quiet) as meter:
            return examine.measure_overfitting(files[0], files[1], engine, files[2], points, asked, meter)


def _show_all(report: OverfitReport, read: loss_curve.Curve, out: Path | None) -> None:
    for note in read.notes:
        run.out.print(run.printable(note), style="dim")
    _show(report, list(read.points))
    if out is not None:
        run.out.print(f"written: {run.printable(str(out))}", soft_wrap=True)


def _check_given(
    train: str | None, validation: str | None, outputs: Path | None, curve: Path | None, *, asks: bool
) -> None:
    if (train is None) != (validation is None):
        raise InputError("--train and --validation go together")
    if train is None and (curve is None or outputs is not None or asks):
        raise InputError("give --train and --validation, and --model or --outputs to examine; or --curve alone")
    if train is not None and not asks and outputs is None and curve is None:
        raise InputError("nothing to examine: give --model, --outputs or --curve")


def _open(name: str | Path | None, opened: contextlib.ExitStack) -> Any:
    return None if name is None else opened.enter_context(open_rows(str(name), options.cache_folder()))


def _outputs(path: Path | None) -> Path | None:
    return path / "completions.jsonl" if path is not None and path.is_dir() else path


def _engine(flags: options.Flags, opened: contextlib.ExitStack, *, quiet: bool) -> Engine:
    config = load_config(None, {**{name: flags[name] for name in MODEL_FIELDS}, "n": 1}, options.environment())
    engines = opened.enter_context(EngineCache(run.RunDisplay(quiet=quiet)))
    return engines.get(config, find_model(config))


def _write(folder: Path, record: dict[str, Any], points: list[Point], report: OverfitReport) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "overfit.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        if points:
            (folder / "curve.svg").write_text(loss_plot.draw(points, report.turn), encoding="utf-8")
    except OSError as error:
        raise InputError(f"the report cannot be written to {folder}: {error.strerror}; name another with -o") from error


def _show(report: OverfitReport, points: list[Point]) -> None:
    if report.gap or report.contrast:
        _show_losses(report)
    for each in report.copies:
        _show_copies(each)
    if report.diversity:
        _show_diversity(report)
    if points:
        _show_curve(report, points)
    for warning in report.warnings:
        run.out.print(Text(f"warning: {run.printable(warning)}", style="yellow"))
    for sign in report.signs:
        style = "red" if sign.level == "severe" else "yellow"
        line = Text(f"{sign.level}: ", style=f"bold {style}").append(run.printable(sign.what), style="not bold")
        run.out.print(line, Text(f"  {sign.advice}", style="dim"), sep="\n")
    for reason in report.not_measured:
        run.out.print(Text(f"not measured: {reason}", style="yellow"))
    if not report.signs and report.measured:
        run.out.print(Text(f"no sign of overfitting in {', '.join(report.measured)}", style="green"))
    elif not report.measured:
        run.out.print(Text("nothing was measured that could show overfitting", style="bold yellow"))


def _show_losses(report: OverfitReport) -> None:
    table = Table("", "value", "95 % interval", "texts", header_style="bold")
    if report.gap:
        gap = report.gap
        for name, rate in (("loss on training texts", gap.train), ("loss on validation texts", gap.validation)):
            table.add_row(name, f"{rate.value:.3f}", f"{rate.low:.3f} - {rate.high:.3f}", str(rate.texts))
        table.add_row("gap", Text(f"{gap.value:.3f}", style="bold"), f"{gap.low:.3f} - {gap.high:.3f}", str(gap.level))
    if report.whole:
        whole = report.whole
        table.add_row("gap with prompts (loss:whole)", f"{whole.value:.3f}", f"{whole.low:.3f} - {whole.high:.3f}", "")
    if report.contrast:
        found = report.contrast
        of = run.printable(found.of)
        for name, rate in ((f"{of}, similar items", found.similar), (f"{of}, different items", found.different)):
            table.add_row(Text(name), f"{rate.value:.3f}", f"{rate.low:.3f} - {rate.high:.3f}", str(rate.texts))
        table.add_row("difference", f"{found.difference:.3f}", f"{found.low:.3f} - {found.high:.3f}", "")
    run.out.print(table)
    if report.gap:
        run.out.print(Text("losses in nats per token", style="dim"))
    if report.contrast:
        run.out.print(Text(f"similar and different by {report.contrast.by}", style="dim"))


def _show_copies(copies: Any) -> None:
    run.out.print(Text(examine.copy_lines(copies), style="red" if copies.excessive else ""))
    for example in copies.examples[:1] if copies.longest else ():
        line = f"  {example.tokens} tokens: {example.excerpt}"
        run.out.print(Text(run.printable(line), style="dim"))


def _show_diversity(report: OverfitReport) -> None:
    assert report.diversity is not None
    table = Table("", "distinct-1", "distinct-2", "distinct-3", "self-BLEU", "repeated", "texts", header_style="bold")
    for name, each in zip(("outputs", "validation texts"), report.diversity, strict=True):
        bleu = "-" if each.self_bleu is None else f"{each.self_bleu:.3f}"
        shares = (f"{share:.3f}" for share in (each.distinct_1, each.distinct_2, each.distinct_3))
        table.add_row(name, *shares, bleu, f"{each.repeated:.1%}", str(each.texts))
    run.out.print(table)


def _show_curve(report: OverfitReport, points: list[Point]) -> None:
    for name in ("train", "validation"):
        losses = [loss for point in points if (loss := getattr(point, name)) is not None]
        if losses:
            line = f"{name:<11}{sparkline(losses)}  {losses[0]:.3f} to {losses[-1]:.3f}, lowest {min(losses):.3f}"
            run.out.print(line)
    turn = report.turn
    if turn is not None and not turn.confirmed:
        at = f"epoch {turn.epoch:g}" if turn.epoch is not None else f"step {turn.step:g}"
        run.out.print(f"the validation loss is lowest at {at}, and is not seen to turn up")
