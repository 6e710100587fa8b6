"""The bounded queue between engine and sandboxes, which keeps the samples of one problem together."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

from harness.types import Completion


@dataclass(frozen=True, slots=True)
class QueueItem:
    """What a consumer took; no completion where there will be no more."""

    completion: Completion | None


class ProblemQueue:
    """Completions on their way to the sandbox, at most `most`.

    A consumer goes on with the problem that it has, else takes one that no other has: a sandbox whose judge already has
    a problem's tests in hand runs a program in two thirds of the time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()  # protects all below
        self._room, self._some = threading.Condition(self._lock), threading.Condition(self._lock)
        self._problems: dict[str, deque[Completion]] = {}
        self._count = self._ends = 0
        self._held: Counter[str] = Counter()

    def put(self, completion: Completion | None, timeout_s: float) -> bool:
        """Whether there was room in time. None: one consumer is to end, after all completions."""
        with self._lock:
            if completion is None:
                self._ends += 1
                self._some.notify()
                return True
            if not self._room.wait_for(lambda: self._count < self._most, timeout_s):
                return False
            self._problems.setdefault(completion.problem_id, deque()).append(completion)
            self._count += 1
            self._some.notify()
            return True

    def get(self, last: str | None, timeout_s: float) -> QueueItem | None:
        """The next for a consumer that had `last`; None where there was nothing in time."""
        with self._lock:
            if not self._some.wait_for(lambda: self._count or self._ends, timeout_s):
                return None
            if last is not None:
                self._held[last] -= 1
            if not self._count:
                self._ends -= 1
                return QueueItem(None)
            problem = last if last in self._problems else self._free()
            self._held[problem] += 1
            completions = self._problems[problem]
            completion = completions.popleft()
            if not completions:
                del self._problems[problem]
            self._count -= 1
            if self._count <= self._most // 2:  # to wake a producer for each place costs more than the place
                self._room.notify()
            return QueueItem(completion)

    def _free(self) -> str:
        return min(self._problems, key=lambda problem: self._held[problem])
