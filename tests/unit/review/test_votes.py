"""Votes are kept: sent twice they are one, the latest counts, and a kill at any moment loses none that was answered."""

from __future__ import annotations

import http.client
import random
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.review.assignments import TaskAssigner
from harness.review.results import close
from harness.review.study import VOTES, Study, open_study
from harness.review.votes import Votes
from tests.fixtures.commands import Harness
from tests.fixtures.review import ask, serving, vote_of

Make = Callable[..., Study]


def test_a_vote_that_is_sent_again_is_one_vote(make: Make) -> None:
    study = make()
    with serving(study) as running:
        base = f"/j/{study.key.token('judge1')}"
        task = ask(running.port, f"{base}/state").json()["next"][0]["task"]
        body = {"client_id": "the-same-id", "task": task, "choice": "first"}
        said = [ask(running.port, f"{base}/votes", body) for _ in range(3)]
        changed = ask(running.port, f"{base}/votes", {**body, "choice": "second"})  # a stale copy changes nothing
    assert [each.status for each in said] == [200] * 3 and changed.status == 200
    assert said[0].json()["done"] == said[2].json()["done"] == 1
    with Votes(study.path / VOTES) as votes:
        assert [each.choice for each in votes.all()] == ["first"]


def test_the_latest_vote_of_a_judge_counts_and_earlier_ones_are_kept(make: Make) -> None:
    desk = TaskAssigner(make())
    (lease,) = desk.next("judge1", 1)
    for number, choice in enumerate(("first", "tie", "second")):
        desk.vote(vote_of(lease, choice, number=str(number)))
    assert [each.choice for each in desk.votes.latest()] == ["second"]
    assert [each.choice for each in desk.votes.all()] == ["first", "tie", "second"]
    assert desk.done("judge1") == 1
    desk.close()


def test_rows_cannot_be_changed_or_removed_whoever_tries(make: Make) -> None:
    study = make()
    desk = TaskAssigner(study)
    desk.vote(vote_of(desk.next("judge1", 1)[0], "first"))
    desk.close()
    with sqlite3.connect(study.path / VOTES) as raw:
        for statement in ("UPDATE votes SET choice = 'second'", "DELETE FROM votes"):
            with pytest.raises(sqlite3.IntegrityError, match="votes are never"):
                raw.execute(statement)
    raw.close()


def test_a_closed_study_takes_no_vote_from_page_or_terminal(make: Make, harness: Harness) -> None:
    study = make()
    with serving(study) as running:
        base = f"/j/{study.key.token('judge1')}"
        first, second, *_ = ask(running.port, f"{base}/state").json()["next"]
        assert (
            ask(
                running.port, f"{base}/votes", {"client_id": "before-it", "task": first["task"], "choice": "tie"}
            ).status
            == 200
        )
        close(study)
        late = ask(running.port, f"{base}/votes", {"client_id": "after-it", "task": second["task"], "choice": "tie"})
        assert late.status == 409 and "closed" in late.json()["detail"]
        assert ask(running.port, f"{base}/state").json()["closed"]
    said = harness("review", "vote", study.path, "--judge", "judge1")
    assert said.returncode == 2 and "closed" in said.stderr
    with Votes(study.path / VOTES) as votes:
        assert len(votes.all()) == 1


def test_two_processes_on_one_study_see_each_other_s_votes(make: Make) -> None:
    study = make(items=4, checks=0.0)
    page, terminal = TaskAssigner(study), TaskAssigner(open_study(study.path))
    (lease,) = page.next("judge1", 1)
    page.vote(vote_of(lease, "first"))
    assert terminal.done("judge1") == 0 or terminal.history("judge1")
    assert lease.task not in {each.task for each in terminal.next("judge1", 9)}
    page.close(), terminal.close()


@pytest.mark.parametrize(
    "body",
    [{}, {"choice": "both"}, {"choice": None}, {"choice": "first", "scores": {"accuracy": 3}}, {"choice": "first", "seconds": -1},
     {"choice": "first", "note": "x" * 5000}, {"choice": "first", "client_id": "short"}, {"choice": "first", "more": 1},
     {"choice": "first", "task": "ffffffffffffffff"}],
    ids=str,
)  # fmt: skip
def test_what_is_no_vote_is_refused_and_nothing_is_kept(make: Make, body: dict[str, Any]) -> None:
    study = make()
    with serving(study) as running:
        base = f"/j/{study.key.token('judge1')}"
        task = ask(running.port, f"{base}/state").json()["next"][0]["task"]
        assert ask(running.port, f"{base}/votes", {"client_id": "a-good-id", "task": task, **body}).status == 422
    with Votes(study.path / VOTES) as votes:
        assert votes.all() == []


def test_links_are_hosts_and_tokens_that_were_given_and_nothing_else(make: Make) -> None:
    study = make()
    with serving(study) as running:
        token = study.key.token("judge1")
        assert ask(running.port, f"/j/{token}").status == 200
        assert ask(running.port, f"/j/{token}", host="evil.example").status == 403
        assert ask(running.port, f"/j/{token[:-1]}0").status in (200, 404)
        for path in ("/", "/docs", "/openapi.json", "/key.json", "/j/", f"/o/{token}", f"/j/{study.key.token('')}"):
            assert ask(running.port, path).status == 404, path
        owner = ask(running.port, f"/o/{study.key.token('')}")
        assert owner.status == 200 and b"judge1" in owner.body and b"model-" not in owner.body
    assert token.encode() not in (study.path / VOTES).read_bytes()


class Client(threading.Thread):
    """A judge who sends each vote until it is answered, whatever happens to the server."""

    def __init__(self, port: int, token: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port, self.base, self.stop = port, f"/j/{token}", stop
        self.answered: dict[str, str] = {}

    def run(self) -> None:
        number, queue = 0, []
        while not self.stop.is_set():
            try:
                if not queue:
                    queue = ask(self.port, f"{self.base}/state").json()["next"]
                    if not queue:
                        return
                task = queue[0]["task"]
                body = {"client_id": f"vote-{number:06}", "task": task, "choice": "first", "seconds": 1.0}
                reply = ask(self.port, f"{self.base}/votes", body)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            assert reply.status == 200, reply.body
            self.answered[f"vote-{number:06}"] = task
            number, queue = number + 1, reply.json()["next"]
            time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def kill_often(harness: Harness, study: Study, kills: int) -> list[Client]:
    """Serve a study in processes that are killed at random moments, while its judges vote to the end."""
    port, stop, draw = free_port(), threading.Event(), random.Random(7)
    clients = [Client(port, study.key.token(name), stop) for name in study.design.judges]
    for each in clients:
        each.start()
    for left in range(kills, -1, -1):
        server = harness.popen(
            "review", "serve", study.path, "--port", str(port), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert server.stdout is not None
        assert re.search("http://", server.stdout.readline()), server.communicate()
        try:
            if left:
                time.sleep(draw.uniform(0.0, 0.6))
            else:
                for each in clients:
                    each.join(240)
        finally:
            server.send_signal(signal.SIGKILL)
            server.communicate()
    stop.set()
    return clients


def check_nothing_lost(study: Study, clients: list[Client]) -> None:
    with Votes(study.path / VOTES) as votes:
        rows = votes.all()
        tasks = {lease.token: lease.task for lease in votes.leases()}
    by_judge = {name: [row for row in rows if row.judge == name] for name in study.design.judges}
    for name, client in zip(study.design.judges, clients, strict=True):
        assert not client.is_alive()
        kept = {row.client_id.partition("-")[2]: row.task for row in by_judge[name]}
        assert kept == {key: tasks[token] for key, token in client.answered.items()}
        assert len(by_judge[name]) == len(kept) == len({row.task for row in by_judge[name]})


def test_a_server_that_is_killed_between_votes_loses_and_doubles_none(make: Make, harness: Harness) -> None:
    study = make(items=60, judges="4")
    check_nothing_lost(study, kill_often(harness, study, 5))


@pytest.mark.slow
def test_fifty_kills_under_twenty_judges_lose_and_double_no_vote(make: Make, harness: Harness) -> None:
    study = make(items=200, judges="20")
    check_nothing_lost(study, kill_often(harness, study, 50))


def test_an_unknown_judge_is_told_who_there_is(make: Make, harness: Harness) -> None:
    said = harness("review", "vote", make(judges="ana,ben,cem").path, "--judge", "bob")
    assert said.returncode == 2 and 'no judge "bob"; the study has ana, ben, cem' in said.stderr


def test_votes_in_the_terminal_are_the_page_s(make: Make, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make(items=3, checks=0.0)
    said = harness("review", "vote", study.path, "--judge", "judge1", stdin="a\nw\nz\nb\nt\nq\n")
    assert said.returncode == 0, said.stderr
    desk = TaskAssigner(study)
    assert [each.choice for each in desk.votes.all()] == ["first", "second", "tie"]
    assert [each.choice for each in desk.history("judge1")] == ["second", "tie"]
    desk.close()
    assert "model-a" not in said.stdout


def test_an_unreadable_file_of_votes_is_said(make: Make) -> None:
    study = make()
    path: Path = study.path / VOTES
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(InputError, match="cannot be used"):
        Votes(path)
