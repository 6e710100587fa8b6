"""What a run's completions took: tokens, time, GPU time, price; summed from the usages in completions.jsonl.

A request's usage stands on the first of its completions, so whatever was kept of a run that was stopped and gone on
with is counted, once; requests whose answers were lost with a killed process are not, nor attempts that failed.
"""

from __future__ import annotations

import array
from dataclasses import dataclass

from harness.types import Completion

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a run is charged by: a prompt token and a completion token, or an hour of the hardware, in one currency."""

    prompt_token: float = 0.0
    completion_token: float = 0.0
    hour: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What generation took.

    prompt_tokens: a request's prompt once, however many samples it asked for. uncounted_requests: those whose server
    counted no tokens; the totals lack them. generation_s: seconds by the clock in which at least one request was in
    flight; time between two processes of a resumed run, and time that only the sandbox needed, is not in it.
    tokens_per_s: completion tokens over generation_s; None where tokens are uncounted. gpu_s: generation_s times the
    GPUs that served, 0 on a CPU, None where an engine does not know. price: None without prices.
    """

    requests: int
    uncounted_requests: int
    prompt_tokens: int
    completion_tokens: int
    generation_s: float
    tokens_per_s: float | None
    gpu_s: float | None
    price: float | None


class UsageTotals:
    """Adds up the usages of a run's completions, given one at a time: 16 bytes for each request."""

    def __init__(self) -> None:
        self._prompt = self._completion = self._uncounted = 0
        self._spans: dict[int | None, _Spans] = {}  # by number of GPUs

    def add(self, completion: Completion) -> None:
        """One completion, with or without a usage."""
        usage = completion.usage
        if usage is None:
            return
        self._prompt += usage.prompt_tokens or 0
        self._completion += usage.completion_tokens or 0
        self._uncounted += usage.completion_tokens is None
        self._spans.setdefault(usage.gpus, _Spans()).add(usage.started_at, usage.finished_at)

    def cost(self, prices: Prices | None) -> Cost | None:
        """The sum; None where no request was made, as for saved completions."""
        if not self._spans:
            return None
        every = _Spans()
        for spans in self._spans.values():
            every.extend(spans)
        seconds = every.covered_s()
        return Cost(
            requests=len(every),
            uncounted_requests=self._uncounted,
            prompt_tokens=self._prompt,
            completion_tokens=self._completion,
            generation_s=round(seconds, 3),
            tokens_per_s=round(self._completion / seconds, 1) if seconds and not self._uncounted else None,
            gpu_s=self._gpu_s(),
            price=self._price(prices, seconds) if prices else None,
        )

    def _gpu_s(self) -> float | None:
        known = [gpus * spans.covered_s() for gpus, spans in self._spans.items() if gpus is not None]
        return round(sum(known), 3) if len(known) == len(self._spans) else None

    def _price(self, prices: Prices, seconds: float) -> float:
        tokens = self._prompt * prices.prompt_token + self._completion * prices.completion_token
        return tokens + seconds / HOUR_S * prices.hour


class _Spans:
    """Spans of time, in seconds since the epoch."""

    def __init__(self) -> None:
        self._starts, self._ends = array.array("d"), array.array("d")

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, start: float, end: float) -> None:
        self._starts.append(start)
        self._ends.append(end)

    def extend(self, other: _Spans) -> None:
        self._starts.extend(other._starts)
        self._ends.extend(other._ends)

    def covered_s(self) -> float:
        """How long at least one of them lasts: each adds what reaches beyond all that began before it."""
        import numpy as np  # 80 ms, and nobody asks before the run's end

        order = np.argsort(np.asarray(self._starts), kind="stable")
        starts, ends = np.asarray(self._starts)[order], np.asarray(self._ends)[order]  # shape (spans,), float64
        before = np.maximum.accumulate(np.concatenate([[-np.inf], ends[:-1]]))
        return float(np.maximum(ends - np.maximum(starts, before), 0.0).sum())
