"""What judges said: one SQLite file, append-only.

Theory of operation. WAL with `synchronous=FULL`: a commit is on the disk before anyone is told so, and a kill at any
moment loses nothing that was answered. A vote's `client_id` is made by the page and unique, so that a vote that is sent
again (a lost reply, a double click, two tabs) is answered with what is stored. Rows are never changed or removed,
triggers refuse it: a vote that is changed is another row, and the latest of a judge and a task counts. Several
processes may hold the file (a server and a terminal): each reads the rows after the last one that it has seen. One
connection serves all threads of a process behind one lock, for SQLite has one writer anyway.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.errors import InputError

BUSY_S = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS votes (
  id INTEGER PRIMARY KEY AUTOINCREMENT, client_id TEXT NOT NULL UNIQUE, judge TEXT NOT NULL, item INTEGER NOT NULL,
  task TEXT NOT NULL, "check" TEXT, "order" TEXT NOT NULL, choice TEXT, scores TEXT, note TEXT NOT NULL DEFAULT '',
  shown_at REAL, answered_at REAL NOT NULL, served_by TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS leases (
  token TEXT PRIMARY KEY, judge TEXT NOT NULL, item INTEGER NOT NULL, task TEXT NOT NULL, "check" TEXT,
  "order" TEXT NOT NULL, leased_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS judges (name TEXT PRIMARY KEY, token_sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS looks (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at REAL NOT NULL);
CREATE TRIGGER IF NOT EXISTS votes_stay BEFORE UPDATE ON votes
  BEGIN SELECT RAISE(ABORT, 'votes are never changed'); END;
CREATE TRIGGER IF NOT EXISTS votes_keep BEFORE DELETE ON votes
  BEGIN SELECT RAISE(ABORT, 'votes are never removed'); END;
CREATE TRIGGER IF NOT EXISTS looks_stay BEFORE UPDATE ON looks
  BEGIN SELECT RAISE(ABORT, 'looks are never changed'); END;
CREATE TRIGGER IF NOT EXISTS looks_keep BEFORE DELETE ON looks
  BEGIN SELECT RAISE(ABORT, 'looks are never removed'); END;
"""
_COLUMNS = 'client_id, judge, item, task, "check", "order", choice, scores, note, shown_at, answered_at, served_by'


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One row. order: answer ids as they stood, `first,second`. choice: first, second, tie or bad; None for ratings.

    scores: criterion -> 1 to 5, or None for "cannot tell". check: the kind of a check, None for the study's own items.
    shown_at, answered_at: seconds since the epoch. served_by: page, terminal or the name of an imported file.
    """

    client_id: str
    judge: str
    item: int
    task: str
    order: str
    choice: str | None = None
    scores: Mapping[str, int | None] = field(default_factory=dict)
    note: str = ""
    check: str | None = None
    shown_at: float | None = None
    answered_at: float = 0.0
    served_by: str = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A task that was handed to a judge. token: its name on the wire, the same whenever the judge is given it."""

    token: str
    judge: str
    item: int
    task: str
    order: str
    check: str | None = None
    leased_at: float = 0.0


class Votes:
    """The file, open. See the theory of operation above. Raises InputError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()  # protects the connection
        try:
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise InputError(f"{path} cannot be used: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._db.close()

    def add(self, votes: Sequence[Vote], leases: Iterable[Lease] = ()) -> None:
        """Commit votes and leases together, all or none; those that are there already change nothing."""
        rows = [_row(each) for each in votes]
        handed = [(e.token, e.judge, e.item, e.task, e.check, e.order, e.leased_at) for e in leases]
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(
                    f"INSERT INTO votes ({_COLUMNS}) VALUES ({','.join('?' * 12)}) ON CONFLICT (client_id) DO NOTHING",
                    rows,
                )
                self._db.executemany("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?)", handed)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def since(self, last: int) -> list[tuple[int, Vote]]:
        """(row number, vote) of the rows after `last`, in the order of their commits."""
        with self._lock:
            rows = self._db.execute(f"SELECT id, {_COLUMNS} FROM votes WHERE id > ? ORDER BY id", (last,)).fetchall()
        return [(row[0], _vote(row[1:])) for row in rows]

    def all(self) -> list[Vote]:
        """Every row, the changed ones too."""
        return [vote for _, vote in self.since(0)]

    def latest(self) -> list[Vote]:
        """What counts: the latest vote of each judge on each task."""
        return list({(vote.judge, vote.task): vote for vote in self.all()}.values())

    def leases(self) -> list[Lease]:
        """All that was ever handed out."""
        with self._lock:
            rows = self._db.execute(
                'SELECT token, judge, item, task, "check", "order", leased_at FROM leases'
            ).fetchall()
        names = ("token", "judge", "item", "task", "check", "order", "leased_at")
        return [Lease(**dict(zip(names, row, strict=True))) for row in rows]

    def look(self, kind: str, at: float) -> None:
        """Note that someone looked at the result (`peek`), or that the study was closed (`close`)."""
        with self._lock:
            self._db.execute("INSERT INTO looks (kind, at) VALUES (?, ?)", (kind, at))

    def looks(self, kind: str) -> list[float]:
        """When, in seconds since the epoch."""
        with self._lock:
            return [row[0] for row in self._db.execute("SELECT at FROM looks WHERE kind = ? ORDER BY id", (kind,))]

    def check_open(self) -> None:
        """Raises InputError where the study was closed."""
        closed = self.looks("close")
        if closed:
            when = time.strftime("%Y-%m-%d", time.gmtime(closed[-1]))
            raise InputError(f"the study was closed on {when}; its votes stand")

    def register(self, digests: Mapping[str, str]) -> None:
        """Keep the digest of each judge's link token."""
        with self._lock:
            self._db.executemany("INSERT OR REPLACE INTO judges VALUES (?, ?)", list(digests.items()))

    def judges(self) -> dict[str, str]:
        """Digest of a link token -> judge."""
        with self._lock:
            return {digest: name for name, digest in self._db.execute("SELECT name, token_sha256 FROM judges")}


def _row(vote: Vote) -> tuple[Any, ...]:
    scores = json.dumps(dict(vote.scores)) if vote.scores else None
    return (
        vote.client_id, vote.judge, vote.item, vote.task, vote.check, vote.order, vote.choice, scores,
        vote.note.encode("utf-8", "replace").decode(), vote.shown_at, vote.answered_at, vote.served_by,
    )  # fmt: skip


def _vote(row: Sequence[Any]) -> Vote:
    client_id, judge, item, task, check, order, choice, scores, note, shown_at, answered_at, served_by = row
    return Vote(
        client_id=client_id,
        judge=judge,
        item=item,
        task=task,
        check=check,
        order=order,
        choice=choice,
        scores=json.loads(scores) if scores else {},
        note=note,
        shown_at=shown_at,
        answered_at=answered_at,
        served_by=served_by,
    )
