"""TensorBoard: event files in the run directory; `tensorboard --logdir results` shows every run under it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness import extras
from harness.trackers import TrackedRun

LIBRARY = "tensorboard"
INSTALL = extras.install("tensorboard")
FOLDER = "tensorboard"


def send(report: TrackedRun) -> str:
    """Scalars, the signature and the table of problems as text, the figure. A report that is there is replaced."""
    from torch.utils.tensorboard import SummaryWriter  # measured: 3 s, torch

    folder = report.run / FOLDER
    if folder.is_dir():
        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
    with SummaryWriter(log_dir=str(folder)) as writer:
        for name, value in report.scalars().items():
            writer.add_scalar(name, value, report.step)
        for name, pixels in report.pictures.items():
            writer.add_image(name, pixels, report.step, dataformats="HWC")
        writer.add_text("signature", f"`{report.signature}`", 0)
        writer.add_text("problems", _table(report), 0)
        figure = report.figure()
        if figure is not None:
            writer.add_figure("estimates", figure, 0)
    return str(folder)


def _table(report: TrackedRun) -> str:
    columns = report.columns()
    lines = [columns, ["---"] * len(columns), *report.rows()]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


class Live:
    """Numbers and pictures of training steps, written as they come; each has its step."""

    def __init__(self, folder: Path, name: str) -> None:  # noqa: ARG002 - the folder names the run
        from torch.utils.tensorboard import SummaryWriter  # measured: 3 s, torch

        self.place = str(folder / FOLDER)
        self._writer = SummaryWriter(log_dir=self.place)

    def log(self, step: int, scalars: Mapping[str, float], pictures: Mapping[str, Any]) -> None:
        """Pictures are (height, width, 3) arrays in 8 bits."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)
        for name, pixels in pictures.items():
            self._writer.add_image(name, pixels, step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()
