"""How long a run still takes, told from the work that is left and not from the number of what is done.

A completion that is left counts what those of its problem took so far, and where none of its problem is done what a
problem takes on average: with a hard problem to come an average over all completions promises too much. The work that
was done in a second, by all threads together, says how many seconds the rest takes.
"""

from __future__ import annotations

from collections.abc import Mapping

LEAST_S = 0.005  # of a completion that took no time to speak of: it was written all the same


class WorkLeft:
    """left: problem id -> completions that are still to be done. Not thread-safe."""

    def __init__(self, left: Mapping[str, int]) -> None:
        self._left = {problem_id: count for problem_id, count in left.items() if count}
        self._done: dict[str, int] = {}
        self._costs: dict[str, float] = {}

    @property
    def count(self) -> int:
        """Completions that are left."""
        return sum(self._left.values())

    def done(self, problem_id: str, cost_s: float, count: int = 1) -> None:
        """`count` completions of a problem are done, and took `cost_s` seconds of a thread together."""
        self._left[problem_id] = max(self._left.get(problem_id, 0) - count, 0)
        self._done[problem_id] = self._done.get(problem_id, 0) + count
        self._costs[problem_id] = self._costs.get(problem_id, 0.0) + cost_s + count * LEAST_S

    def seconds(self, elapsed_s: float) -> float | None:
        """Until all is done, where `elapsed_s` seconds have passed with what is done; None before anything is."""
        if not self._done or elapsed_s <= 0:
            return None
        means = {problem_id: cost / self._done[problem_id] for problem_id, cost in self._costs.items()}
        usual = sum(means.values()) / len(means)
        work = sum(count * means.get(problem_id, usual) for problem_id, count in self._left.items())
        return work * elapsed_s / sum(self._costs.values())
