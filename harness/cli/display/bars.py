"""How far a run has come, by kind of work: how much is done, how fast, and how long the rest takes.

Known by both displays of a run, on a terminal and in a notebook.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.pipeline.job import StreamStart
from harness.pipeline.work_left import WorkLeft
from harness.types import Completion
from sandbox import Execution, Verdict

ETA_AFTER_S = 2.0  # what the first seconds tell is wrong
MAKE = "generate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One kind of work, now. rate: done per second by this process. eta_s: None where nobody can tell, or all is done.

    note: what else there is to say of it.
    """

    done: int
    total: int
    rate: float
    eta_s: float | None
    note: str

    def line(self) -> str:
        """The numbers, for a plain line."""
        eta = f", ETA {self.eta_s:.0f} s" if self.eta_s is not None else ""
        return f"{self.done}/{self.total} ({self.rate:.1f}/s{eta})"


class Bars:
    """Of a stream: `generate`, unless completions are read from a file, then `execute` or `score`. Thread-safe."""

    def __init__(self, begun: StreamStart) -> None:
        self._begun = begun
        done = {begun.work: begun.scored} if begun.source == "read" else {MAKE: begun.made, begun.work: begun.scored}
        left = {MAKE: begun.to_make, begun.work: begun.to_score}
        self._lock = threading.Lock()  # protects all below
        self._done = done
        self._first = dict(done)
        self._left = {name: WorkLeft(left[name]) for name in done}
        self._verdicts: dict[Verdict | None, int] = {}
        self._tokens = 0
        self._start = time.monotonic()

    @property
    def names(self) -> Sequence[str]:
        """The kinds of work."""
        return tuple(self._done)

    def generated(self, completions: Sequence[Completion]) -> None:
        """What one request brought."""
        if MAKE not in self._done or not completions:
            return
        with self._lock:
            self._tokens += sum(each.completion_tokens or 0 for each in completions)
            self._done[MAKE] += len(completions)
            self._left[MAKE].done(completions[0].problem_id, completions[0].latency_s or 0.0, len(completions))

    def executed(self, completion: Completion, execution: Execution | None) -> None:
        """A completion was run, or scored without being run."""
        verdict = execution.verdict if execution else None
        with self._lock:
            self._verdicts[verdict] = self._verdicts.get(verdict, 0) + 1
            self._done[self._begun.work] += 1
            self._left[self._begun.work].done(completion.problem_id, execution.wall_s if execution else 0.0)

    def now(self) -> Mapping[str, Bar]:
        """Each kind of work by its name."""
        with self._lock:
            return dict(self._bars())

    def _bars(self) -> Iterator[tuple[str, Bar]]:
        elapsed_s = max(time.monotonic() - self._start, 0.1)
        before: float | None = 0.0  # until what it needs is there: nothing is executed before it is generated
        for name, done in self._done.items():
            eta_s = self._left[name].seconds(elapsed_s) if elapsed_s >= ETA_AFTER_S else None
            before = None if eta_s is None or before is None else max(before, eta_s)
            yield (
                name,
                Bar(
                    done=done,
                    total=self._begun.total,
                    rate=(done - self._first[name]) / elapsed_s,
                    eta_s=before if self._left[name].count else None,
                    note=self._tokens_note(elapsed_s) if name == MAKE else self._work_note(),
                ),
            )

    def _tokens_note(self, elapsed_s: float) -> str:
        if self._done[MAKE] == self._first[MAKE]:
            return "waiting for the first answer" if self._left[MAKE].count else ""
        return f"{self._tokens / elapsed_s:,.0f} tokens/s" if self._tokens else ""

    def _work_note(self) -> str:
        if self._begun.work != "execute":
            return ""
        there = self._done.get(MAKE, self._begun.total)
        if not self._verdicts and there > self._done[self._begun.work]:
            return "opening the sandboxes"
        return f"{self._verdicts[Verdict.ACCEPTED]} accepted" if Verdict.ACCEPTED in self._verdicts else ""
