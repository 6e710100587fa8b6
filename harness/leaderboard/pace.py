"""How fast runs go on, from what was seen of them: samples per second over the last minute, in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from harness.leaderboard.results import LeftOut

WINDOW_S = 60.0
STILL_S = 120.0  # a run that scored nothing for so long is said to stand still


class Paces:
    """Remembers when each run had how many scores. One thread at a time."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def note(self, runs: Iterable[LeftOut], now_s: float) -> dict[str, str]:
        """Run's name -> its pace in words, of the runs that are under way now; the others are forgotten."""
        under_way = {run.name: run for run in runs if run.done is not None}
        self._seen = {name: self._seen.get(name, deque()) for name in under_way}
        return {name: words for name, run in under_way.items() if (words := self._words(run, now_s))}

    def _words(self, run: LeftOut, now_s: float) -> str:
        seen, done = self._seen[run.name], run.done or 0
        if not seen or seen[-1][1] != done:
            seen.append((now_s, done))
        while len(seen) > 2 and now_s - seen[1][0] >= WINDOW_S:
            seen.popleft()
        (since_s, first), (last_s, last) = seen[0], seen[-1]
        if now_s - last_s >= STILL_S:
            return f"nothing new for {_duration(now_s - last_s)}"
        if last <= first or now_s <= since_s:
            return ""
        rate = (last - first) / (now_s - since_s)
        words = f"{rate:.1f} per second" if rate >= 1 else f"{60 * rate:.1f} per minute"
        left = f", about {_duration((run.owed - done) / rate)} left" if run.owed and run.owed > done else ""
        return words + left


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
