"""The study over HTTP: a page for each judge and one for the owner, over one SQLite file.

Theory of operation. A judge is known by a 128-bit token in the link; the file of votes keeps its digest only. The page
asks for the next tasks and holds a few ahead, so that it goes on for a while without a network; votes wait in the
browser and are sent once, each with an id of its own. A vote is answered after its commit. What is sent of a task is
the same for every pair of answers: prompt, expected answer, two texts; its name is a keyed digest of one length. There
are no validators and no times of files in any header. Requests that name a host that was not allowed are refused, so
that no other site's script can read the pages by a name that it controls.
"""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Annotated, Any, Self

import fastapi
import uvicorn
from fastapi.responses import HTMLResponse, JSONResponse, Response
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field

from harness import __version__
from harness.errors import InputError
from harness.html.environment import TEMPLATES as SHARED
from harness.html.environment import make_environment, make_policy
from harness.review import practice
from harness.review.assignments import TaskAssigner
from harness.review.form import TEMPLATES, shown_html, styles
from harness.review.report import render_report
from harness.review.results import ResultOptions, results
from harness.review.study import AB, PICTURES, VOTES, Study
from harness.review.votes import Lease, Vote, Votes

AHEAD = 4  # tasks that a page holds
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}  # fmt: skip
MOST_NOTE = 4000


class VoteBody(BaseModel):
    """What a page sends. seconds: for how long the task was shown."""

    model_config = ConfigDict(extra="forbid")

    client_id: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
    task: Annotated[str, Field(max_length=32)]
    choice: Annotated[str | None, Field(pattern=r"^(first|second|tie|bad)$")] = None
    scores: Annotated[dict[str, int | None], Field(max_length=50)] = {}
    note: Annotated[str, Field(max_length=MOST_NOTE)] = ""
    seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    ahead: Annotated[int, Field(ge=0, le=20)] = AHEAD


class StudyView:
    """The study as requests see it."""

    def __init__(self, study: Study) -> None:
        self.study, self.desk = study, TaskAssigner(study)
        self.names = self.desk.votes.judges()
        self.owner = hashlib.sha256(study.key.token("").encode()).hexdigest()
        self._environment = make_environment(TEMPLATES, SHARED)
        self._style = styles("review.css", "vote.css")
        self._script = (TEMPLATES / "vote.js").read_text("utf-8")
        self.policy = make_policy(self._style, [self._script], connects=True) + "; img-src 'self'"
        self._page = self._render()

    def judge(self, token: str) -> str:
        """Whose link it is. Raises 404, as for every other address."""
        name = self.names.get(hashlib.sha256(token.encode("utf-8", "replace")).hexdigest())
        if name is None:
            raise fastapi.HTTPException(404)
        return name

    def page(self) -> str:
        """The judge's page: the same bytes for all judges and all items."""
        return self._page

    def _render(self) -> str:
        design = self.study.design
        return self._environment.get_template("vote.html.j2").render(
            policy=self.policy, style=Markup(self._style), scripts=[Markup(self._script)], version=__version__,
            design=design, ab=self.study.kind == AB,
            practice=practice.items(both_bad=design.both_bad) if self.study.kind == AB else (),
        )  # fmt: skip

    def state(self, judge: str, leases: Sequence[Lease]) -> dict[str, Any]:
        """Progress, and what comes next."""
        history = self.desk.history(judge)
        taken = sorted(each.answered_at - each.shown_at for each in history if each.shown_at is not None)
        total = self.desk.total(judge)
        done = self.desk.done(judge)
        pace = taken[len(taken) // 2] if taken else None
        return {
            "done": done, "total": max(total, done), "closed": self.desk.closed,
            "minutes_left": None if pace is None else round(max(0, total - done) * min(pace, 300.0) / 60, 1),
            "next": [self.task(each) for each in leases],
        }  # fmt: skip

    def task(self, lease: Lease) -> dict[str, Any]:
        """What is sent of a task: the same keys in the same order, whatever it is."""
        item, answers = self.desk.item(lease)
        language, expected = item.answers[0].language, self.study.design.show_expected
        return {
            "task": lease.token,
            "prompt": shown_html(item.prompt, language),
            "expected": shown_html(item.expected, language) if expected and item.expected else None,
            "answers": [
                {
                    "html": shown_html(each.text, language) if each.image is None else "",
                    "picture": each.image is not None,
                }
                for each in answers
            ],
        }

    def earlier(self, judge: str) -> list[dict[str, Any]]:
        """What this judge voted, for undo on any device."""
        found = []
        tokens = {each.task: each.token for each in self.desk.votes.leases() if each.judge == judge}
        for vote in self.desk.history(judge):
            if vote.task in tokens:
                found.append(
                    {"task": tokens[vote.task], "choice": vote.choice, "scores": dict(vote.scores), "note": vote.note}
                )
        return found

    def take(self, judge: str, body: VoteBody) -> list[Lease]:
        """Commit a vote. Raises 409 for a closed study, 422 for what is not a vote."""
        try:
            lease = self.desk.lease(judge, body.task)
        except InputError as error:
            raise fastapi.HTTPException(422, str(error)) from error
        self._check(body)
        now = time.time()
        vote = Vote(
            client_id=f"{hashlib.sha256(judge.encode()).hexdigest()[:8]}-{body.client_id}", judge=judge,
            item=lease.item, task=lease.task, order=lease.order, choice=body.choice, scores=body.scores, note=body.note,
            check=lease.check, shown_at=now - body.seconds, answered_at=now, served_by="page",
        )  # fmt: skip
        try:
            return self.desk.vote(vote, body.ahead)
        except InputError as error:
            raise fastapi.HTTPException(409, str(error)) from error

    def _check(self, body: VoteBody) -> None:
        names = {each.name for each in self.study.design.criteria}
        if self.study.kind == AB:
            bad = body.choice is None or body.scores or (body.choice == "bad" and not self.study.design.both_bad)
        else:
            values = body.scores.values()
            bad = body.choice is not None or not names.issuperset(body.scores) or not body.scores
            bad = bad or any(each is not None and not 1 <= each <= 5 for each in values)
        if bad:
            raise fastapi.HTTPException(422, "this is not a vote of this study")

    def progress(self) -> list[dict[str, Any]]:
        """For the owner: how far each judge is, never who leads."""
        rows = []
        for name in self.study.design.judges:
            mine = self.desk.history(name)
            last = max((each.answered_at for each in mine), default=None)
            rows.append({
                "judge": name, "done": self.desk.done(name), "total": self.desk.total(name),
                "last": None if last is None else time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(last)),
                "notes": sum(bool(each.note) for each in mine),
            })  # fmt: skip
        return rows

    def owner_page(self) -> str:
        """Progress; after closing the result."""
        if self.desk.closed:
            return render_report(results(self.study, ResultOptions(within=True)))
        style = styles("review.css", "report.css")
        return self._environment.get_template("owner.html.j2").render(
            policy=make_policy(style), style=Markup(style), scripts=[], version=__version__, rows=self.progress(),
            study=self.study.path.resolve().name, items=len(self.study), signature=self.study.record.signature,
        )  # fmt: skip


def make_app(study: Study, hosts: Sequence[str]) -> fastapi.FastAPI:
    """The application. hosts: the names by which it may be asked."""
    served = StudyView(study)
    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    allowed = {each.lower() for each in hosts}

    @app.middleware("http")
    async def guard(request: fastapi.Request, call_next: Any) -> Response:
        if _host(request.headers.get("host", "")) not in allowed:
            return JSONResponse({"detail": "this host is not allowed"}, 403, HEADERS)
        response: Response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(404)
    async def nothing(request: fastapi.Request, error: Exception) -> Response:  # noqa: ARG001 - starlette's signature
        return JSONResponse({"detail": "there is nothing here"}, 404)

    @app.get("/favicon.ico")  # every browser asks for one
    def icon() -> Response:
        return Response(status_code=204)

    app.include_router(_judge_routes(served))
    app.include_router(_owner_routes(served))
    app.state.served = served
    return app


def _judge_routes(served: StudyView) -> fastapi.APIRouter:
    """What a judge's page asks for."""
    routes = fastapi.APIRouter()

    @routes.get("/j/{token}")
    def page(token: str) -> Response:
        served.judge(token)
        return HTMLResponse(
            served.page(), headers={"Content-Security-Policy": f"{served.policy}; frame-ancestors 'none'"}
        )

    @routes.get("/j/{token}/state")
    def state(token: str) -> Response:
        name = served.judge(token)
        return JSONResponse({**served.state(name, served.desk.next(name, AHEAD)), "earlier": served.earlier(name)})

    @routes.get("/j/{token}/task/{task}")
    def one(token: str, task: str) -> Response:
        return JSONResponse(served.task(_lease(served, served.judge(token), task)))

    @routes.get("/j/{token}/picture/{task}/{side}")
    def picture(token: str, task: str, side: int) -> Response:
        _, answers = served.desk.item(_lease(served, served.judge(token), task))
        image = answers[side].image if 0 <= side < len(answers) else None
        if image is None:
            raise fastapi.HTTPException(404)
        return Response((served.study.path / PICTURES / image).read_bytes(), media_type="image/png")

    @routes.post("/j/{token}/votes")
    def votes(token: str, body: VoteBody) -> Response:
        name = served.judge(token)
        return JSONResponse({"client_id": body.client_id, **served.state(name, served.take(name, body))})

    return routes


def _owner_routes(served: StudyView) -> fastapi.APIRouter:
    """The owner's page."""
    routes = fastapi.APIRouter()

    @routes.get("/o/{token}")
    def owner(token: str) -> Response:
        if hashlib.sha256(token.encode("utf-8", "replace")).hexdigest() != served.owner:
            raise fastapi.HTTPException(404)
        return HTMLResponse(served.owner_page())

    return routes


def _lease(served: StudyView, judge: str, task: str) -> Lease:
    try:
        return served.desk.lease(judge, task)
    except InputError as error:
        raise fastapi.HTTPException(404) from error


def _host(header: str) -> str:
    """The name in a Host header, without its port."""
    text = header.strip().lower()
    return text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]


class StudyServer:
    """An open port with the study behind it. Leaving the context closes both; the votes stay."""

    def __init__(self, study: Study, host: str, port: int, names: Sequence[str]) -> None:
        self.study = study
        self._names = [*names] if names else [host]
        hosts = {*self._names, *(LOOPBACK if _is_loopback(host) else ())}
        self._app = make_app(study, sorted(hosts))
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            self._socket.listen(128)
        except OSError as error:
            self._socket.close()
            raise InputError(
                f"port {port} of {host} cannot be used: {error.strerror}; choose another with --port"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            self._app, log_level="warning", access_log=False, server_header=False, date_header=False, lifespan="off",
            timeout_graceful_shutdown=3,
        )  # fmt: skip
        self.server = uvicorn.Server(config)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._app.state.served.desk.close()
        self._socket.close()

    def links(self) -> list[tuple[str, str]]:
        """(judge, address) of each judge, and of the owner."""
        name = self._names[0]
        base = f"http://{f'[{name}]' if ':' in name else name}:{self.port}"
        key = self.study.key
        found = [(each, f"{base}/j/{key.token(each)}") for each in self.study.design.judges]
        return [*found, ("(owner)", f"{base}/o/{key.token('')}")]

    def serve(self) -> None:
        """Answer until Ctrl-C."""
        try:
            self.server.run(sockets=[self._socket])
        except KeyboardInterrupt:
            pass  # uvicorn raises it again after it has ended well


def open_server(study: Study, host: str, port: int, allowed: Sequence[str]) -> StudyServer:
    """Raises InputError for a host that lets others in without --allow-host, a bad host, and a port that is taken."""
    if not _is_loopback(host) and not allowed:
        raise InputError(
            f"{host} lets others in; name the hosts that judges will type: "
            f"--allow-host {socket.gethostname() or 'judge-box.local'}"
        )
    for each in allowed:
        if not each or any(char in each for char in "/ *@") or each != each.strip():
            raise InputError(
                f"--allow-host takes a host's name as judges type it, without http:// or port, not {each!r}"
            )
    with Votes(study.path / VOTES) as votes:
        if not votes.judges():
            raise InputError(f"{study.path / VOTES} has no judges; it is not the file that this study began with")
    return StudyServer(study, host, port, [each.lower() for each in allowed])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


__all__ = ["StudyServer", "StudyView", "make_app", "open_server"]
