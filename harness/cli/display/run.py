"""What a person sees: progress of generation and execution, tables, and text that is safe to show.

Progress and messages go to stderr, results to stdout. Where stderr is no terminal the progress is a plain line now and
then. Imported by commands when they run: rich takes 0.1 s.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.status import Status
from rich.table import Table
from rich.text import Text

from harness.cli.display.bars import Bars
from harness.cli.display.console import err, out
from harness.metrics import metric_or_guess
from harness.pipeline.job import StreamStart
from harness.text import numbers
from harness.text.printable import clipped, printable
from harness.types import Completion
from sandbox import Execution, Verdict

PLAIN_EVERY_S = 5.0
__all__ = [
    "RunDisplay",
    "clipped",
    "err",
    "estimate_rows",
    "out",
    "printable",
    "short_estimate",
    "show_summary",
    "summary_table",
    "verdict_text",
]
_STYLES = {Verdict.ACCEPTED: "green", Verdict.WRONG_ANSWER: "red", Verdict.INTERNAL_ERROR: "bold magenta"}


def verdict_text(verdict: Verdict | str) -> Text:
    """A verdict in its colour."""
    return Text(str(verdict), style=_STYLES.get(Verdict(verdict), "yellow"))


class RunDisplay:
    """An observer of a run: a bar for each kind of work on a terminal, a line now and then elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._lock = threading.Lock()  # protects _last
        self._last = time.monotonic()
        self._status: Status | None = None
        self._bars: Bars | None = None
        self._live: Live | None = None
        self._below: Spinner | None = None  # what is being waited for while the bars stand

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.waiting(None)
        self._end_bars()

    def note(self, message: str) -> None:
        """One line of information."""
        if not self._quiet:
            err.print(Text(printable(message), style="dim"), soft_wrap=not err.is_terminal)

    def waiting(self, message: str | None) -> None:
        """A line that is replaced by the next; where stderr is no terminal one now and then."""
        text = None if message is None else Text(printable(message), style="dim")
        if self._live is not None:
            self._below = None if text is None else Spinner("dots", text=text)
        elif text is None:
            if self._status is not None:
                self._status.stop()
            self._status = None
        elif self._quiet:
            return
        elif err.is_terminal:
            self._status = self._status or err.status(text)
            self._status.start()
            self._status.update(text)
        elif self._due():
            err.print(text, soft_wrap=True)

    def started(self, begun: StreamStart) -> None:
        """Show the bars."""
        if begun.made or begun.scored:
            made = "" if begun.source == "read" else f"{begun.made} of {begun.total} generated, "
            if begun.scored or made:
                self.note(f"continuing a run: {made}{begun.scored} of {begun.total} {begun.work}d")
        self.waiting(None)
        self._bars = Bars(begun)
        if not self._quiet and err.is_terminal:
            self._live = Live(get_renderable=self._drawn, console=err, refresh_per_second=8)
            self._live.start()

    def generated(self, completions: list[Completion]) -> None:
        """Move the first bar."""
        if self._bars is not None:
            self._bars.generated(completions)
            self._tell()

    def executed(self, completion: Completion, execution: Execution | None) -> None:
        """Move the second bar."""
        if self._bars is not None:
            self._bars.executed(completion, execution)
            self._tell()

    def _end_bars(self) -> None:
        """Leave the bars as they are, with what is printed next below them."""
        if self._live is not None:
            self._live.stop()
        elif self._bars is not None and not self._quiet:
            self._line()
        self._live = self._bars = None

    def _due(self) -> bool:
        with self._lock:
            due = time.monotonic() - self._last >= PLAIN_EVERY_S
            if due:
                self._last = time.monotonic()
        return due

    def _tell(self) -> None:
        if not self._quiet and not err.is_terminal and self._due():
            self._line()

    def _line(self) -> None:
        if self._bars is not None:
            err.print(Text("  ".join(f"{name} {bar.line()}" for name, bar in self._bars.now().items())))

    def _drawn(self) -> Group:
        """The bars as they are now, and what is being waited for."""
        drawn = Table.grid(padding=(0, 1))
        for _ in range(6):
            drawn.add_column(no_wrap=True)
        for name, bar in self._bars.now().items() if self._bars else ():
            eta = f"ETA {clock(bar.eta_s)}" if bar.eta_s is not None else ""
            drawn.add_row(
                Text(name),
                ProgressBar(total=bar.total, completed=bar.done, width=28 if err.width >= 100 else 20),
                Text(f"{bar.done}/{bar.total}", style="green"),
                Text(f"{bar.rate:.1f}/s", style="cyan"),
                Text(eta, style="cyan"),
                Text(bar.note),
            )
        return Group(drawn, self._below) if self._below else Group(drawn)


def clock(seconds: float) -> str:
    """`0:01:05`."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _estimate(estimate: Mapping[str, Any]) -> tuple[str, str]:
    """Value and interval."""
    value, low, high = (float(estimate[name]) for name in ("value", "low", "high"))
    metric = metric_or_guess(estimate["metric"], (value, low, high))
    return metric.text(value), metric.interval(low, high)


def short_estimate(estimate: Mapping[str, Any]) -> str:
    """`57.7% (46.7-68.4)`, as a cell of a table of several runs."""
    value, low, high = (float(estimate[name]) for name in ("value", "low", "high"))
    return metric_or_guess(estimate["metric"], (value, low, high)).with_interval(value, low, high)


def _show_import(summary: Mapping[str, Any]) -> None:
    name, source = summary["imported"], summary["source"]
    out.print(Text(f"imported: {name}, from {printable(source['file'])}; its verdicts, not judged here", "yellow"))
    unnamed = summary["coverage"]["completions_scored"] - sum(summary["verdicts"].values())
    if unnamed:
        out.print(f"of {unnamed} completions only the number that passed is known, by problem, not which")
    for metric in source["differs"]:
        theirs = f"{source['claimed'][metric]:.1%}"
        out.print(Text(f"{metric}: the file itself says {theirs}, which its own verdicts do not give", "bold red"))


def estimate_rows(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a run's table of results."""
    rows = [
        [each["metric"], *_estimate(each), str(each["n_problems"]), str(each["n_completions"])]
        for each in summary["estimates"]
    ]
    return ["metric", "value", "95 % interval", "problems", "completions"], rows


def summary_table(summary: Mapping[str, Any]) -> Table:
    """A run's table of results."""
    header, rows = estimate_rows(summary)
    table = Table(title=None, header_style="bold")
    for name in header:
        table.add_column(name, justify="left" if name == "metric" else "right")
    for metric, value, *others in rows:
        table.add_row(Text(printable(metric)), Text(value, style="bold"), *others)
    return table


def show_summary(summary: Mapping[str, Any]) -> None:
    """The results of a run, and what they are of."""
    out.print(summary_table(summary))
    if summary.get("imported"):
        _show_import(summary)
    _show_coverage(summary)
    if summary.get("verdicts"):
        _show_verdicts(summary["verdicts"])
    _show_drawing(summary.get("sampling"), summary.get("cost"))
    if summary["estimates"]:
        out.print(Text(f"signature: {summary['estimates'][0]['signature']}", style="dim"), soft_wrap=True)
    out.print(Text(f"run: {summary['run']}"), soft_wrap=True)


def _show_coverage(summary: Mapping[str, Any]) -> None:
    """What the numbers are of, and what was left out of them."""
    coverage = summary["coverage"]
    out.print(
        f"coverage: {coverage['problems_scored']} of {coverage['problems']} problems, "
        f"{coverage['completions_scored']} of {coverage['completions']} completions"
    )
    if left_out := coverage.get("left_out"):
        many = numbers.count(len(left_out), "problem")
        some = "; ".join(f"{problem_id}: {reason}" for problem_id, reason in list(left_out.items())[:5])
        rest = f" and {len(left_out) - 5} more, named in summary.json" if len(left_out) > 5 else ""
        out.print(Text(f"left out: {many} that cannot run here ({printable(some)}{rest})", "yellow"))
    if coverage.get("repeated"):
        out.print(f"of these, {coverage['repeated']} are equal to an earlier one and share its verdict (--no-dedup)")
    beside = summary.get("integrity", {}).get("in_sandbox", [])
    if any("base_c" in values for values in summary["problems"].values()):
        out.print("base tests: base_pass@k is of the set's base tests, which come first; pass@k is of all tests")
    if beside:
        many = numbers.count(len(beside), "problem")
        named = ", ".join(beside[:5]) + (f" and {len(beside) - 5} more" if len(beside) > 5 else "")
        out.print(Text(f"integrity in-sandbox: {many}, whose tests a program can reach ({named})", "yellow"))
    for what, why in (("refused", "will not be answered"), ("failed", "was not answered; the same command asks again")):
        for problem_id, reason in list(coverage.get(what, {}).items())[:5]:
            out.print(Text(f"left out: {printable(problem_id)} {why}: {printable(reason)}", "yellow"))
    if coverage["omitted"]:
        out.print(f"not reported, for lack of scored completions: {', '.join(coverage['omitted'])}")


def _show_verdicts(verdicts: Mapping[str, int]) -> None:
    line = Text("verdicts: ")
    for position, (name, count) in enumerate(sorted(verdicts.items(), key=lambda pair: -pair[1])):
        line.append(", " if position else "").append(verdict_text(name)).append(f" {count}")
    out.print(line)


def _show_drawing(sampling: Mapping[str, Any] | None, cost: Mapping[str, Any] | None) -> None:
    """How the completions were drawn, what makes their numbers doubtful, and what they cost."""
    if sampling:
        parts = [
            f"{sampling['distinct_per_problem']:.1f} different per problem",
            f"{sampling['empty_share']:.1%} empty",
        ]
        if sampling["length_share"] is not None:
            parts.append(f"{sampling['length_share']:.1%} cut at max_tokens")
        out.print(f"completions: {', '.join(parts)}")
        for warning in sampling["warnings"]:
            out.print(Text(f"warning: {warning}", style="yellow"))
    if cost:
        out.print(_cost_line(cost))


def _cost_line(cost: Mapping[str, Any]) -> str:
    parts = [f"{cost['prompt_tokens']:,} prompt and {cost['completion_tokens']:,} completion tokens"]
    if cost["uncounted_requests"]:
        parts.append(f"those of {cost['uncounted_requests']} of {cost['requests']} requests unknown")
    parts.append(f"generated in {cost['generation_s']:,.1f} s")
    if cost["tokens_per_s"] is not None:
        parts.append(f"{cost['tokens_per_s']:,.0f} tokens/s")
    if cost["gpu_s"]:
        parts.append(f"{cost['gpu_s']:,.1f} GPU seconds")
    if cost["price"] is not None:
        parts.append(f"price {cost['price']:.4g}")
    return f"cost: {', '.join(parts)}"
