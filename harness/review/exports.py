"""Studies as other tools' files, and arena votes read: csv, jsonl, arena, inspect, dpo.

Exports name models, so the study must be closed (or be looked at, which is counted).
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import InputError, ProblemError
from harness.files.jsonl import read_json_lines
from harness.review.comparisons import LOSS, WIN, PairVote, items_of
from harness.review.results import equal_pairs, pair_votes, peeked
from harness.review.sheets import harmless
from harness.review.study import AB, VOTES, Study
from harness.review.votes import Vote, Votes

ARENA_WINNERS = {"model_a": "first", "model_b": "second", "tie": "tie", "tie (bothbad)": "bad", "both_bad": "bad"}


def export(study: Study, format_: str, *, peek: bool = False) -> tuple[str, list[str]]:
    """The text of a file, and what to know about it. Raises InputError: unknown format, open study, wrong kind."""
    if format_ not in FORMATS:
        raise InputError(f"unknown format {format_!r}; known: {', '.join(FORMATS)}")
    with Votes(study.path / VOTES) as votes:
        if not votes.looks("close"):
            if not peek:
                raise InputError(
                    f"the study is open, and an export names models: close it first (harness review close {study.path})"
                )
            votes.look("peek", time.time())
        latest = [each for each in votes.latest() if not each.task.startswith("practice") and not each.check]
        looked = peeked(len(votes.looks("peek")))
    text, notes = FORMATS[format_](study, latest)
    return text, [*notes, *looked]


def _rows(study: Study, latest: list[Vote]) -> Iterator[dict[str, Any]]:
    """One row for each vote, or for each score of a rating."""
    key = study.key
    for vote in latest:
        taken = None if vote.shown_at is None else round(max(0.0, vote.answered_at - vote.shown_at), 3)
        common = {"item": vote.item, "problem": key.problems[vote.item], "judge": vote.judge}
        if study.kind == AB:
            first, _, second = vote.order.partition(",")
            names = {"first": key.answers[first], "second": key.answers[second]}
            winner = names.get(vote.choice or "", vote.choice)
            yield {**common, **names, "choice": vote.choice, "winner": winner, "note": vote.note, "seconds": taken}
        else:
            for name, score in vote.scores.items():
                said = "cannot tell" if score is None else score
                yield {**common, "model": key.answers[vote.order], "criterion": name, "score": said, "note": vote.note}


def _csv(study: Study, latest: list[Vote]) -> tuple[str, list[str]]:
    rows = list(_rows(study, latest))
    out = io.StringIO()
    if rows:
        writer = csv.writer(out)
        writer.writerow(rows[0])
        for row in rows:
            writer.writerow([harmless(value) if isinstance(value, str) else value for value in row.values()])
    return out.getvalue(), []


def _jsonl(study: Study, latest: list[Vote]) -> tuple[str, list[str]]:
    return _lines(_rows(study, latest)), []


def _arena(study: Study, latest: list[Vote]) -> tuple[str, list[str]]:
    """Rows of Chatbot Arena's published votes."""
    _need_pairs(study, "arena")
    key = study.key
    winners = {"first": "model_a", "second": "model_b", "tie": "tie", "bad": "tie (bothbad)"}
    rows = []
    for vote in latest:
        first, _, second = vote.order.partition(",")
        rows.append({
            "question_id": key.problems[vote.item], "model_a": key.answers[first], "model_b": key.answers[second],
            "winner": winners[vote.choice or "tie"], "judge": vote.judge, "turn": 1, "language": "unknown",
            "tstamp": vote.answered_at,
        })  # fmt: skip
    return _lines(iter(rows)), []


def _inspect(study: Study, latest: list[Vote]) -> tuple[str, list[str]]:
    """Records of Inspect's `precomputed_scores`: id and value. One for each problem; of several models the first."""
    key, model = study.key, next(iter(study.key.labels))
    notes = [f"values are of {model}"] if len(key.labels) > 1 else []
    if study.kind == AB:
        items = items_of(pair_votes(study, latest), equal_pairs(study), list(key.labels))
        values: dict[str, list[float]] = {}
        for pair, every in items.items():
            if model in pair:
                for unit, each in every.items():
                    values.setdefault(unit, []).append(each.value if pair[0] == model else 1 - each.value)
        rows: list[dict[str, Any]] = [{"id": unit, "value": sum(each) / len(each)} for unit, each in values.items()]
    else:
        scores: dict[str, dict[str, list[int]]] = {}
        for vote in latest:
            if key.answers[vote.order] == model:
                for name, score in vote.scores.items():
                    if score is not None:
                        scores.setdefault(key.problems[vote.item], {}).setdefault(name, []).append(score)
        rows = [
            {"id": unit, "value": {name: sum(all_) / len(all_) for name, all_ in each.items()}}
            for unit, each in scores.items()
        ]
    return _lines(iter(rows)), notes


def _dpo(study: Study, latest: list[Vote]) -> tuple[str, list[str]]:
    """Preference pairs for training: prompt, chosen, rejected, by the majority of each item; ties are left out."""
    _need_pairs(study, "dpo")
    key = study.key
    texts = {
        (key.problems[number], key.answers[answer.id]): answer.text
        for number in range(1, len(study) + 1)
        for answer in study.item(number).answers
    }
    prompts = {key.problems[number]: study.item(number).prompt for number in range(1, len(study) + 1)}
    rows, ties = [], 0
    for (a, b), every in items_of(pair_votes(study, latest), equal_pairs(study), list(key.labels)).items():
        for unit, each in every.items():
            if each.majority not in (WIN, LOSS):
                ties += 1
                continue
            chosen, rejected = (a, b) if each.majority == WIN else (b, a)
            rows.append({"prompt": prompts[unit], "chosen": texts[unit, chosen], "rejected": texts[unit, rejected]})
    return _lines(iter(rows)), [f"{ties} items without a preference are left out"] if ties else []


def _need_pairs(study: Study, format_: str) -> None:
    if study.kind != AB:
        raise InputError(
            f"{format_} holds preferences between two answers; this is a study of ratings: use csv or jsonl"
        )


def _lines(rows: Iterator[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_arena(path: Path) -> list[PairVote]:
    """Votes of a file of arena rows; the question is the item. Raises InputError: file and line."""
    found = []
    try:
        for number, row, _ in read_json_lines(path):
            where = f"{path}, line {number}"
            missing = [name for name in ("model_a", "model_b", "winner") if not isinstance(row.get(name), str)]
            if missing:
                raise InputError(f"{where}: {', '.join(missing)} is missing; arena votes have model_a, model_b, winner")
            if row["winner"] not in ARENA_WINNERS:
                raise InputError(f"{where}: the winner is {row['winner']!r}; known: {', '.join(ARENA_WINNERS)}")
            if row["model_a"] == row["model_b"]:
                raise InputError(f"{where}: model_a and model_b are both {row['model_a']}")
            found.append(
                PairVote(
                    judge=str(row.get("judge") or row.get("judge_id") or f"vote {number}"),
                    unit=str(row.get("question_id") or f"line {number}"), first=row["model_a"], second=row["model_b"],
                    choice=ARENA_WINNERS[row["winner"]],
                )
            )  # fmt: skip
    except ProblemError as error:
        raise InputError(str(error)) from error
    if not found:
        raise InputError(f"{path} holds no votes")
    return found


FORMATS: dict[str, Callable[[Study, list[Vote]], tuple[str, list[str]]]] = {
    "csv": _csv, "jsonl": _jsonl, "arena": _arena, "inspect": _inspect, "dpo": _dpo,
}  # fmt: skip
