"""TensorBoard: event files in the run directory; `tensorboard --logdir results` shows every run under it."""

from __future__ import annotations

from harness.trackers import TrackedRun

LIBRARY = "tensorboard"
INSTALL = "pip install 'codegen-harness[tensorboard]'"
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
            writer.add_scalar(name, value, 0)
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
