"""Progress of a run in a notebook: one output that is written anew, with a bar for each kind of work."""

from __future__ import annotations

import html
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

from harness.cli.display.bars import Bars
from harness.pipeline.job import StreamStart
from harness.text.printable import printable
from harness.types import Completion
from sandbox import Execution

EVERY_S = 0.5


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"


class NotebookDisplay:
    """An observer of a run. Its output stays empty for a run that takes less than half a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # protects everything below
        self._bars: Bars | None = None
        self._message = ""
        self._last = time.monotonic()
        self._handle: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._message = ""
            if self._handle is not None:
                self._show()

    def note(self, message: str) -> None:
        """One line of information, in the place of the one before."""
        self._say(message)

    def waiting(self, message: str | None) -> None:
        """What is being waited for; None: for nothing any more."""
        self._say(message or "")

    def started(self, begun: StreamStart) -> None:
        """The stream begins."""
        self._bars = Bars(begun)

    def generated(self, completions: list[Completion]) -> None:
        """Move the first bar."""
        if self._bars is not None:
            self._bars.generated(completions)
        with self._lock:
            self._show_when_due()

    def executed(self, completion: Completion, execution: Execution | None) -> None:
        """Move the second bar."""
        if self._bars is not None:
            self._bars.executed(completion, execution)
        with self._lock:
            self._show_when_due()

    def _say(self, message: str) -> None:
        with self._lock:
            self._message = message
            self._show_when_due()

    def _show_when_due(self) -> None:
        if time.monotonic() - self._last >= EVERY_S:
            self._last = time.monotonic()
            self._show()

    def _show(self) -> None:
        from IPython.display import HTML, display  # only a notebook has it

        if self._handle is None:
            self._handle = display(HTML(self._html()), display_id=True)
        else:
            self._handle.update(HTML(self._html()))

    def _html(self) -> str:
        lines = [f"<div>{html.escape(printable(self._message))}</div>"] if self._message else []
        for name, bar in self._bars.now().items() if self._bars else ():
            shown = f'<progress value="{bar.done}" max="{bar.total}"></progress>'
            lines.append(f"<div>{html.escape(name)} {shown} {bar.line()} {html.escape(bar.note)}</div>")
        return "".join(lines)
