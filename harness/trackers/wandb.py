"""Weights & Biases: a run of the project `codegen-harness`, or WANDB_PROJECT; its files go into the run directory.

WANDB_MODE=offline keeps all of it there, for `wandb sync`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import extras
from harness.trackers import PROJECT, TrackedRun

if TYPE_CHECKING:
    import wandb
    from matplotlib.figure import Figure

LIBRARY = "wandb"
INSTALL = extras.install("wandb")
JOIN_TIMEOUT_S = 30  # for the server, and for a person who is asked for a key


def _image(figure: Figure) -> wandb.Image:
    """Through a picture in memory: of a figure it wants pyplot to be loaded."""
    import wandb  # measured: 1 s
    from PIL import Image  # measured: 0.1 s; comes with matplotlib

    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return wandb.Image(Image.open(picture))


def send(report: TrackedRun) -> str:
    """The estimates as the run's summary, the table of problems, the figure, the configuration, pictures by step."""
    import wandb  # measured: 1 s

    settings = wandb.Settings(
        init_timeout=JOIN_TIMEOUT_S, login_timeout=JOIN_TIMEOUT_S, silent=True, console="off", x_disable_meta=True
    )
    project = None if settings.project else PROJECT
    with wandb.init(
        project=project,
        name=report.name,
        dir=str(report.run),
        config={**report.config, "signature": report.signature, "imported": report.summary.get("imported")},
        settings=settings,
    ) as run:
        run.log({"problems": wandb.Table(columns=list(report.columns()), data=report.rows())}, step=report.step)
        figure = report.figure()
        if figure is not None:
            run.log({"estimates": _image(figure)}, step=report.step)
        if report.pictures or report.numbers:
            from PIL import Image  # measured: 0.1 s; there where pictures are

            shown = {name: wandb.Image(Image.fromarray(pixels)) for name, pixels in report.pictures.items()}
            run.log({**report.scalars(), **shown}, step=report.step)
        run.summary.update(report.scalars())
        place = run.dir if run.offline else run.url
    wandb.teardown()  # ends its service process, which may hold the last records back until then
    return str(place)


class Live:
    """Numbers and pictures of training steps, in one run; each has its step."""

    def __init__(self, folder: Path, name: str) -> None:
        import wandb  # measured: 1 s

        settings = wandb.Settings(
            init_timeout=JOIN_TIMEOUT_S, login_timeout=JOIN_TIMEOUT_S, silent=True, console="off", x_disable_meta=True
        )
        self._run = wandb.init(
            project=None if settings.project else PROJECT, name=name, dir=str(folder), settings=settings
        )
        self.place = str(self._run.dir if self._run.offline else self._run.url)

    def log(self, step: int, scalars: Mapping[str, float], pictures: Mapping[str, Any]) -> None:
        """Pictures are (height, width, 3) arrays in 8 bits."""
        import wandb  # measured: 1 s
        from PIL import Image  # measured: 0.1 s

        shown = {name: wandb.Image(Image.fromarray(pixels)) for name, pixels in pictures.items()}
        self._run.log({**scalars, **shown}, step=step)

    def close(self) -> None:
        """Ends the run and wandb's service process."""
        import wandb  # measured: 1 s

        self._run.finish()
        wandb.teardown()
