"""What a run's page says of the run beside its numbers, in words and with units."""

from __future__ import annotations

import re

from harness.leaderboard.results import LeaderboardRun
from harness.types import Problem

FIELDS = {
    "n": "samples per problem", "T": "sampling temperature", "top_p": "nucleus sampling", "max": "max_tokens",
    "top_k": "tokens considered, 0 for all", "seed": "the run's seed", "form": "how the model was asked",
    "window": "tokens that are seen at once", "stride": "how far the window moves",
    "bos": "whether a token for the beginning comes first", "by": "how the label is found",
    "engine": "where it was sampled", "samples": "digest of saved completions", "task": "how answers are scored",
    "extractor": "how a program is taken out of a reply",
    "data": "the problem set and its digest", "protocol": "how far it follows the published protocol",
    "integrity": "who decides the verdicts", "img": "the sandbox",
    "cpu": "CPU time per program", "wall": "time per program by the clock", "mem": "memory per program",
    "v": "version of the harness",
}  # fmt: skip
_COSTS = {
    "requests": ("requests", "{:,g}"),
    "uncounted_requests": ("requests without a token count", "{:,g}"),
    "generation_s": ("generation", "{:,.1f} s"),
    "tokens_per_s": ("speed", "{:,.0f} tokens/s"),
    "gpu_s": ("GPU time", "{:,.1f} s"),
    "price": ("price", "{:,.4g}"),
}
_ELSEWHERE = ("prompt_tokens", "completion_tokens", "currency")  # said elsewhere, or with the price


def cost_facts(run: LeaderboardRun) -> list[tuple[str, str]]:
    """(name, amount) of what the run cost: `speed`, `965 tokens/s`. What is 0 or was not measured is left out."""
    found = []
    for key, amount in run.cost.items():
        if key in _ELSEWHERE or not amount:
            continue
        name, form = _COSTS.get(key, (key.replace("_", " "), "{}"))
        text = form.format(amount) if isinstance(amount, int | float) else amount
        found.append((name, f"{text} {run.cost.get('currency') or ''}".rstrip() if key == "price" else text))
    return found


def program_limits(run: LeaderboardRun, problem: Problem | None) -> dict[str, str]:
    """What a program may use: the run's limits; the problem's own where the run has a range and they are at hand."""
    limits = {name: run.fields[name] for name in ("cpu", "wall", "mem") if name in run.fields}
    if problem is not None and problem.limits is not None and any("-" in value for value in limits.values()):
        own = problem.limits
        limits = {"cpu": f"{own.cpu_s:g}s", "wall": f"{own.wall_s:g}s", "mem": f"{own.memory_bytes / 2**20:g}MiB"}
    return {name: re.sub(r"(\d)([A-Za-z])", r"\1 \2", text) for name, text in limits.items()}
