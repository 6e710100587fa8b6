"""The site on loopback, built again while runs go on.

Theory of operation. The server's own threads only hand out files of the site's folder. One more thread looks at the
results folder every POLL_S seconds: where a name, size or time of an ended run's files differs it builds the site anew
and tells every page that listens to /events (server-sent events), which then load themselves again. Runs under way
change all the time, and are in no table: of them it only counts lines, and pages fetch that one part from /progress.
A build that fails leaves the pages as they are; its message goes to the terminal, and the next change is tried again.
Only requests that name loopback as their host are answered, so that no other site's script can read the pages by a name
that it controls.
"""

from __future__ import annotations

import functools
import http.server
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.datasets import ProblemSets
from harness.errors import HarnessError, InputError
from harness.leaderboard import site
from harness.leaderboard.pace import Paces
from harness.leaderboard.pages import Pages, SiteText
from harness.leaderboard.results import read_results, read_under_way
from harness.leaderboard.studies import RESULTS, STUDY
from harness.leaderboard.tables import make_tables
from harness.runs.layout import COMPLETIONS, EXECUTIONS, MANIFEST, SCORES, SUMMARY

HOST = "127.0.0.1"
POLL_S = 1.0
BEAT_S = 15.0  # a comment on idle event streams, so that those of closed pages end
_WATCHED = {MANIFEST, SUMMARY, COMPLETIONS, EXECUTIONS, SCORES, STUDY, RESULTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What there was to tell the pages so far. builds: of the site; beats: of the runs under way."""

    builds: int
    beats: int


class Server:
    """An open server: see the theory of operation above. Leaving the context closes it; the site's folder stays."""

    def __init__(self, results: Path, sets: ProblemSets, out: Path, port: int, text: SiteText) -> None:
        self._results, self._out = results, out
        self._sets, self._pages = sets, Pages(sets, live=True, text=text)
        self._changed = threading.Condition()  # protects _news and _progress
        self._news = News(builds=0, beats=0)
        self._progress = ""
        self._paces = Paces()
        self._stop = threading.Event()
        handler = functools.partial(_Handler, self, directory=str(out))
        try:
            self._http = http.server.ThreadingHTTPServer((HOST, port), handler)
        except OSError as error:
            raise InputError(f"port {port} cannot be used: {error.strerror}; choose another with --port") from error
        self._http.daemon_threads = True
        self.port: int = self._http.server_address[1]
        self.url = f"http://{HOST}:{self.port}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._http.server_close()

    def serve(self, tell: Callable[[str], None]) -> None:
        """Answer until `shutdown`, or Ctrl-C; what a build left out, or failed at, goes to `tell`."""
        state = self.state()
        self.build(tell)
        self.look()
        watcher = threading.Thread(target=self._watch, args=(state, tell), daemon=True)
        watcher.start()
        self._http.serve_forever(poll_interval=0.2)

    def shutdown(self) -> None:
        """End `serve`, from another thread."""
        self._stop.set()
        self._http.shutdown()

    def build(self, tell: Callable[[str], None]) -> None:
        """Bring the site up to date, and tell the pages."""
        records = read_results(self._results, self._sets, may_be_empty=True)
        for each in records.left_out:
            if not each.under_way:
                tell(f"left out: {each.name}: {each.reason}")
        site.build_site(make_tables(records.runs), records, self._pages, self._out)
        with self._changed:
            self._news = replace(self._news, builds=self._news.builds + 1)
            self._changed.notify_all()

    def look(self) -> None:
        """Count how far the runs under way are, and tell the pages where that is news."""
        runs = read_under_way(self._results, self._sets)
        html = self._pages.under_way(runs, self._paces.note(runs, time.monotonic()))
        with self._changed:
            if html != self._progress:
                self._progress = html
                self._news = replace(self._news, beats=self._news.beats + 1)
                self._changed.notify_all()

    @property
    def progress(self) -> str:
        """The part of the first page on runs under way."""
        with self._changed:
            return self._progress

    def wait(self, seen: News | None, timeout_s: float) -> News:
        """What there was to tell so far, as soon as it is more than `seen`, or after the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: self._news != seen or self._stop.is_set(), timeout_s)
            return self._news

    @property
    def stopped(self) -> bool:
        """Whether the server is to end."""
        return self._stop.is_set()

    def state(self) -> frozenset[tuple[str, int, int]]:
        """What tells whether the results changed: path, size and time of every file that a build reads.

        Of a run under way only that it is there: its files grow all the time, and no table holds it.
        """
        found = set()
        for place, _, files in os.walk(self._results):
            if MANIFEST in files and SUMMARY not in files:
                found.add((str(Path(place, MANIFEST)), 0, 0))
                continue
            for name in _WATCHED.intersection(files):
                path = Path(place, name)
                try:
                    stat = path.stat()
                except OSError:
                    continue  # replaced or removed this moment: the next look sees it
                found.add((str(path), stat.st_size, stat.st_mtime_ns))
        return frozenset(found)

    def _watch(self, state: frozenset[tuple[str, int, int]], tell: Callable[[str], None]) -> None:
        while not self._stop.wait(POLL_S):
            now = self.state()
            try:
                self.look()
                if now != state:
                    state = now
                    self.build(tell)
            except (HarnessError, OSError) as error:  # a run may vanish while it is read
                tell(str(error))


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Files of the site's folder, and /events."""

    def __init__(self, server: Server, *arguments: Any, directory: str) -> None:
        self._server = server
        super().__init__(*arguments, directory=directory)

    def do_GET(self) -> None:
        if self.headers.get("Host") not in (f"{HOST}:{self._server.port}", f"localhost:{self._server.port}"):
            self.send_error(403, "this server answers to loopback only")
        elif self.path == "/events":
            self._events()
        elif self.path == "/progress":
            self._part(self._server.progress.encode())
        else:
            super().do_GET()

    def do_HEAD(self) -> None:
        self.send_error(405)

    def _part(self, html: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(html)))
        self.end_headers()
        self.wfile.write(html)

    def _events(self) -> None:
        seen = self._server.wait(None, 0)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while not self._server.stopped:
                news = self._server.wait(seen, BEAT_S)
                name = "built" if news.builds != seen.builds else "progress" if news != seen else None
                self.wfile.write(f"event: {name}\ndata:\n\n".encode() if name else b": still here\n\n")
                self.wfile.flush()
                seen = news
        except OSError:
            pass  # the page was closed

    def list_directory(self, path: str | os.PathLike[str]) -> None:  # noqa: ARG002 - as the standard library has it
        """No listings: the site has pages for all there is."""
        self.send_error(404)

    def send_head(self) -> Any:
        """Pages only, not the build's memory."""
        if "/." in self.path:
            self.send_error(404)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing: requests are no news."""


def open_server(results: Path, sets: ProblemSets, out: Path, port: int, text: SiteText = SiteText()) -> Server:
    """A server for the runs below `results`. Raises InputError where there is no such folder, or the port is taken."""
    if not results.is_dir():
        raise InputError(f"{results} is not a folder; give the one that `harness run --results` fills")
    return Server(results, sets, out, port, text)
