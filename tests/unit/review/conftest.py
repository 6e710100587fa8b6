"""Studies made of the shipped runs and of small files, and judges that are real clients of a real server."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.review import app, pairs, sources
from harness.review.assignments import Desk
from harness.review.pairs import Asked
from harness.review.study import Study
from harness.review.votes import Lease, Vote
from tests.fixtures.problems import write_rows

SECRET = "5e" * 32  # with one secret two studies can be held against each other byte by byte
Rows = Mapping[str, str]  # problem -> answer


def answers(path: Path, texts: Rows, **fields: str | None) -> Path:
    """A file of one model's answers."""
    rows = [{"id": name, "prompt": f"task {name}", "expected": f"the answer to {name}", "generated": text, **fields}
            for name, text in texts.items()]  # fmt: skip
    write_rows(path, *rows)
    return path


def read(*paths: Path) -> list[sources.Source]:
    return [sources.read_source(path, 0, path.parent) for path in paths]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Study]:
    """make(items=20, models=2, judges="3", ...): a study of files whose answers differ between models."""

    def made(items: int = 20, models: int = 2, judges: str = "3", name: str = "study", **asked: Any) -> Study:
        paths = [answers(tmp_path / f"model-{letter}.jsonl", {f"p{n}": f"{letter * (n % 5 + 1)} {n}" for n in range(items)})
                 for letter in "abcdef"[:models]]  # fmt: skip
        given = Asked(judges=pairs.judge_names(judges), **asked)
        return pairs.make_ab(tmp_path / name, read(*paths), given, SECRET)

    return made


def vote_of(lease: Lease, choice: str, *, number: str = "0", at: float = 1000.0, seconds: float = 5.0) -> Vote:
    return Vote(
        client_id=f"{lease.token}-{number}", judge=lease.judge, item=lease.item, task=lease.task, order=lease.order,
        choice=choice, check=lease.check, shown_at=at - seconds, answered_at=at,
    )  # fmt: skip


def work(desk: Desk, judge: str, choose: Callable[[Lease], str], most: int = 10_000) -> list[Lease]:
    """Let a judge vote until nothing is left; what was handed out, in order."""
    done: list[Lease] = []
    while len(done) < most and (found := desk.next(judge, 1)):
        desk.vote(vote_of(found[0], choose(found[0])))
        done.append(found[0])
    return done


def honest(study: Study, favourite: str) -> Callable[[Lease], str]:
    """A judge who prefers one model, and answers every check right."""

    def choose(lease: Lease) -> str:
        first, _ = lease.order.split(",")
        if lease.check == "identical":
            return "tie"
        if lease.check == "reference":
            return "first" if first == "expected" else "second"
        return "first" if study.key.answers[first] == favourite else "second"

    return choose


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(port: int, path: str, body: object = None, host: str = "127.0.0.1") -> Reply:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {"Host": host, **({"Content-Type": "application/json"} if body is not None else {})}
        data = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, data, headers)
        answer = connection.getresponse()
        return Reply(answer.status, tuple(answer.getheaders()), answer.read())
    finally:
        connection.close()


@contextmanager
def serving(study: Study) -> Iterator[app.Running]:
    """The study behind a port of this machine, until the block ends."""
    with app.open_server(study, "127.0.0.1", 0, []) as running:
        thread = threading.Thread(target=running.serve, daemon=True)
        thread.start()
        try:
            end = time.monotonic() + 20
            while not running.server.started and time.monotonic() < end:
                time.sleep(0.01)
            yield running
        finally:
            running.server.should_exit = True
            thread.join(20)
