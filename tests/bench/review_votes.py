"""`harness review serve` beside a bare route that commits one insert, in pairs of one run; and Davidson beside choix.

    python -m tests.bench.review_votes --rounds 3
    python -m tests.bench.review_votes --davidson          20 models, 100,000 votes, resamples, beside choix.ilsr_pairwise

Votes: 20 judges at once, 50 votes each, as fast as they are answered; each server is a process of its own with one
SQLite file (WAL, synchronous FULL). The bare route is what starlette and one committed insert cost without leases,
progress or the next tasks. Pace: the same judges at a vote a second each, and one judge alone: p95 of both.
Davidson: `choix` has no ties, so each is split into half a win each way, which is the nearest it comes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from harness.metrics.preference import davidson_resamples
from harness.review.study import Study
from tests.fixtures.review import make_study
from tests.fixtures.servers import closed_port

JUDGES, VOTES = 20, 50
BARE = """
import sqlite3, sys, threading, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
db = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE votes (id INTEGER PRIMARY KEY, client_id TEXT UNIQUE, task TEXT, choice TEXT)")
lock = threading.Lock()
async def vote(request):
    body = await request.json()
    with lock:
        db.execute("INSERT INTO votes (client_id, task, choice) VALUES (?, ?, ?)", (body["client_id"], body["task"], body["choice"]))
    return JSONResponse({"client_id": body["client_id"], "next": []})
async def state(request):
    return JSONResponse({"next": []})
app = Starlette(routes=[Route("/j/{token}/votes", vote, methods=["POST"]), Route("/j/{token}/state", state)])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


class Judge:
    """A judge on one kept-open connection."""

    def __init__(self, port: int, name: str, token: str) -> None:
        self._line, self._base, self._name = (
            http.client.HTTPConnection("127.0.0.1", port, timeout=60),
            f"/j/{token}",
            name,
        )

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body)
        self._line.request(
            "GET" if data is None else "POST", f"{self._base}/{path}", data, {"Content-Type": "application/json"}
        )
        reply = self._line.getresponse()
        text = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"status {reply.status}: {text[:200]!r}")
        return json.loads(text)

    def work(self, votes: int, pause_s: float = 0.0) -> list[float]:
        """Seconds of each vote."""
        queue, taken = self.ask("state")["next"], []
        for number in range(votes):
            task = queue[0]["task"] if queue else "task"
            body = {
                "client_id": f"{self._name}-{number:06}",
                "task": task,
                "choice": "first",
                "seconds": 1.0,
                "ahead": 4,
            }
            begun = time.perf_counter()
            queue = self.ask("votes", body)["next"]
            taken.append(time.perf_counter() - begun)
            time.sleep(max(0.0, pause_s - taken[-1]))
        return taken


@contextmanager
def process(*command: str, port: int) -> Iterator[None]:
    """A server that answers, ended with the block."""
    server = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/")
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        server.kill()
        server.wait()


def together(port: int, tokens: dict[str, str], votes: int, pause_s: float = 0.0) -> tuple[float, list[float]]:
    """Votes per second of all judges, and the seconds of each vote."""
    judges = [Judge(port, name, token) for name, token in tokens.items()]
    with ThreadPoolExecutor(len(judges)) as pool:
        begun = time.perf_counter()
        taken = [each for one in pool.map(lambda judge: judge.work(votes, pause_s), judges) for each in one]
        return len(taken) / (time.perf_counter() - begun), taken


def tokens_of(study: Study) -> dict[str, str]:
    return {name: study.key.token(name) for name in study.design.judges}


def ours(folder: Path, judges: int, votes: int, pause_s: float = 0.0) -> tuple[float, list[float]]:
    study = make_study(folder, items=votes + 10, judges=str(judges), samples=votes + 10)
    port = closed_port()
    with process("-m", "harness", "review", "serve", str(study.path), "--port", str(port), port=port):
        return together(port, tokens_of(study), votes, pause_s)


def bare(folder: Path, judges: int, votes: int) -> tuple[float, list[float]]:
    (folder / "bare.py").write_text(BARE)
    port = closed_port()
    with process(str(folder / "bare.py"), str(folder / "bare.sqlite"), str(port), port=port):
        return together(port, {f"judge{n:02}": f"{n:032}" for n in range(judges)}, votes)


def p95(taken: list[float]) -> float:
    return float(np.quantile(taken, 0.95))


def measure_votes(rounds: int) -> None:
    """Pairs of one run, and their ratios."""
    ratios = []
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            (mine, _), (theirs, _) = ours(Path(one), JUDGES, VOTES), bare(Path(other), JUDGES, VOTES)
        ratios.append(mine / theirs)
        print(
            f"round {number}: ours {mine:.0f} votes/s, a bare committed insert {theirs:.0f}, ratio {ratios[-1]:.2f}",
            flush=True,
        )
    print(f"median ratio {statistics.median(ratios):.2f} (goal 0.5)")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        alone, many = p95(ours(Path(one), 1, 20, 1.0)[1]), p95(ours(Path(other), JUDGES, 20, 1.0)[1])
    print(
        f"a vote a second each: p95 {1000 * many:.1f} ms with {JUDGES} judges, {1000 * alone:.1f} ms with one, ratio {many / alone:.1f} (goal 3)"
    )


def measure_davidson(resamples: int = 100, votes: int = 100_000, models: int = 20) -> None:
    """Fits of resampled votes, all at once, beside one choix fit each."""
    import choix

    rng = np.random.default_rng(0)
    strength = rng.normal(0, 0.7, models)
    pairs = rng.integers(0, models, (votes, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    chance = 1 / (1 + np.exp(strength[pairs[:, 1]] - strength[pairs[:, 0]]))
    outcome = np.where(rng.random(len(pairs)) < 0.15, 2, np.where(rng.random(len(pairs)) < chance, 0, 1))
    counts = np.zeros((models, models, 3))
    np.add.at(counts, (pairs[:, 0], pairs[:, 1], outcome), 1)
    draws = rng.multinomial(len(pairs), (counts / counts.sum()).ravel(), size=resamples).reshape(-1, *counts.shape)
    begun = time.perf_counter()
    found = davidson_resamples(draws.astype(float))
    mine = (time.perf_counter() - begun) / resamples
    taken = []
    for number in range(3):
        wins = draws[number, ..., 0] + draws[number, ..., 1].T + (draws[number, ..., 2] + draws[number, ..., 2].T) / 2
        data = [(i, j) for i in range(models) for j in range(models) for _ in range(round(wins[i, j]))]
        begun = time.perf_counter()
        theirs = choix.ilsr_pairwise(models, data)
        taken.append(time.perf_counter() - begun)
        close = float(np.corrcoef(theirs, found[number])[0, 1])
    print(f"{resamples} resamples of {votes:,} votes, {models} models: {1000 * mine:.1f} ms a fit, choix {1000 * statistics.median(taken):.0f} ms, "
          f"ratio {statistics.median(taken) / mine:.0f} (goal 10); correlation of the last {close:.4f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--davidson", action="store_true")
    asked = parser.parse_args()
    measure_davidson() if asked.davidson else measure_votes(asked.rounds)


if __name__ == "__main__":
    main()
