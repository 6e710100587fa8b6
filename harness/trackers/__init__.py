"""Experiment trackers: where a run's numbers are sent at its end. One module each; its name is the option's value.

A module has `LIBRARY`, what it imports, `INSTALL`, how to get it, and `send(report) -> str`, which says where the
report is. One that also takes the points of a training, step by step, has `Live`, as `harness.trackers.mlflow` has. The
library reads its own environment (WANDB_MODE, MLFLOW_TRACKING_URI); what it keeps in files goes into the run directory
unless it is told otherwise.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness import registry
from harness.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PACKAGE = "harness.trackers"
PROJECT = "codegen-harness"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """What is sent of a run. summary: as summary.json has it. signature: without the metric's name.

    step: of training, which numbers and pictures are filed under. numbers: by name, besides the estimates. pictures:
    by name, (height, width, 3) arrays in 8 bits.
    """

    run: Path
    model: str
    dataset: str
    signature: str
    summary: Mapping[str, Any]
    config: Mapping[str, Any]
    step: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the run is called there."""
        return f"{self.dataset}/{self.model}/{self.run.name}"

    def scalars(self) -> dict[str, float]:
        """The other numbers, and every estimate with its interval's ends: `pass@1`, `pass@1/low`, `pass@1/high`."""
        found = dict(self.numbers)
        for each in self.summary["estimates"]:
            metric = each["metric"]
            found |= {metric: each["value"], f"{metric}/low": each["low"], f"{metric}/high": each["high"]}
        return found

    def columns(self) -> list[str]:
        """The columns of the table of problems: the problem, then whatever is counted of one."""
        names = dict.fromkeys(key for row in self.summary["problems"].values() for key in row)
        return ["problem", *names]

    def rows(self) -> list[list[Any]]:
        """A row of the table for each problem."""
        columns = self.columns()[1:]
        return [[name, *(row.get(column) for column in columns)] for name, row in self.summary["problems"].items()]

    def figure(self) -> Figure | None:
        """The estimates with their intervals; None where matplotlib is not there, or no estimate."""
        estimates: Sequence[Mapping[str, Any]] = self.summary["estimates"]
        if not estimates or importlib.util.find_spec("matplotlib") is None:
            return None
        from matplotlib.figure import Figure  # measured: 0.4 s; without pyplot, which would look for a screen

        figure = Figure(figsize=(6, 1.2 + 0.4 * len(estimates)), layout="constrained")
        axes = figure.subplots()
        for place, each in enumerate(reversed(estimates)):
            axes.plot([each["low"], each["high"]], [place, place], color="tab:blue")
            axes.plot([each["value"]], [place], "o", color="tab:blue")
        axes.set_yticks(range(len(estimates)), [each["metric"] for each in reversed(estimates)])
        axes.set_title(f"{self.model} on {self.dataset}, 95 % intervals", fontsize="medium")
        axes.grid(axis="x", alpha=0.3)
        return figure


def find_tracker(name: str) -> ModuleType:
    """The module of a tracker. Raises InputError: an unknown name, or a library that is missing and how to get it."""
    module = registry.load(PACKAGE, name, "tracker")
    if importlib.util.find_spec(module.LIBRARY) is None:
        raise InputError(f"tracker {name} needs {module.LIBRARY}, which is not installed: {module.INSTALL}")
    return module
