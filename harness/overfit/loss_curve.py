"""The losses that a training run logged: reading them, and where the validation loss turns up.

Takes a Hugging Face `trainer_state.json` (or a folder with one), this project's `loss.json`, or a .csv with the columns
step or epoch, loss and eval_loss (or other usual names).
"""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import InputError

TRAIN = ("loss", "train_loss", "training_loss")
VALIDATION = ("eval_loss", "validation_loss", "val_loss", "valid_loss", "held_out_loss")
PATIENCE = 2  # rises in a row, after a minimum, that confirm it
SMOOTHED_FROM = 8  # evaluations: with more, single ones are taken as noise
LEAST_RISE = 0.01  # nats: a smaller rise is a plateau
_TICKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One entry of a log. A loss that it does not have is None; so is the epoch or the step."""

    step: float | None
    epoch: float | None
    train: float | None
    validation: float | None

    def place(self) -> float:
        """Where it stands on the axis: the step, else the epoch."""
        found = self.step if self.step is not None else self.epoch
        assert found is not None  # the reader sees to it
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Where the validation loss was lowest, and how far it rose from there to the end.

    confirmed: whether it turned up there, by the rule of `find_turn`. train_change: of the training loss since.
    """

    step: float | None
    epoch: float | None
    loss: float
    rise: float
    confirmed: bool
    train_change: float | None


def read_curve(path: Path) -> list[Point]:
    """The points of a log, in order. Raises InputError: which file and line, what is wrong with it."""
    path = path / "trainer_state.json" if path.is_dir() else path
    try:
        entries = _csv_entries(path) if path.suffix == ".csv" else _json_entries(path)
    except OSError as error:
        raise InputError(f"the curve {path} cannot be read: {error.strerror}") from error
    except (ValueError, csv.Error) as error:  # bad JSON, bad CSV or another encoding
        raise InputError(f"the curve {path} is not what its name says: {error}") from error
    points = [point for where, entry in entries if (point := _point(entry, where)) is not None]
    if not any(point.train is not None or point.validation is not None for point in points):
        raise InputError(f"{path} has no losses; it should have {' or '.join(TRAIN)}, and {' or '.join(VALIDATION)}")
    return sorted(points, key=Point.place)


def _json_entries(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    state = json.loads(path.read_text(encoding="utf-8-sig"))
    log = state.get("log_history", state.get("curve")) if isinstance(state, dict) else None
    if not isinstance(log, list) or not all(isinstance(entry, dict) for entry in log):
        raise InputError(f"{path} has no log_history, which a Hugging Face trainer_state.json has")
    return [(f"{path}, entry {number}", entry) for number, entry in enumerate(log, start=1)]


def _csv_entries(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        return [
            (f"{path}, line {reader.line_num}", {str(name).strip(): cell for name, cell in row.items()})
            for row in reader
        ]


def _point(entry: Mapping[str, Any], where: str) -> Point | None:
    """None for an entry without losses (a learning rate alone, the summary at the end)."""
    train, validation = _loss(entry, TRAIN, where), _loss(entry, VALIDATION, where)
    if train is None and validation is None:
        return None
    step, epoch = _loss(entry, ("step",), where), _loss(entry, ("epoch",), where)
    if step is None and epoch is None:
        raise InputError(f"{where}: a loss without its step or epoch")
    return Point(step=step, epoch=epoch, train=train, validation=validation)


def _loss(entry: Mapping[str, Any], names: Sequence[str], where: str) -> float | None:
    value = next((entry[name] for name in names if entry.get(name) not in (None, "")), None)
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {names[0]} is no number: {value!r}") from error


def find_turn(points: Sequence[Point]) -> Turn | None:
    """The minimum of the validation loss, and whether it is confirmed; None for a curve without finite ones.

    Confirmed: somewhere after the minimum PATIENCE evaluations in a row rise, and the loss ends at least LEAST_RISE
    nats above it. With SMOOTHED_FROM evaluations or more, minimum, rises and end are those of the running median of
    three, in which a single odd evaluation does not count. The training loss plays no part in it.
    """
    evaluated = [point for point in points if point.validation is not None and math.isfinite(point.validation)]
    losses = [point.validation for point in evaluated if point.validation is not None]
    if not losses:
        return None
    smooth = _medians(losses) if len(losses) >= SMOOTHED_FROM else losses
    lowest = [place for place, loss in enumerate(smooth) if loss == min(smooth)]
    rise = smooth[-1] - min(smooth)
    # a median is that of an evaluation and its neighbours: the lowest of these is the one to name
    around = range(max(lowest[0] - 1, 0), min(lowest[-1] + 2, len(losses))) if smooth is not losses else lowest
    point = evaluated[min(around, key=losses.__getitem__)]
    return Turn(
        step=point.step,
        epoch=point.epoch,
        loss=min(smooth),
        rise=rise,
        confirmed=_rises(smooth[lowest[-1] :]) and rise >= LEAST_RISE,
        train_change=_change(points, point.place()),
    )


def _rises(losses: Sequence[float]) -> bool:
    """Whether PATIENCE values in a row are each above the one before."""
    row = 0
    for before, after in itertools.pairwise(losses):
        row = row + 1 if after > before else 0
        if row == PATIENCE:
            return True
    return False


def _medians(losses: Sequence[float]) -> list[float]:
    """Running median of three; the ends as they are."""
    inner = [sorted(losses[place - 1 : place + 2])[1] for place in range(1, len(losses) - 1)]
    return [losses[0], *inner, losses[-1]]


def _change(points: Sequence[Point], since: float) -> float | None:
    """The last training loss less the last one up to a place."""
    before = [point.train for point in points if point.train is not None and point.place() <= since]
    after = [point.train for point in points if point.train is not None and point.place() > since]
    return after[-1] - before[-1] if before and after else None


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """Values as a row of blocks, the lowest of them the lowest; of more than `width` an even choice."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) > width:
        finite = [finite[round(place * (len(finite) - 1) / (width - 1))] for place in range(width)]
    if not finite:
        return ""
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    return "".join(_TICKS[min(int((value - low) / span * len(_TICKS)), len(_TICKS) - 1)] for value in finite)
