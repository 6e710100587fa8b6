"""maj@k: the probability that the commonest answer of k samples is right, per item and without bias; then the mean."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

from harness.metrics._metric import Direction, Metric, Unit, mean_of

METHOD = "unbiased maj@k: the mean over all sets of k of the samples (Wang et al. 2023; ties by lot)"


def majority_at_k(answers: Mapping[str, int], right: str, k: int, unread: str | None = None) -> float:
    """The probability that a vote among k of the samples gives the right answer, without bias.

    answers: answer -> how many of the n samples gave it. unread: the answer that is none, which never wins. Majority
    voting over samples is self-consistency (Wang et al. 2023, arXiv 2203.11171); the estimate is the mean over all
    C(n, k) sets of k samples, a tie among t answers counting 1/t. Raises ValueError unless 1 <= k <= n.
    """
    n = sum(answers.values())
    if not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and n; k is {k}, n is {n}")
    others = [count for answer, count in answers.items() if answer not in (right, unread)]
    silent = answers.get(unread, 0) if unread is not None else 0
    won = 0.0
    for votes in range(1, min(answers.get(right, 0), k) + 1):
        ways = math.comb(answers[right], votes)
        for tied, count in enumerate(_outvoted(others, silent, votes, k - votes)):
            won += ways * count / (tied + 1)
    return won / math.comb(n, k)


def _outvoted(others: list[int], silent: int, votes: int, draws: int) -> list[int]:
    """How many ways `draws` samples come from other answers, none of them more than `votes` times; by how many tie."""
    # ways[t][m]: m samples drawn so far, t answers with exactly `votes`
    ways = [[math.comb(silent, m) for m in range(draws + 1)]]
    for count in others:
        grown = [[0] * (draws + 1) for _ in range(len(ways) + 1)]
        for tied, row in enumerate(ways):
            for drawn, found in enumerate(row):
                for more in range(min(count, votes, draws - drawn) + 1) if found else ():
                    grown[tied + (more == votes)][drawn + more] += found * math.comb(count, more)
        ways = grown
    return [row[draws] for row in ways]


@functools.cache
def metric(k: int) -> Metric:
    """maj@k for one k."""
    name = f"maj@{k}"
    return Metric(
        name=name, direction=Direction.HIGHER, unit=Unit.SHARE, value=mean_of(name), largest=1.0, headline=True
    )


def find(name: str) -> Metric | None:
    """The metric of a name such as `maj@10`; None for other names."""
    k = name.removeprefix("maj@")
    return metric(int(k)) if k != name and k.isdecimal() and k.isascii() and int(k) > 0 else None


METRICS = tuple(metric(k) for k in (5, 10))
