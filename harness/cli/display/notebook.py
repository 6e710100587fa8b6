"""Progress of a run in a notebook: one output that is written anew, with a bar for each kind of work."""

from __future__ import annotations

import html
import sys
import threading
import time
from types import TracebackType
from typing import Any, Self

from harness.text.printable import printable
from harness.types import Completion
from sandbox import Verdict

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
        self._done: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._total = 0
        self._work = "execute"
        self._message = ""
        self._begun = self._last = time.monotonic()
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

    def started(self, total: int, generated: int, scored: int, work: str) -> None:
        """The stream begins."""
        with self._lock:
            self._total, self._work, self._begun = total, work, time.monotonic()
            self._done = {"generate": generated, work: scored}
            self._first = dict(self._done)

    def generated(self, completions: list[Completion]) -> None:
        """Move the first bar."""
        self._advance("generate", len(completions))

    def executed(self, verdict: Verdict | None) -> None:  # noqa: ARG002
        """Move the second bar."""
        self._advance(self._work, 1)

    def _say(self, message: str) -> None:
        with self._lock:
            self._message = message
            self._show_when_due()

    def _advance(self, name: str, count: int) -> None:
        with self._lock:
            self._done[name] += count
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
        elapsed = max(time.monotonic() - self._begun, 0.1)
        lines = [f"<div>{html.escape(printable(self._message))}</div>"] if self._message else []
        for name, done in self._done.items():
            rate = (done - self._first[name]) / elapsed
            eta = f", ETA {(self._total - done) / rate:.0f} s" if rate and done < self._total else ""
            bar = f'<progress value="{done}" max="{self._total}"></progress>'
            lines.append(f"<div>{html.escape(name)} {bar} {done} of {self._total} ({rate:.1f}/s{eta})</div>")
        return "".join(lines)
