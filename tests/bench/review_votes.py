"""`harness review serve` beside a bare route that commits one insert, in pairs of one run; and Davidson beside choix.

    python -m tests.bench.review_votes --rounds 3
    python -m tests.bench.review_votes --label-studio /tmp/ls/bin/label-studio
    python -m tests.bench.review_votes --ready             10,000 items: seconds until it serves, and its memory
    python -m tests.bench.review_votes --davidson          20 models, 100,000 votes, resamples, beside choix.ilsr_pairwise

Votes: 20 judges at once, 50 votes each, as fast as they are answered; each server is a process of its own with one
SQLite file (WAL, synchronous FULL). The bare route is what starlette and one committed insert cost without leases,
progress or the next tasks. Pace: the same judges at a vote a second each, begun at random moments of a second, and one
judge alone: p95 of both.
Label Studio: installed by `python -m venv /tmp/ls && /tmp/ls/bin/pip install label-studio`, as `label-studio start` runs it,
on SQLite; a vote is one POST of an annotation with a token. Its first start makes its tables, which is not measured.
Davidson: `choix` has no ties, so each is split into half a win each way, which is the nearest it comes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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

    def work(self, votes: int, pause_s: float = 0.0, begin_s: float = 0.0) -> list[float]:
        """Seconds of each vote. pause_s: from one vote to the next; begin_s: until the first."""
        time.sleep(begin_s)
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
        begins = np.random.default_rng(0).uniform(0, pause_s, len(judges))  # people do not vote in step
        every = pool.map(lambda judge, begin: judge.work(votes, pause_s, begin), judges, begins)
        taken = [each for one in every for each in one]
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


PAIRWISE = """<View><Text name="prompt" value="$prompt"/><Pairwise name="better" toName="a,b"/><Text name="a" value="$a"/>
<Text name="b" value="$b"/></View>"""
TOKEN = "0123456789abcdef0123456789abcdef01234567"
QUIET = {
    "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "LATEST_VERSION_CHECK": "false", "COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
}  # fmt: skip


class Annotator:
    """Label Studio's API on one kept-open connection."""

    def __init__(self, port: int) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self, path: str, body: object = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Token {TOKEN}"}
        self._line.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers)
        reply = self._line.getresponse()
        text = reply.read()
        if reply.status >= 300:
            raise RuntimeError(f"status {reply.status}: {text[:200]!r}")
        return json.loads(text)

    def work(self, tasks: Sequence[int]) -> int:
        """Annotate tasks; how many were refused (a locked database, say)."""
        refused = 0
        for task in tasks:
            choice = {"from_name": "better", "to_name": "a", "type": "pairwise", "value": {"selected": "left"}}
            try:
                self.ask(f"/api/tasks/{task}/annotations/", {"result": [choice], "lead_time": 1.0})
            except RuntimeError:
                refused += 1
        return refused


@contextmanager
def label_studio(command: str, folder: Path) -> Iterator[int]:
    """The port of a new one, once it answers."""
    port = closed_port()
    asked = [command, "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1", "--data-dir", str(folder),
             "--username", "bench@example.com", "--password", "bench-pw-1234", "--user-token", TOKEN]  # fmt: skip
    silent = subprocess.DEVNULL
    server = subprocess.Popen(asked, env={**os.environ, **QUIET}, stdout=silent, stderr=silent, cwd=folder)
    try:
        end = time.monotonic() + 900
        while True:
            try:
                Annotator(port).ask("/api/projects")
                break
            except (OSError, RuntimeError, ValueError) as error:
                if time.monotonic() > end or server.poll() is not None:
                    raise RuntimeError(f"{command} did not come up: {error}") from error
                time.sleep(1)
        yield port
    finally:
        server.kill()
        server.wait()


def theirs(command: str, folder: Path, judges: int, votes: int) -> tuple[float, int]:
    """Annotations per second of all judges, and how many were refused."""
    with label_studio(command, folder) as port:
        owner = Annotator(port)
        project = owner.ask("/api/projects", {"title": "votes", "label_config": PAIRWISE})["id"]
        rows = [{"prompt": f"task {n}", "a": f"a {n}", "b": f"b {n}"} for n in range(votes)]
        owner.ask(f"/api/projects/{project}/import", rows)
        tasks = [each["id"] for each in owner.ask(f"/api/tasks?project={project}&page_size={votes}")["tasks"]]
        each = [Annotator(port) for _ in range(judges)]
        with ThreadPoolExecutor(judges) as pool:
            begun = time.perf_counter()
            refused = sum(pool.map(lambda judge: judge.work(tasks), each))
            taken = time.perf_counter() - begun
    return (judges * len(tasks) - refused) / taken, refused


def measure_label_studio(command: str, votes: int) -> None:
    """Ours, theirs, ours again, in one run: as many judges."""
    speeds = []
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        tempfile.TemporaryDirectory() as last,
    ):
        speeds.append(ours(Path(one), JUDGES, votes)[0])
        speed, refused = theirs(command, Path(other), JUDGES, votes)
        speeds.append(ours(Path(last), JUDGES, votes)[0])
    mine = statistics.mean(speeds)
    print(f"{JUDGES} judges x {votes} votes: ours {speeds[0]:.0f} and {speeds[1]:.0f} votes/s, label-studio {speed:.1f} "
          f"({refused} refused), ratio {mine / speed:.1f} (goal 3)")  # fmt: skip


def measure_ready(sizes: Sequence[int] = (100, 10_000)) -> None:
    """Seconds from the command to the first page, and resident memory, for studies of different sizes."""
    for items in sizes:
        with tempfile.TemporaryDirectory() as folder:
            study = make_study(Path(folder), items=items, judges="20", samples=items)
            port, begun = closed_port(), time.perf_counter()
            command = [sys.executable, "-m", "harness", "review", "serve", str(study.path), "--port", str(port)]
            server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            judge = Judge(port, "judge1", study.key.token("judge1"))
            try:
                while True:
                    try:
                        judge.ask("state")
                        break
                    except OSError:
                        judge = Judge(port, "judge1", study.key.token("judge1"))
                        time.sleep(0.02)
                ready = time.perf_counter() - begun
                first, cpu = memory(server.pid), cpu_seconds(server.pid)
                for name in study.design.judges:
                    Judge(port, name, study.key.token(name)).work(10)
                print(f"{items:,} items: first tasks after {ready:.1f} s ({cpu:.1f} s of CPU), {first:.0f} MiB, after 200 votes of 20 judges "
                      f"{memory(server.pid):.0f} MiB")  # fmt: skip
            finally:
                server.kill()
                server.wait()


def cpu_seconds(pid: int) -> float:
    """Of user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Resident MiB."""
    line = next(each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


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


def measure_pace() -> None:
    """The time of a vote where many judges vote once a second, and where one does."""
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
    found = davidson_resamples(draws.astype(float), order_effect=True)
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
    parser.add_argument("--pace", action="store_true", help="only a vote a second each")
    parser.add_argument("--votes", type=int, default=VOTES, help="of each judge, beside Label Studio")
    parser.add_argument("--label-studio", metavar="COMMAND", help="its command, in an environment of its own")
    parser.add_argument("--ready", action="store_true")
    parser.add_argument("--davidson", action="store_true")
    asked = parser.parse_args()
    if asked.label_studio:
        measure_label_studio(asked.label_studio, asked.votes)
    elif asked.ready:
        measure_ready()
    elif asked.davidson:
        measure_davidson()
    else:
        if not asked.pace:
            measure_votes(asked.rounds)
        measure_pace()


if __name__ == "__main__":
    main()
