"""What a judge sees next, and on which side: own order for each judge, keyed sides, leases, checks.

Sides. Tasks are ranked by a keyed draw within each pair of models, judges by another; the answer with the lower id
stands first where the two ranks have the same parity. So every judge sees each model first in half of the tasks, and
every task is seen both ways by half of the judges (even to one), and nobody without the key can foresee any of it.
Python's `hash` would change with each start, and a side by the judge alone would leave one model on one side for good.

Leases. A task that was handed out counts as taken for LEASE_S, then it is free again. Where all that is left is leased
to others it is handed out all the same, so no judge waits while work remains.

Checks. One comes among every 1/share votes, at a place that is drawn for each judge: a pair of equal answers (a tie is
right), an earlier pair with its sides swapped (ten votes later or more; the same answer is right), the reference
against another item's answer (the reference is right). A check looks like any other task. So where judges see the
expected answer there is no check with a reference: it would stand there twice.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.errors import InputError
from harness.review.blinding import shown
from harness.review.pairs import Task, expected_checks, tasks_of
from harness.review.study import AB, VOTES, Answer, Item, Study
from harness.review.votes import Lease, Vote, Votes

LEASE_S = 30 * 60
REPEAT_AFTER = 10
IDENTICAL, REPEAT, REFERENCE = "identical", "repeat", "reference"
EXPECTED = "expected"  # in place of an answer's id: the item's reference
CHOICES = ("first", "second", "tie", "bad")


@dataclass(slots=True)
class _Judge:
    """What one judge has done. seen: tasks in the order of their first vote; checks: names of checks voted on."""

    order: list[int]
    done: dict[str, Vote] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    cursor: int = 0  # all tasks before it in the order are done by this judge


class TaskAssigner:
    """The study, open for judges: hands out tasks and takes votes. Safe for several threads."""

    def __init__(self, study: Study, clock: Callable[[], float] = time.time) -> None:
        self.study, self._clock, self._key = study, clock, study.key
        self.tasks, self.ties = tasks_of(study)
        self._index = {task.name: number for number, task in enumerate(self.tasks)}
        self._lock = threading.RLock()  # protects all below
        self.votes = Votes(study.path / VOTES)
        self._sides = self._draw_sides()
        self._judges: dict[str, _Judge] = {}
        self._voters: dict[str, set[str]] = defaultdict(set)  # task -> judges who voted
        self._firsts: dict[str, Counter[str]] = defaultdict(Counter)  # task -> first answer -> votes
        self._leases: dict[str, Lease] = {}
        self._holders: dict[str, dict[str, float]] = defaultdict(dict)  # task -> judge -> when it was leased
        self._last = 0
        for lease in self.votes.leases():
            self._remember(lease)
        self._read()

    def close(self) -> None:
        """Close the file of votes."""
        self.votes.close()

    @property
    def closed(self) -> bool:
        """Whether the study was closed; its votes then stand."""
        return bool(self.votes.looks("close"))

    def total(self, judge: str) -> int:
        """How many tasks and checks this judge has before and behind, as far as can be told."""
        with self._lock:
            state = self._state(judge)
            everything = self.study.design.votes_per_item >= len(self.study.design.judges)
            mine = len(self.tasks) if everything else len(state.seen) + len(self._open(judge, state))
            return mine + max(len(state.checks), self._checks(judge, mine))

    def done(self, judge: str) -> int:
        """How many of them have a vote."""
        with self._lock:
            state = self._state(judge)
            return len(state.seen) + len(state.checks)

    def history(self, judge: str) -> list[Vote]:
        """The latest vote of each task and check, in the order of their first votes."""
        with self._lock:
            self._read()
            return list(self._state(judge).done.values())

    def lease(self, judge: str, token: str) -> Lease:
        """What a token stands for. Raises InputError where it is none of this judge's."""
        with self._lock:
            found = self._leases.get(token)
        if found is None or found.judge != judge:
            raise InputError("this task was not handed to this judge")
        return found

    def next(self, judge: str, count: int = 1) -> list[Lease]:
        """The next tasks, leased; empty where nothing is left."""
        with self._lock:
            self._read()
            found = self._upcoming(judge, count)
            fresh = [each for each in found if self._leases.get(each.token) != each]
            if fresh:
                self.votes.add([], fresh)
                for each in fresh:
                    self._remember(each)
            return found

    def vote(self, vote: Vote, count: int = 0) -> list[Lease]:
        """Commit a vote, and the leases of the next `count` tasks with it. Raises InputError for a closed study."""
        with self._lock:
            self.votes.check_open()
            self._read()
            before = self._last
            self._count(vote)
            try:
                found = self._upcoming(vote.judge, count) if count else []
                self.votes.add([vote], [each for each in found if self._leases.get(each.token) != each])
            except BaseException:
                self._forget()
                raise
            self._last = before
            for each in found:
                self._remember(each)
            self._read()
            return found

    def item(self, lease: Lease) -> tuple[Item, list[Answer]]:
        """What a judge is shown: the item, and its answers from the first side to the second."""
        item = self.study.item(lease.item)
        every = {each.id: each for each in item.answers}
        answers = []
        for part in lease.order.split(","):
            if part == EXPECTED:
                text = shown(item.expected or "")  # trimmed as every answer is
                answers.append(Answer(id=EXPECTED, text=text, language=item.answers[0].language))
            elif ":" in part:  # an answer of another item
                number, answer_id = part.split(":")
                answers.append(next(each for each in self.study.item(int(number)).answers if each.id == answer_id))
            else:
                answers.append(every[part])
        return item, answers

    def side(self, judge: str, task: Task) -> tuple[str, ...]:
        """The answers of a task in the order in which this judge sees them."""
        if len(task.answers) < 2 or (self._sides[self._index[task.name]] + self._rank(judge)) % 2 == 0:
            return task.answers
        return task.answers[::-1]

    def _draw_sides(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The rank of each task, shape (tasks,): a keyed draw, within each pair of models one after the other."""
        owners = {name: number for number, name in enumerate(self._key.labels)}
        of = self._key.answers
        pairs = [tuple(owners[of[each]] for each in task.answers) for task in self.tasks]
        drawn = self._rng("sides").permutation(len(self.tasks))
        ordered = sorted(range(len(self.tasks)), key=lambda number: (sorted(pairs[number]), int(drawn[number])))
        ranks = np.empty(len(self.tasks), dtype=np.int64)
        for rank, number in enumerate(ordered):
            turned = len(pairs[number]) == 2 and pairs[number][0] > pairs[number][1]
            ranks[number] = rank + turned  # of models, not of ids
        return ranks

    def _rank(self, judge: str) -> int:
        ranked = sorted(self.study.design.judges, key=lambda name: self._key.keyed("judge", name))
        return ranked.index(judge)

    def _rng(self, *parts: object) -> np.random.Generator:
        return np.random.default_rng(int.from_bytes(self._key.keyed(*parts)[:16], "big"))

    def _state(self, judge: str) -> _Judge:
        if judge not in self._judges:
            order = self._rng("order", judge).permutation(len(self.tasks))
            self._judges[judge] = _Judge(order=[int(each) for each in order])
        return self._judges[judge]

    def _read(self) -> None:
        for number, vote in self.votes.since(self._last):
            self._last = number
            self._count(vote)

    def _forget(self) -> None:
        """Read all anew, after a commit that failed."""
        self._judges, self._last = {}, 0
        self._voters, self._firsts = defaultdict(set), defaultdict(Counter)
        self._read()

    def _count(self, vote: Vote) -> None:
        state = self._state(vote.judge)
        name = vote.task
        if name not in state.done:
            (state.checks if vote.check else state.seen).append(name)
            if not vote.check:
                self._voters[name].add(vote.judge)
                self._firsts[name][vote.order.split(",")[0]] += 1
                self._holders[name].pop(vote.judge, None)
        state.done[name] = vote

    def _remember(self, lease: Lease) -> None:
        self._leases[lease.token] = lease
        if lease.check is None and lease.judge not in self._voters[lease.task]:
            self._holders[lease.task][lease.judge] = lease.leased_at

    def _open(self, judge: str, state: _Judge, enough: int | None = None) -> list[int]:
        """Tasks that want this judge's vote, in the judge's order; where all are leased to others, those.

        enough: how many will do, where every judge sees every task; None for all.
        """
        now, most = self._clock(), self.study.design.votes_per_item
        while state.cursor < len(state.order) and self.tasks[state.order[state.cursor]].name in state.done:
            state.cursor += 1
        everyone = most >= len(self.study.design.judges)
        free: list[int] = []
        leased: list[int] = []
        for number in state.order[state.cursor :]:
            name = self.tasks[number].name
            if name in state.done:
                continue
            if everyone:
                free.append(number)
                if len(free) == enough:
                    break
                continue
            votes = len(self._voters[name])
            held = sum(who != judge and now - at < LEASE_S for who, at in self._holders[name].items())
            if votes >= most:
                continue
            (free if votes + held < most else leased).append(number)
        return self._balanced(judge, free) if free and not everyone else free or leased

    def _balanced(self, judge: str, free: Sequence[int]) -> list[int]:
        """Tasks first on which this judge's side is not yet the more frequent one."""
        half = (self.study.design.votes_per_item + 1) // 2
        wanted: list[int] = []
        rest: list[int] = []
        for number in free:
            task = self.tasks[number]
            (wanted if self._firsts[task.name][self.side(judge, task)[0]] < half else rest).append(number)
        return wanted + rest

    def _upcoming(self, judge: str, count: int) -> list[Lease]:
        """The next tasks and checks, as if each before were done."""
        state, found = self._state(judge), list[Lease]()
        open_tasks = self._open(judge, state, count)
        seen, checks, place = list(state.seen), list(state.checks), 0
        while len(found) < count:
            due = self._checks(judge, len(seen)) > len(checks)
            lease = self._check(judge, seen, checks) if due else None
            if lease is not None:
                checks.append(lease.task)
            elif place < len(open_tasks):
                task = self.tasks[open_tasks[place]]
                place += 1
                seen.append(task.name)
                lease = self._lease(judge, task.item, task.name, self.side(judge, task), None)
            else:
                break
            found.append(lease)
        return found

    def _lease(self, judge: str, item: int, task: str, order: Sequence[str], check: str | None) -> Lease:
        token = self._key.keyed("task", judge, task).hex()[:16]
        known = self._leases.get(token)
        now = self._clock()
        if known is not None and (now - known.leased_at < LEASE_S / 2 or check):
            return known
        return Lease(token=token, judge=judge, item=item, task=task, order=",".join(order), check=check, leased_at=now)

    def _checks(self, judge: str, seen: int) -> int:
        """How many checks are due after so many tasks: one in each part of 1/share, at a drawn place of it."""
        if self.study.kind != AB:
            return 0
        share = self.study.design.checks
        past = expected_checks(seen, share)
        place = 1 - int.from_bytes(self._key.keyed("place", judge, past)[:4], "big") / 2**32  # above 0, 1 at most
        return past + (seen * share - past >= place)

    def _check(self, judge: str, seen: Sequence[str], checks: Sequence[str]) -> Lease | None:
        """The next check of a judge, None where none can be made."""
        draw = self._rng("check", judge, len(checks))
        kinds = (IDENTICAL, REPEAT, REFERENCE)
        start = (len(checks) + self._rank(judge)) % len(kinds)
        for step in range(len(kinds)):
            kind = kinds[(start + step) % len(kinds)]
            made = self._make_check(kind, judge, seen, checks, draw)
            if made is not None:
                item, order = made
                return self._lease(judge, item, f"{kind} {len(checks)} {item} {' '.join(order)}", order, kind)
        return None

    def _make_check(
        self, kind: str, judge: str, seen: Sequence[str], checks: Sequence[str], draw: np.random.Generator
    ) -> tuple[int, tuple[str, ...]] | None:
        if kind == REFERENCE and self.study.design.show_expected:
            return None
        if kind == REPEAT:
            used = {each.split(" ", 2)[2] for each in checks if each.startswith(REPEAT)}
            early = [each for each in seen[: max(0, len(seen) - REPEAT_AFTER)] if each in self._index]
            every = [self.tasks[self._index[each]] for each in early]
            fresh = [(t.item, self.side(judge, t)[::-1]) for t in every]
            fresh = [each for each in fresh if f"{each[0]} {' '.join(each[1])}" not in used]
            return fresh[int(draw.integers(len(fresh)))] if fresh else None
        number = int(draw.integers(len(self.study))) + 1
        item = self.study.item(number)
        if kind == IDENTICAL:
            answer = item.answers[int(draw.integers(len(item.answers)))]
            return number, (answer.id, answer.id)
        other = int(draw.integers(len(self.study))) + 1
        foreign = self.study.item(other).answers[int(draw.integers(len(item.answers)))]
        if (
            item.answers[0].image
            or not (item.expected or "").strip()
            or other == number
            or foreign.text.strip() == (item.expected or "").strip()
        ):
            return None
        order = (EXPECTED, f"{other}:{foreign.id}")
        return number, order if draw.integers(2) else order[::-1]


def passed(vote: Vote, earlier: Vote | None) -> bool | None:
    """Whether a check was answered right; None where there is nothing to hold it against."""
    if vote.check == IDENTICAL:
        return vote.choice in ("tie", "bad")
    if vote.check == REFERENCE:
        return preferred(vote) == EXPECTED
    return None if earlier is None else preferred(vote) == preferred(earlier)


def preferred(vote: Vote) -> str:
    """The id of the answer that was preferred, `tie` or `bad`."""
    first, _, second = vote.order.partition(",")
    return {"first": first, "second": second}.get(vote.choice or "", vote.choice or "")
