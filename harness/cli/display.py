"""What a person sees: progress of generation and execution, tables, and text that is safe to show.

Progress and messages go to stderr, results to stdout. Where stderr is no terminal the progress is a plain line now and
then. Imported by commands when they run: rich takes 0.1 s.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Task as ProgressTask
from rich.table import Table
from rich.text import Text

from harness.characters import printable
from harness.types import Completion
from sandbox import Verdict

out = Console(highlight=False, markup=False)
err = Console(stderr=True, highlight=False, markup=False)
PLAIN_EVERY_S = 5.0
__all__ = ["RunDisplay", "err", "out", "printable", "show_summary", "verdict_text"]
_STYLES = {Verdict.ACCEPTED: "green", Verdict.WRONG_ANSWER: "red", Verdict.INTERNAL_ERROR: "bold magenta"}


def verdict_text(verdict: Verdict | str) -> Text:
    """A verdict in its colour."""
    return Text(str(verdict), style=_STYLES.get(Verdict(verdict), "yellow"))


class _Rate(ProgressColumn):
    """Finished per second."""

    def render(self, task: ProgressTask) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "  -/s", style="cyan")


class RunDisplay:
    """An observer of a run: two bars side by side on a terminal, a line now and then elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._verdicts: Counter[str] = Counter()
        self._lock = threading.Lock()  # protects the counts below
        self._done = {"generate": 0, "execute": 0}
        self._total = 0
        self._tokens = 0
        self._start = self._last = time.monotonic()
        self._first = {"generate": 0, "execute": 0}
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=28), MofNCompleteColumn(), _Rate(),
            TextColumn("ETA"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=err,
        )  # fmt: skip
        self._live = Live(self._progress, console=err, refresh_per_second=8, transient=False)
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._tasks and err.is_terminal:
            self._live.stop()
        elif self._total and not self._quiet:
            self._line()

    def note(self, message: str) -> None:
        """One line of information."""
        if not self._quiet:
            err.print(Text(printable(message), style="dim"))

    def started(self, total: int, generated: int, executed: int) -> None:
        """Show the bars."""
        if generated or executed:
            self.note(f"going on with a run: {generated} of {total} generated, {executed} executed")
        self._total, self._start = total, time.monotonic()
        self._done = {"generate": generated, "execute": executed}
        self._first = dict(self._done)
        if self._quiet or not err.is_terminal:
            return
        for name, done in self._done.items():
            self._tasks[name] = self._progress.add_task(name, total=total, completed=done, note="")
        self._live.start()

    def generated(self, completions: list[Completion]) -> None:
        """Move the first bar."""
        with self._lock:
            self._tokens += sum(each.completion_tokens or 0 for each in completions)
        note = f"{self._tokens / max(time.monotonic() - self._start, 0.1):,.0f} tokens/s" if self._tokens else ""
        self._advance("generate", len(completions), note)

    def executed(self, verdict: Verdict) -> None:
        """Move the second bar."""
        with self._lock:
            self._verdicts[verdict.value] += 1
        self._advance("execute", 1, f"{self._verdicts[Verdict.ACCEPTED.value]} accepted")

    def _advance(self, name: str, count: int, note: str) -> None:
        if self._tasks:
            self._progress.update(self._tasks[name], advance=count, note=note)
        with self._lock:
            self._done[name] += count
            due = time.monotonic() - self._last >= PLAIN_EVERY_S
            if due:
                self._last = time.monotonic()
        if due and not self._quiet and not err.is_terminal:
            self._line()

    def _line(self) -> None:
        elapsed = max(time.monotonic() - self._start, 0.1)
        parts = []
        for name, done in self._done.items():
            rate = (done - self._first[name]) / elapsed
            eta = f", ETA {(self._total - done) / rate:.0f} s" if rate and done < self._total else ""
            parts.append(f"{name} {done}/{self._total} ({rate:.1f}/s{eta})")
        err.print(Text("  ".join(parts)))


def show_summary(summary: Mapping[str, Any]) -> None:
    """The result table of a run."""
    table = Table(title=None, header_style="bold")
    for name in ("metric", "value", "95 % interval", "problems", "completions"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for each in summary["estimates"]:
        interval = f"{each['low']:.1%} - {each['high']:.1%}"
        counts = (str(each["n_problems"]), str(each["n_completions"]))
        table.add_row(each["metric"], Text(f"{each['value']:.1%}", style="bold"), interval, *counts)
    out.print(table)
    coverage, verdicts = summary["coverage"], summary["verdicts"]
    out.print(
        f"coverage: {coverage['problems_scored']} of {coverage['problems']} problems, "
        f"{coverage['completions_scored']} of {coverage['completions']} completions"
    )
    if coverage.get("repeated"):
        out.print(f"of these, {coverage['repeated']} are equal to an earlier one and share its verdict (--no-dedup)")
    beside = summary.get("integrity", {}).get("in_sandbox", [])
    if beside:
        named = ", ".join(beside[:5]) + (f" and {len(beside) - 5} more" if len(beside) > 5 else "")
        out.print(
            Text(f"integrity in-sandbox: {len(beside)} problems, whose tests a program can reach ({named})", "yellow")
        )
    if coverage["omitted"]:
        out.print(f"not reported, for want of scored completions: {', '.join(coverage['omitted'])}")
    line = Text("verdicts: ")
    for position, (name, count) in enumerate(sorted(verdicts.items(), key=lambda pair: -pair[1])):
        line.append(", " if position else "").append(verdict_text(name)).append(f" {count}")
    out.print(line)
    if summary["estimates"]:
        out.print(Text(f"signature: {summary['estimates'][0]['signature']}", style="dim"), soft_wrap=True)
    out.print(Text(f"run: {summary['run']}"), soft_wrap=True)
