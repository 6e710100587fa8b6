"""The files in which training runs log their losses, read into one form.

Hugging Face's `trainer_state.json` (or a folder with one), LLaMA-Factory's `trainer_log.jsonl`, a W&B history (.jsonl)
or chart (.csv), MLflow's metrics (.csv with key, value, step; or a run's `metrics` folder), TensorBoard's events, this
project's `loss.json`, and any .csv or .tsv with step or epoch and losses. A loss is known by its name: `loss`,
`train/loss` and the like are of training, names with eval, val, valid, validation, dev, test or held_out of validation.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.files.jsonl import read_document, read_json_lines
from harness.files.opened import read_text
from harness.overfit.loss_curve import Curve, Point, find_minimum

NAMES = ("trainer_state.json", "trainer_log.jsonl", "loss.json")
EVENTS = "events.out.tfevents"
_STEPS = {"step", "steps", "_step", "global_step", "current_steps", "iteration", "iter", "trainer/global_step"}
_EPOCHS = {"epoch", "epochs", "train/epoch"}
_TRAINING = {"train", "training", "tr"}
_VALIDATION = {"eval", "evaluation", "val", "valid", "validation", "dev", "test", "held", "out", "heldout"}
# An entry with one of these is the summary that a finished training ends with: a mean, no point of the curve.
_SUMMARY = {"train_runtime", "total_flos", "train_samples_per_second", "train_steps_per_second"}
_EXTREME = re.compile(r"__(min|max)$", re.IGNORECASE)
Entry = tuple[str, Mapping[str, Any]]


@dataclass(slots=True)
class _Logged:
    """What an entry says. losses: by the validation set's name, empty where it has none."""

    step: float | None
    epoch: float | None
    train: float | None = None
    losses: dict[str, float] = field(default_factory=dict)

    def place(self) -> float:
        return self.step if self.step is not None else self.epoch or 0.0


def read_curve(path: Path) -> Curve:
    """The points of a log, in order. Raises InputError: which file and line, what is wrong with it."""
    path = _file_in(path)
    try:
        logged = list(_resumed(_parsed(_entries(path))))
    except OSError as error:
        raise InputError(f"the curve {path} cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error, RecursionError) as error:  # bad JSON, bad CSV or another encoding
        raise InputError(f"the curve {path} is not what its name says: {error}") from error
    if not logged:
        raise InputError(f"{path} has no losses; it should have step or epoch, loss and eval_loss, or names like these")
    return _curve(sorted(logged, key=_Logged.place))


def _file_in(path: Path) -> Path:
    """The log in a folder; the folder itself where it holds MLflow's metrics or TensorBoard's events."""
    if not path.is_dir():
        return path
    return next((path / name for name in NAMES if (path / name).is_file()), path)


def _entries(path: Path) -> Iterator[Entry]:
    if path.is_dir() or path.name.startswith(EVENTS):
        if path.name.startswith(EVENTS) or any(path.rglob(f"{EVENTS}*")):
            return _event_entries(path)
        return _mlflow_entries(path)
    if path.suffix in (".csv", ".tsv"):
        return _csv_entries(path)
    return _jsonl_entries(path) if path.suffix in (".jsonl", ".ndjson") else _json_entries(path)


def _json_entries(path: Path) -> Iterator[Entry]:
    state = read_document(path)
    log = state if isinstance(state, list) else None
    if isinstance(state, dict):
        log = state.get("log_history", state.get("curve"))
    if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
        raise InputError(f"{path} has no log_history, which a Hugging Face trainer_state.json has")
    return ((f"{path}, entry {number}", entry) for number, entry in enumerate(log, start=1))


def _jsonl_entries(path: Path) -> Iterator[Entry]:
    for number, entry, _ in read_json_lines(path, InputError):
        yield f"{path}, line {number}", entry


def _csv_entries(path: Path) -> Iterator[Entry]:
    with io.StringIO(read_text(path), newline="") as file:
        reader = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        names = {str(name).strip().lower() for name in reader.fieldnames or ()}
        _check_one_run(path, reader.fieldnames or ())
        for row in reader:
            entry = {str(name).strip(): cell for name, cell in row.items()}
            if {"key", "value", "step"} <= names:  # MLflow's long form
                entry = {"step": entry["step"], str(entry["key"]): entry["value"]}
            yield f"{path}, line {reader.line_num}", entry


def _check_one_run(path: Path, names: Iterable[object]) -> None:
    """Raises InputError for a W&B chart of several runs, whose losses are no one curve."""
    runs = {run: None for name in names for run, dash, _ in [str(name).rpartition(" - ")] if dash and _kind(str(name))}
    if len(runs) > 1:
        raise InputError(
            f"{path} has the losses of {len(runs)} runs ({', '.join(runs)}); export the chart of one of them"
        )


def _mlflow_entries(path: Path) -> Iterator[Entry]:
    """The files of an MLflow run's `metrics` folder: a line `timestamp value step` for each value."""
    folder = path / "metrics" if (path / "metrics").is_dir() else path
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and _kind(file.name) is not None]
    if not files:
        raise InputError(
            f"{path} has none of {', '.join(NAMES)}, no TensorBoard events and no MLflow metrics of a loss"
        )
    for file in files:
        name = str(file.relative_to(folder))
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            cells = line.split()
            if len(cells) != 3:
                raise InputError(f"{file}, line {number}: `timestamp value step` is expected")
            yield f"{file}, line {number}", {"step": cells[2], name: cells[1]}


def _event_entries(path: Path) -> Iterator[Entry]:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # an extra; 0.5 s
    except ImportError as error:
        raise InputError(f"{path}: reading TensorBoard's events needs tensorboard: pip install tensorboard") from error
    found = EventAccumulator(str(path), size_guidance={"scalars": 0})
    found.Reload()
    for tag in found.Tags()["scalars"]:
        if _kind(tag) is not None:
            for event in found.Scalars(tag):
                yield f"{path}, {tag}, step {event.step}", {"step": event.step, tag: event.value}


def _kind(name: str) -> tuple[str, str] | None:
    """(train or validation, the validation set's name) of a loss; None for any other name.

    W&B puts the run's name before the quantity: `my-run - eval/loss`.
    """
    plain = name.rpartition(" - ")[2].strip().lower()
    parts = [part for part in re.split(r"[\s/_.:-]+", plain) if part]
    if "loss" not in parts or _EXTREME.search(plain):
        return None
    rest = [part for part in parts if part not in ("loss", "epoch")]  # Lightning's train_loss_epoch, a mean over it
    if set(rest) & _VALIDATION:
        return "validation", "_".join(part for part in rest if part not in _VALIDATION | _TRAINING)
    return ("train", "") if set(rest) <= _TRAINING else None


def _parsed(entries: Iterable[Entry]) -> Iterator[_Logged]:
    for where, entry in entries:
        if _SUMMARY & entry.keys():
            continue
        found = _Logged(step=_first(entry, _STEPS, where), epoch=_first(entry, _EPOCHS, where))
        for name, value in entry.items():
            kind = _kind(str(name))
            if kind is None or value in (None, ""):
                continue
            number = _number(value, "loss", where)
            if kind[0] == "train":
                found.train = number if found.train is None else found.train
            else:
                found.losses.setdefault(kind[1], number)
        if found.train is not None or found.losses:
            if found.step is None and found.epoch is None:
                raise InputError(f"{where}: a loss without its step or epoch")
            yield found


def _first(entry: Mapping[str, Any], names: set[str], where: str) -> float | None:
    found = next(((name, entry[name]) for name in entry if str(name).strip().lower() in names), None)
    return None if found is None or found[1] in (None, "") else _number(found[1], str(found[0]), where)


def _number(value: object, name: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InputError(f"{where}: {name} is not a number: {value!r}")
    try:
        return float(value)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{where}: {name} is not a number: {value!r}") from error


def _resumed(logged: Iterable[_Logged]) -> Iterator[_Logged]:
    """Quantity by quantity, without what a resumed run did again: where its steps step back, the later entry counts."""
    series: dict[str | None, list[_Logged]] = {}
    for each in logged:
        losses: list[tuple[str | None, float | None]] = [(None, each.train), *each.losses.items()]
        for name, loss in losses:
            if loss is None:
                continue
            kept = series.setdefault(name, [])
            alone = _Logged(each.step, each.epoch, *((loss, {}) if name is None else (None, {name: loss})))
            while kept and kept[-1].place() >= alone.place():
                kept.pop()
            kept.append(alone)
    return (each for kept in series.values() for each in kept)


def _curve(logged: list[_Logged]) -> Curve:
    """The curve; of several validation sets the one whose loss rose most above its lowest."""
    sets = list(dict.fromkeys(name for each in logged for name in each.losses))
    curves = {name: tuple(_points(logged, name)) for name in sets or [""]}
    if len(sets) < 2:
        return Curve(points=next(iter(curves.values())))

    def rise(name: str) -> float:
        turn = find_minimum(curves[name])
        return -math.inf if turn is None else turn.rise

    chosen = max(sets, key=rise)
    named = ", ".join(name or "(unnamed)" for name in sets)
    note = f"{len(sets)} validation sets ({named}): the curve is of {chosen or 'the unnamed one'}, which rose most"
    return Curve(points=curves[chosen], notes=(note,))


def _points(logged: list[_Logged], name: str) -> Iterator[Point]:
    for each in logged:
        validation = each.losses.get(name)
        if each.train is not None or validation is not None:
            yield Point(step=each.step, epoch=each.epoch, train=each.train, validation=validation)
