"""Who won, from the votes of a blind A/B: by items and by votes, with what could have been seen.

The unit is the item. Its value for a pair of models is the mean of its votes (a win 1, a tie or both bad 0.5, a
loss 0), so that judges are averaged before items are counted: votes on one item are not independent.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.metrics import preference
from harness.stats.paired import expanded_tail, holm
from harness.stats.proportion import Z, wilson

ALPHA = 0.05
RESAMPLES = 1000
WIN, LOSS, TIE, BAD = "win", "loss", "tie", "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVote:
    """One vote that counts. unit: the problem. first, second: models as they stood; choice: first, second, tie, bad.

    longer: which answer is the longer one, `first` or `second`; None for equal lengths.
    """

    judge: str
    unit: str
    first: str
    second: str
    choice: str
    stratum: str | None = None
    longer: str | None = None
    seconds: float | None = None
    flagged: bool = False


@dataclass(slots=True)
class _Item:
    """The votes on one problem for a pair (a, b), from a's side."""

    outcomes: list[str] = field(default_factory=list)
    stratum: str | None = None
    identical: bool = False

    @property
    def value(self) -> float:
        """1 where a wins every vote, 0 where it loses every one."""
        return sum({WIN: 1.0, LOSS: 0.0}.get(each, 0.5) for each in self.outcomes) / len(self.outcomes)

    @property
    def majority(self) -> str:
        """What more votes say than any other; a tie where no side has more."""
        counts = Counter(self.outcomes)
        undecided = counts[TIE] + counts[BAD]
        for own, other in ((WIN, LOSS), (LOSS, WIN)):
            if counts[own] > max(counts[other], undecided):
                return own
        return BAD if counts[BAD] > len(self.outcomes) / 2 else TIE


def outcome(vote: PairVote, a: str) -> str:
    """A vote from the side of model a."""
    if vote.choice in ("tie", "bad"):
        return vote.choice
    return WIN if (vote.first if vote.choice == "first" else vote.second) == a else LOSS


def items_of(
    votes: Sequence[PairVote], ties: Sequence[tuple[str, str, str, str | None]], models: Sequence[str]
) -> dict[tuple[str, str], dict[str, _Item]]:
    """(a, b) -> problem -> its votes. ties: (problem, a, b, stratum) of equal answers, which nobody votes on."""
    found: dict[tuple[str, str], dict[str, _Item]] = {pair: {} for pair in itertools.combinations(models, 2)}
    rank = {name: number for number, name in enumerate(models)}
    for vote in votes:
        pair = tuple(sorted((vote.first, vote.second), key=rank.__getitem__))
        item = found[pair[0], pair[1]].setdefault(vote.unit, _Item(stratum=vote.stratum))
        item.outcomes.append(outcome(vote, pair[0]))
    for unit, a, b, stratum in ties:
        pair = tuple(sorted((a, b), key=rank.__getitem__))
        found[pair[0], pair[1]][unit] = _Item(outcomes=[TIE], stratum=stratum, identical=True)
    return found


def compare_pair(a: str, b: str, items: Mapping[str, _Item], seed: int) -> dict[str, Any]:
    """One line of the result. Without a judged item all but the counts is None."""
    counts = Counter(each.majority for each in items.values())
    votes = Counter(each for item in items.values() if not item.identical for each in item.outcomes)
    wins, losses = counts[WIN], counts[LOSS]
    decided = wins + losses
    share = None
    if items:
        values = [items[name].value for name in sorted(items)]
        share = preference.win_share(values, np.random.default_rng(seed))
    interval = wilson(wins, decided) if decided else None
    detectable = preference.smallest_detectable(decided)
    needed = preference.items_needed(wins / decided, decided / len(items)) if decided else None
    return {
        "a": a, "b": b, "wins": wins, "losses": losses, "ties": counts[TIE], "both_bad": counts[BAD],
        "votes": {"wins": votes[WIN], "losses": votes[LOSS], "ties": votes[TIE], "both_bad": votes[BAD]},
        "share": share.value if share else None, "low": share.low if share else None,
        "high": share.high if share else None,
        "decided_share": wins / decided if decided else None,
        "decided_low": interval.low if interval else None, "decided_high": interval.high if interval else None,
        "p_value": preference.sign_test(wins, losses), "p_adjusted": 1.0, "smallest_detectable": detectable,
        "items_needed": needed, "verdict": "no evidence",
    }  # fmt: skip


def adjust(rows: Sequence[dict[str, Any]]) -> None:
    """Holm's correction over comparisons that are made at once, and the verdicts that follow."""
    for row, p_value in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_adjusted"] = p_value
        if p_value <= ALPHA:
            row["verdict"] = f"{row['a'] if row['wins'] > row['losses'] else row['b']} is preferred"


def compare_all(items: Mapping[tuple[str, str], Mapping[str, _Item]], seed: int) -> list[dict[str, Any]]:
    """Every pair of models, adjusted together."""
    rows = [compare_pair(a, b, every, seed) for (a, b), every in items.items()]
    adjust(rows)
    return rows


def by_stratum(items: Mapping[tuple[str, str], Mapping[str, _Item]], seed: int) -> list[dict[str, Any]]:
    """The same within each stratum, adjusted over all of them."""
    names = sorted({each.stratum for every in items.values() for each in every.values() if each.stratum is not None})
    rows = []
    for name in names:
        for (a, b), every in items.items():
            part = {unit: each for unit, each in every.items() if each.stratum == name}
            if part:
                rows.append({"stratum": name, **compare_pair(a, b, part, seed)})
    adjust(rows)
    return rows


def sided(votes: Sequence[PairVote], which: str) -> dict[str, Any]:
    """The share of decided votes for the first side (`first`) or the longer answer (`longer`), with an exact test."""
    decided = [each for each in votes if each.choice in ("first", "second") and (which == "first" or each.longer)]
    count = sum(each.choice == ("first" if which == "first" else each.longer) for each in decided)
    found = wilson(count, len(decided)) if decided else None
    return {
        "count": count, "decided": len(decided), "share": found.share if found else None,
        "low": found.low if found else None, "high": found.high if found else None,
        "p_value": preference.sign_test(count, len(decided) - count),
    }  # fmt: skip


def cells(votes: Sequence[PairVote], ties: Sequence[tuple[str, str, str, str | None]], models: Sequence[str]) -> Any:
    """Counts for Davidson's model by problem, shape (problems, models, models, 3): [i, j] has i on the first side."""
    units = sorted({each.unit for each in votes} | {each[0] for each in ties})
    place, rank = {name: n for n, name in enumerate(units)}, {name: n for n, name in enumerate(models)}
    counts = np.zeros((len(units), len(models), len(models), 3))
    for each in votes:
        outcome_index = {"first": 0, "second": 1}.get(each.choice, 2)
        counts[place[each.unit], rank[each.first], rank[each.second], outcome_index] += 1
    for unit, a, b, _ in ties:
        counts[place[unit], rank[a], rank[b], 2] += 1
    return counts


def strengths(counts: Any, models: Sequence[str], seed: int, *, within: bool = False) -> list[dict[str, Any]]:
    """Davidson's strengths with bootstrap intervals over problems, and the ranks that the evidence leaves open.

    within: a scale for each connected group of models. Raises InputError where votes do not connect the models.
    """
    groups = preference.components(counts.sum(axis=0))
    if len(groups) > 1 and not within:
        said = " with ".join("{" + ", ".join(models[each] for each in group) + "}" for group in groups)
        raise InputError(f"votes do not connect {said}: no common scale; vote on a pair across, or give --within")
    rows = []
    for number, group in enumerate(groups):
        if len(group) > 1:
            part = counts[:, group][:, :, group]
            rows += _group(part, [models[each] for each in group], seed, number)
    return rows


def _group(counts: Any, models: Sequence[str], seed: int, number: int) -> list[dict[str, Any]]:
    total = counts.sum(axis=0)
    ordered = (
        np.count_nonzero(total.sum(axis=-1)) > np.count_nonzero((total.sum(axis=-1) + total.sum(axis=-1).T) > 0) / 2
    )
    found = preference.davidson(total, order_effect=bool(ordered))
    rng = np.random.default_rng(seed)
    flat = counts.reshape(len(counts), -1)
    draws = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES) @ flat
    drawn = preference.davidson_resamples(draws.reshape(RESAMPLES, *total.shape), order_effect=bool(ordered))
    tail = expanded_tail(max(2, len(counts)))
    ranges = _ranks(found.theta, drawn, len(counts))
    wins = total[..., 0].sum(axis=1) + total[..., 1].sum(axis=0)
    losses = total[..., 1].sum(axis=1) + total[..., 0].sum(axis=0)
    shared = total[..., 2].sum(axis=1) + total[..., 2].sum(axis=0)
    rows = []
    for index in np.argsort(-found.theta, kind="stable"):
        low, high = np.quantile(drawn[:, index], [tail, 1 - tail])
        if found.regularized:  # resamples of votes that all say the same have too little spread, or none
            reach = Z * found.errors[index]
            low, high = min(low, found.theta[index] - reach), max(high, found.theta[index] + reach)
        bounded = found.regularized and not shared[index] and (not losses[index] or not wins[index])
        rows.append({
            "model": models[index], "strength": float(found.theta[index]), "low": float(low), "high": float(high),
            "pi": float(found.pi[index]), "rank_best": ranges[index][0], "rank_worst": ranges[index][1],
            "never_lost": bool(bounded and not losses[index]), "never_won": bool(bounded and not wins[index]),
            "group": number, "nu": found.nu, "order_effect": found.order if ordered else None,
            "regularized": found.regularized,
        })  # fmt: skip
    return rows


def _ranks(theta: Any, drawn: Any, problems: int) -> list[tuple[int, int]]:
    """Best and worst rank of each model: pairs whose difference is told apart at 5 %, Holm over all pairs."""
    models = len(theta)
    pairs = list(itertools.combinations(range(models), 2))
    p_values = [
        preference.gap_p_value(float(theta[a] - theta[b]), drawn[:, a] - drawn[:, b], problems) for a, b in pairs
    ]
    ahead: dict[int, int] = defaultdict(int)
    behind: dict[int, int] = defaultdict(int)
    for (a, b), p_value in zip(pairs, holm(p_values), strict=True):
        if p_value <= ALPHA:
            better, worse = (a, b) if theta[a] > theta[b] else (b, a)
            behind[better] += 1
            ahead[worse] += 1
    return [(1 + ahead[each], models - behind[each]) for each in range(models)]
