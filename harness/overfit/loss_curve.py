"""The losses that a training run logged: where the validation loss turns up, and where they are no numbers.

`harness.overfit.curve_files` reads them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

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
class LossMinimum:
    """Where the validation loss was lowest, and how far it rose from there to the end.

    confirmed: whether it turned up there, by the rule of `find_minimum`. train_change: of the training loss since.
    """

    step: float | None
    epoch: float | None
    loss: float
    rise: float
    confirmed: bool
    train_change: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The points of a training log, in order, and what a reader must know of how they were read."""

    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenLoss:
    """From where on the losses of a training are not numbers: NaN, infinite, or a training loss of exactly 0.

    Trainers log a loss of 0 where they leave out what is NaN; a model that predicts every token with certainty is none.
    """

    step: float | None
    epoch: float | None
    last: float | None

    def at(self) -> str:
        """`step 30`, or `epoch 3` where the log has no steps."""
        return f"step {self.step:g}" if self.step is not None else f"epoch {self.epoch:g}"


def find_broken(points: Sequence[Point]) -> BrokenLoss | None:
    """The first point whose losses are not numbers; None for a curve without one."""
    last = None
    for point in points:
        losses = [loss for loss in (point.train, point.validation) if loss is not None]
        if point.train == 0 or not all(map(math.isfinite, losses)):
            return BrokenLoss(step=point.step, epoch=point.epoch, last=last)
        last = point.train if point.train is not None else last
    return None


def find_minimum(points: Sequence[Point]) -> LossMinimum | None:
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
    return LossMinimum(
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
