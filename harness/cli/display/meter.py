"""Progress of a command that reads files: bars on a terminal, else a line now and then; nothing under a second.

Until the first bar a spinner says what is done, and beside each bar one turns, so that no second passes in silence.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from harness.cli.display import run

AFTER_S = 1.0


class Meter:
    """Called with (stage, done, total); a new stage is a new bar. The bars end with the block.

    words: what is done before the first stage.
    """

    def __init__(self, *, quiet: bool, words: str = "reading") -> None:
        self._quiet = quiet
        self._before = None if quiet or not run.err.is_terminal else run.err.status(Text(words, style="dim"))
        self._begun = self._last = time.monotonic()
        self._stage = ""
        self._stage_begun = self._begun
        self._first = 0  # done when the stage was first told of: what came before it is not counted in the rate
        columns = (
            _Spinner(self), TextColumn("{task.description}"), BarColumn(bar_width=28), MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", style="cyan"), TextColumn("ETA"), TimeRemainingColumn(),
        )  # fmt: skip
        self._progress = Progress(*columns, console=run.err)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._before is not None:
            self._before.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end_words()
        if self._task is not None:
            self._task = None
            self._progress.stop()

    @property
    def task(self) -> TaskID | None:
        """The bar of what is done now."""
        return self._task

    def end_words(self) -> None:
        """Take away what stands before the first stage: a bar, or somebody else, shows what is done now."""
        if self._before is not None:
            self._before.stop()
        self._before = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._stage_begun, self._first, self._task = stage, now, done, None
        if self._quiet or now - self._begun < AFTER_S:
            return
        rate = (done - self._first) / max(now - self._stage_begun, 0.001)
        if run.err.is_terminal:
            self._show(stage, done, total, rate)
        elif now - self._last >= run.PLAIN_EVERY_S:
            self._last = now
            eta = f", ETA {(total - done) / rate:.0f} s" if rate and done < total else ""
            run.err.print(Text(f"{run.printable(stage)} {done}/{total} ({rate:.3g}/s{eta})"))

    def _show(self, stage: str, done: int, total: int, rate: float) -> None:
        self.end_words()
        if self._task is None:
            self._task = self._progress.add_task(run.printable(stage), total=total, rate="")
            self._progress.start()
        self._progress.update(self._task, completed=done, total=total, rate=f"{rate:.3g}/s")


class _Spinner(SpinnerColumn):
    """Turns beside the bar of what is done now: also at its end, until the next one stands."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._meter = meter

    def render(self, task: Task) -> RenderableType:
        """A frame, or nothing."""
        return self.spinner.render(task.get_time()) if task.id == self._meter.task else Text(" ")
