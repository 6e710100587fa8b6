"""The result of a study, as one record: who won, how sure that is, whether judges agree.

A study is blind until it is closed: before that a look is refused, or, where it is asked for, counted; the count stands
in every result, for who stops when the number looks good has not tested anything.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.files.atomic import write_whole
from harness.metrics.rater_agreement import Agreement, agreement
from harness.review import comparisons
from harness.review.assignments import REPEAT, passed
from harness.review.comparisons import PairVote
from harness.review.model_judge import read_model_judges
from harness.review.pairs import tasks_of
from harness.review.ratings import Rating, agreements, summarize
from harness.review.study import AB, RESULTS, VOTES, Study
from harness.review.votes import Vote, Votes
from harness.text import numbers

FAST_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """How a result is asked for. peek: before closing. exclude_failed: leave judges out who failed so many checks.

    within: strengths within each group of models that votes connect.
    """

    peek: bool = False
    exclude_failed: int | None = None
    within: bool = False


def close(study: Study, look: ResultOptions = ResultOptions()) -> dict[str, Any]:
    """End the vote, keep the result in results.json, and give it. A closed study is closed only once.

    Raises InputError where the votes do not connect the models; the study is then still open.
    """
    with Votes(study.path / VOTES) as votes:
        if not votes.looks("close"):
            _made(study, _own(votes), look)
            votes.look("close", time.time())
    result = results(study, look)
    data = json.dumps(result, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace")
    write_whole(study.path / RESULTS, data)
    return result


def results(study: Study, look: ResultOptions = ResultOptions()) -> dict[str, Any]:
    """The record. Raises InputError for an open study without `peek`."""
    with Votes(study.path / VOTES) as votes:
        latest, closed = _own(votes), votes.looks("close")
        if not closed and not look.peek:
            raise InputError(
                f"the study is open ({len(latest)} votes so far): `harness review close {study.path}` ends it and "
                "shows who won; --peek looks now, is counted, and stands in every output"
            )
        if not closed:
            votes.look("peek", time.time())
        peeks = len(votes.looks("peek"))
    made = _made(study, latest, look)
    none = [] if latest else [f"nobody has voted: `harness review serve {study.path}` prints the judges' links"]
    made["warnings"] = [*none, *study.record.warnings, *made["warnings"], *peeked(peeks)]
    head = {
        "study": study.id, "kind": study.kind, "signature": study.record.signature,
        "design": dataclasses.asdict(study.design),
        "models": [{"label": name, **dataclasses.asdict(each)} for name, each in study.key.labels.items()],
        "closed": bool(closed), "closed_at": _stamp(closed[0]) if closed else None,
        "task": study.record.task, "data": study.record.data,
    }  # fmt: skip
    return {**head, **made, "peeks": peeks}


def _own(votes: Votes) -> list[Vote]:
    """What counts, without practice."""
    return [each for each in votes.latest() if each.task.split(" ")[0] != "practice"]


def _made(study: Study, latest: Sequence[Vote], look: ResultOptions) -> dict[str, Any]:
    return _ab(study, latest, look) if study.kind == AB else _ratings(study, latest)


def _stamp(at: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))


def peeked(peeks: int) -> list[str]:
    """What every output says of looks before the study was closed."""
    times = "once" if peeks == 1 else f"{peeks} times"
    return [f"someone looked at the result {times} before the study was closed"] if peeks else []


def pair_votes(study: Study, votes: Sequence[Vote]) -> list[PairVote]:
    """Votes on the study's own pairs, with models in place of ids."""
    key, flagged, found = study.key, set(study.key.flagged), []
    lengths: dict[str, int] = {}
    strata: dict[int, str | None] = {}
    for number in range(1, len(study) + 1):
        item = study.item(number)
        strata[number] = item.stratum
        lengths.update({each.id: len(each.text) for each in item.answers})
    for vote in votes:
        first, _, second = vote.order.partition(",")
        if vote.check or not second or vote.choice is None:
            continue
        gap = lengths[first] - lengths[second]
        found.append(
            PairVote(
                judge=vote.judge,
                unit=key.problems[vote.item],
                first=key.answers[first],
                second=key.answers[second],
                choice=vote.choice,
                stratum=strata[vote.item],
                longer=None if not gap else "first" if gap > 0 else "second",
                seconds=_seconds(vote),
                flagged=first in flagged or second in flagged,
            )
        )
    return found


def equal_pairs(study: Study) -> list[tuple[str, str, str, str | None]]:
    """(problem, a, b, stratum) of equal answers: ties without a vote."""
    key = study.key
    return [
        (
            key.problems[task.item],
            key.answers[task.answers[0]],
            key.answers[task.answers[1]],
            study.item(task.item).stratum,
        )
        for task in tasks_of(study)[1]
    ]


def _ab(study: Study, latest: Sequence[Vote], look: ResultOptions) -> dict[str, Any]:
    seed, models = study.design.seed, list(study.key.labels)
    votes, ties = pair_votes(study, latest), equal_pairs(study)
    judged = _judges(latest)
    items = comparisons.items_of(votes, ties, models)
    made: dict[str, Any] = {"items": _counts(study, items, votes, ties), **_compared(votes, ties, models, seed, look)}
    made["position"] = {**comparisons.sided(votes, "first"), "judges": _positions(votes)}
    made["length"] = comparisons.sided(votes, "longer")
    made["strata"] = comparisons.by_stratum(items, seed)
    made["ratings"] = None
    made["agreement"] = [_row("votes", vote_agreement(votes, seed))]
    made["judges"] = judged
    made["model_judges"] = read_model_judges(study, votes)
    made["without_flagged"] = _without(votes, ties, models, seed, {e.unit for e in votes if e.flagged}, set())
    failed = {each["judge"] for each in judged if look.exclude_failed and each["checks_failed"] >= look.exclude_failed}
    made["without_failed"] = None
    if look.exclude_failed:
        made["without_failed"] = {
            "judges": sorted(failed), "comparisons": _without(votes, ties, models, seed, set(), failed) or []
        }  # fmt: skip
    said = [f"judge {each['judge']}: {warning}" for each in made["model_judges"] for warning in each["warnings"]]
    made["warnings"] = [*_warnings(made), *said]
    return made


def _compared(
    votes: Sequence[PairVote],
    ties: Sequence[tuple[str, str, str, str | None]],
    models: Sequence[str],
    seed: int,
    look: ResultOptions,
) -> dict[str, Any]:
    items = comparisons.items_of(votes, ties, models)
    strengths: list[dict[str, Any]] = []
    if len(models) > 2 and (votes or ties):
        counts = comparisons.cells(votes, ties, models)
        strengths = comparisons.strengths(counts, models, seed, within=look.within)
    return {"comparisons": comparisons.compare_all(items, seed), "strengths": strengths}


def _without(
    votes: Sequence[PairVote], ties: Sequence[tuple[str, str, str, str | None]], models: Sequence[str], seed: int,
    units: set[str], judges: set[str],
) -> list[dict[str, Any]] | None:  # fmt: skip
    """The comparisons without some problems, or some judges; None where nothing is left out."""
    if not units and not judges:
        return None
    kept = [each for each in votes if each.unit not in units and each.judge not in judges]
    equal = [each for each in ties if each[0] not in units]
    return comparisons.compare_all(comparisons.items_of(kept, equal, models), seed)


def _counts(study: Study, items: Any, votes: Sequence[PairVote], ties: Sequence[Any]) -> dict[str, int]:
    every = [each for pair in items.values() for each in pair.values()]
    decided = sum(each.majority in (comparisons.WIN, comparisons.LOSS) for each in every)
    flagged = set(study.key.flagged)
    named = sum(any(each in flagged for each in ids) for ids in study.answer_ids)
    return {
        "n": len(study), "judged": len(every) - len(ties), "decided": decided, "tied": len(every) - decided,
        "identical": len(ties), "flagged": named, "votes": len(votes),
    }  # fmt: skip


def vote_agreement(votes: Sequence[PairVote], seed: int) -> Agreement:
    """Nominal agreement on which model an item's votes prefer; a tie and both bad are one class."""
    judges = sorted({each.judge for each in votes})
    table: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for each in votes:
        a, b = sorted((each.first, each.second))
        code = {comparisons.WIN: 1.0, comparisons.LOSS: 2.0}.get(comparisons.outcome(each, a), 0.0)
        table[each.unit, a, b][each.judge] = code
    rows = [[row.get(judge) for judge in judges] for _, row in sorted(table.items())]
    return agreement(rows, "nominal", np.random.default_rng(seed))


def _row(metric: str, found: Agreement) -> dict[str, Any]:
    return {
        "metric": metric, "alpha": found.alpha, "low": found.low, "high": found.high, "exact": found.exact,
        "within_one": found.within_one, "kappa": found.kappa, "items": found.items, "words": found.words,
        "commonest": found.commonest,
    }  # fmt: skip


def _seconds(vote: Vote) -> float | None:
    return None if vote.shown_at is None else max(0.0, vote.answered_at - vote.shown_at)


def _positions(votes: Sequence[PairVote]) -> list[dict[str, Any]]:
    judges = sorted({each.judge for each in votes})
    return [{"judge": name, **comparisons.sided([e for e in votes if e.judge == name], "first")} for name in judges]


def _judges(latest: Sequence[Vote]) -> list[dict[str, Any]]:
    """Of each judge: votes, checks, whether repeats were answered alike, seconds."""
    rows = []
    for name in sorted({each.judge for each in latest}):
        mine = [each for each in latest if each.judge == name]
        by_pair = {(e.item, tuple(sorted(e.order.split(",")))): e for e in mine if not e.check}
        checks = [(e, passed(e, by_pair.get((e.item, tuple(sorted(e.order.split(","))))))) for e in mine if e.check]
        done = [right for _, right in checks if right is not None]
        repeats = [right for each, right in checks if each.check == REPEAT and right is not None]
        seconds = [taken for each in mine if (taken := _seconds(each)) is not None]
        rows.append({
            "judge": name, "votes": sum(not each.check for each in mine), "checks": len(done),
            "checks_failed": sum(not each for each in done), "repeats": len(repeats),
            "self_agreement": sum(repeats) / len(repeats) if repeats else None,
            "median_seconds": statistics.median(seconds) if seconds else None,
            "under_two_seconds": sum(each < FAST_S for each in seconds),
            "notes": sum(bool(each.note) for each in mine),
        })  # fmt: skip
    return rows


def _side(first: float) -> tuple[str, float]:
    """The side that has more, and its share."""
    return ("first", first) if first >= 0.5 else ("second", 1 - first)


def _warnings(made: dict[str, Any]) -> list[str]:
    said = []
    position = made["position"]
    if position["decided"] and position["p_value"] <= 0.05:
        side, share = _side(position["share"])
        p_value = numbers.p_value(position["p_value"])
        part = f"{numbers.amount(share, share=True)} of {position['decided']} decided votes"
        said.append(f"the {side} side has {part} (p {p_value})")
    for each in position["judges"]:
        if each["decided"] >= 10 and each["p_value"] <= 0.05 / max(1, len(position["judges"])):
            side, share = _side(each["share"])
            part = f"{numbers.amount(share, share=True)} of {each['decided']} decided votes"
            said.append(f"{each['judge']} prefers the {side} side in {part}")
    for each in made["judges"]:
        if each["checks_failed"] >= 2:
            said.append(
                f"{each['judge']} failed {each['checks_failed']} of {each['checks']} checks; --exclude-failed 2 shows "
                "the result with and without"
            )
    found = made["agreement"][0]
    if found["alpha"] is not None and found["commonest"] >= 0.9:
        said.append("nearly all votes are equal: alpha says little here, look at exact agreement")
    if made["items"]["flagged"]:
        said.append(
            f"{made['items']['flagged']} items have an answer that names a model; the result without them is beside"
        )
    for each in made["strengths"]:
        if each["never_lost"] or each["never_won"]:
            what = "never lost" if each["never_lost"] else "never won"
            said.append(f"{each['model']} {what}: its strength is bounded by half a win each way on every pair")
    return said


def _ratings(study: Study, latest: Sequence[Vote]) -> dict[str, Any]:
    names, key, models = [each.name for each in study.design.criteria], study.key, list(study.key.labels)
    rows = [
        Rating(rater=each.judge, item=each.item, unit=key.problems[each.item], model=key.answers[each.order],
               criterion=name, score=score)
        for each in latest for name, score in each.scores.items() if score is not None and name in names
    ]  # fmt: skip
    seed = study.design.seed
    found = [_row(name, each) for name, each in agreements(rows, names, seed).items()]
    warnings = [
        f"{each['metric']}: nearly all ratings are equal, so alpha says little; look at exact agreement"
        for each in found if each["alpha"] is not None and each["commonest"] >= 0.9
    ]  # fmt: skip
    flagged = set(key.flagged)
    named = sum(ids[0] in flagged for ids in study.answer_ids)
    rated = {each.item for each in rows}
    unknown = sum(score is None for each in latest for score in each.scores.values())
    return {
        "items": {"n": len(study), "judged": len(rated), "decided": None, "tied": None, "identical": 0,
                  "flagged": named, "votes": len(rows), "cannot_tell": unknown},
        "comparisons": [], "strengths": [], "position": None, "length": None, "strata": [],
        "ratings": summarize(rows, names, models, seed), "agreement": found,
        "judges": _judges(latest), "model_judges": [], "warnings": warnings,
    }  # fmt: skip


def of_votes(
    votes: Sequence[PairVote], name: str, look: ResultOptions = ResultOptions(), seed: int = 0
) -> dict[str, Any]:
    """The same record for votes of another arena, which has no study: one item for each question."""
    models = list(dict.fromkeys(each for vote in votes for each in (vote.first, vote.second)))
    items = comparisons.items_of(votes, [], models)
    every = [each for pair in items.values() for each in pair.values()]
    decided = sum(each.majority in (comparisons.WIN, comparisons.LOSS) for each in every)
    made = {
        "study": name, "kind": AB, "signature": f"ab|votes:{len(votes)}|file:{name}|kind:people", "design": None,
        "models": [{"label": each} for each in models], "closed": True, "task": None, "data": name,
        "items": {"n": len({each.unit for each in votes}), "judged": len(every), "decided": decided,
                  "tied": len(every) - decided, "identical": 0, "flagged": 0, "votes": len(votes)},
        **_compared(votes, [], models, seed, look),
        "position": {**comparisons.sided(votes, "first"), "judges": []}, "length": None, "strata": [], "ratings": None,
        "agreement": [_row("votes", vote_agreement(votes, seed))], "judges": [], "model_judges": [],
        "without_flagged": None, "without_failed": None, "peeks": 0,
    }  # fmt: skip
    made["warnings"] = _warnings(made)
    return made


__all__ = ["ResultOptions", "close", "equal_pairs", "of_votes", "pair_votes", "peeked", "results", "vote_agreement"]
