"""`--sandbox-url`: running services as a run's sandbox, to the same files as here, and what becomes of a lost one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness import api
from harness.runs import reader
from harness.scale import dispatch
from sandbox import Limits, Program, parcels
from tests.fixtures.commands import Harness
from tests.fixtures.places import ROOT
from tests.fixtures.problems import CALL, read_rows, write_rows
from tests.fixtures.processes import until
from tests.fixtures.service import Running, running

STARTER = ROOT / "problems" / "starter.jsonl"


def write_samples(path: Path, each: int) -> Path:
    """Right and wrong programs of the starter set, `each` of a problem, no two alike."""
    rows = []
    for problem in read_rows(STARTER):
        for n in range(each):
            body = problem["reference"] if n % 2 == 0 else "    return None\n"
            rows.append({"task_id": problem["id"], "completion": f"{body}# {n}\n"})
    return write_rows(path, *rows)


@pytest.fixture(scope="module")
def scored_here(harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of samples that were scored on this machine."""
    folder = tmp_path_factory.mktemp("here")
    samples = write_samples(folder / "samples.jsonl", 2)
    answer = harness("score", samples.name, "--problems", "starter", "--json", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    return folder


def score(harness: Harness, folder: Path, scored_here: Path, *urls: str) -> bytes:
    """The results file of the same samples, scored by services in another folder."""
    (folder / "samples.jsonl").write_bytes((scored_here / "samples.jsonl").read_bytes())
    answer = harness(
        "score", "samples.jsonl", "--problems", "starter", "--json", "--sandbox-url", ",".join(urls), cwd=folder
    )
    assert answer.returncode == 0, answer.stderr
    return (folder / "samples.jsonl_results.jsonl").read_bytes()


def run_of(folder: Path) -> Path:
    (run,) = (folder / "results" / "starter" / "samples").iterdir()
    return run


def test_the_results_are_those_of_this_machine(
    harness: Harness, service: Running, scored_here: Path, tmp_path: Path
) -> None:
    found = score(harness, tmp_path, scored_here, service.url)
    assert found == (scored_here / "samples.jsonl_results.jsonl").read_bytes()
    here, there = (reader.read_manifest(run_of(folder)) for folder in (scored_here, tmp_path))
    assert (there.fingerprint, there.signature) == (here.fingerprint, here.signature)
    assert service.url not in json.dumps(there.config)  # it can be gone on with on other machines


def test_a_lost_service_s_work_is_asked_of_the_others(
    harness: Harness, service: Running, scored_here: Path, tmp_path: Path
) -> None:
    with running("--no-key", "--workers", "2", cwd=tmp_path) as doomed:

        def kill() -> None:
            until(lambda: doomed.metric("harness_executions_total") >= 5, 60, "it works")
            doomed.process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        found = score(harness, tmp_path, scored_here, doomed.url, service.url)
        killer.join()
    assert found == (scored_here / "samples.jsonl_results.jsonl").read_bytes()
    assert f"{doomed.url} is lost" in (run_of(tmp_path) / "run.log").read_text()


def test_without_any_service_left_the_command_ends_and_goes_on_later(
    harness: Harness, service: Running, scored_here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "NONE_LEFT_S", 0.5)
    monkeypatch.setattr(dispatch, "LOOK_S", 0.1)
    (tmp_path / "samples.jsonl").write_bytes((scored_here / "samples.jsonl").read_bytes())
    with running("--no-key", "--workers", "1", cwd=tmp_path) as doomed:

        def kill() -> None:
            until(lambda: doomed.metric("harness_executions_total") >= 5, 60, "it works")
            doomed.process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        answer = harness("score", "samples.jsonl", "--problems", "starter", "--sandbox-url", doomed.url, cwd=tmp_path)
        killer.join()
    assert answer.returncode == 3
    assert "no host of sandboxes is left" in answer.stderr and "go on with: harness score samples" in answer.stderr
    found = score(harness, tmp_path, scored_here, service.url)
    assert found == (scored_here / "samples.jsonl_results.jsonl").read_bytes()
    assert len(list((tmp_path / "results" / "starter" / "samples").iterdir())) == 1  # it went on


def test_python_s_score_takes_services_too(service: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "mini.jsonl", CALL)
    write_rows(tmp_path / "s.jsonl", {"task_id": CALL["id"], "completion": CALL["reference"]})
    before = service.metric("harness_executions_total")
    found = api.score("s.jsonl", "mini.jsonl", sandbox_url=service.url, progress=False)
    assert found.complete and service.metric("harness_executions_total") == before + 1


@pytest.mark.parametrize("command", ["verify", "audit", "extract"])
def test_other_commands_take_services_too(harness: Harness, service: Running, tmp_path: Path, command: str) -> None:
    write_rows(tmp_path / "mini.jsonl", CALL)
    write_rows(
        tmp_path / "s.jsonl", {"task_id": CALL["id"], "response": CALL["reference"], "completion": CALL["reference"]}
    )
    asked = ["mini.jsonl"] if command == "verify" else ["s.jsonl", "--problems", "mini.jsonl"]
    before = service.metric("harness_executions_total")
    answer = harness(command, *asked, "--json", "--sandbox-url", service.url, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert service.metric("harness_executions_total") > before


@contextmanager
def info(**changed: Any) -> Iterator[str]:
    """The address of a server that says of itself what a service says, with changes; `...` leaves a field out."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({name: value for name, value in told.items() if value is not ...}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    told = {**changed.pop("info"), **changed}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class TestBadInput:
    def refused(self, harness: Harness, tmp_path: Path, urls: str, *more: str) -> str:
        write_rows(tmp_path / "mini.jsonl", CALL)
        answer = harness("verify", "mini.jsonl", "--sandbox-url", urls, *more, cwd=tmp_path)
        assert answer.returncode == 2, answer.stderr
        assert not (tmp_path / "results").exists()
        return answer.stderr

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"version": "0.0.1"}, "it is of harness 0.0.1, and this is"),
            ({"version": ...}, "is not a service of `harness serve sandbox`"),
            ({"guest_digest": "ab"}, "(guest ab) is not what this version has"),
            ({"isolation": ...}, "it does not say its isolation"),
            ({"max_memory_mib": 16}, "start it with --max-memory-mib 512"),
        ],
    )
    def test_a_service_that_does_not_fit_is_named(
        self, harness: Harness, service: Running, tmp_path: Path, changed: dict[str, Any], says: str
    ) -> None:
        with info(info=httpx.get(f"{service.url}/v1/info").json(), **changed) as url:
            told = self.refused(harness, tmp_path, url)
        assert says in told and f"--sandbox-url {url}" in told

    def test_services_of_two_images_are_both_named(self, harness: Harness, service: Running, tmp_path: Path) -> None:
        with info(info=httpx.get(f"{service.url}/v1/info").json(), environments={"python": "py2.7"}) as url:
            told = self.refused(harness, tmp_path, f"{service.url},{url}")
        assert f"{url} runs programs in" in told and "with py2.7" in told and "servers that are alike" in told

    def test_what_is_no_address_and_where_nobody_answers(self, harness: Harness, tmp_path: Path) -> None:
        assert "takes addresses such as http://127.0.0.1:8080" in self.refused(harness, tmp_path, "localhost:1")
        assert "--sandbox-url is empty: give a value, or leave it out" in self.refused(harness, tmp_path, "")
        told = self.refused(harness, tmp_path, "http://127.0.0.1:1")
        assert "no service answers (Connection refused)" in told and "harness serve sandbox" in told

    def test_what_the_services_choose_is_not_chosen_here(self, harness: Harness, tmp_path: Path) -> None:
        assert "services' own" in self.refused(harness, tmp_path, "http://127.0.0.1:1", "--sandbox", "docker")
        assert "--strength measures on this machine" in self.refused(
            harness, tmp_path, "http://127.0.0.1:1", "--strength"
        )

    def test_a_key_that_is_missing_is_asked_for_and_one_that_is_given_is_not_kept(
        self, harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "keys").write_text("a-secret-key\n")
        write_rows(tmp_path / "s.jsonl", {"task_id": CALL["id"], "completion": CALL["reference"]})
        with running("--key-file", "keys", "--workers", "1", cwd=tmp_path) as closed:
            assert "$HARNESS_SANDBOX_KEY" in self.refused(harness, tmp_path, closed.url)
            monkeypatch.setenv("HARNESS_SANDBOX_KEY", "a-secret-key")
            answer = harness("score", "s.jsonl", "--problems", "mini.jsonl", "--sandbox-url", closed.url, cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        kept = [file.read_text() for file in (tmp_path / "results").rglob("*") if file.is_file()]
        assert kept and not any("a-secret-key" in text for text in kept)


def test_the_route_refuses_limits_above_the_service_s(service: Running) -> None:
    for limits, says in ((Limits(memory_bytes=1 << 40), "are above"), (Limits(wall_s=1e6), "at most 3600 s")):
        batch = parcels.pack_batch([parcels.pack_item(Program(source="pass"), None, limits)], {})
        answer = httpx.post(f"{service.url}/v1/programs", content=batch)
        assert answer.status_code == 422 and says in answer.json()["detail"]
    batch = parcels.pack_batch([parcels.pack_item(Program(source="pass"), "gone", Limits())], {})
    answer = httpx.post(f"{service.url}/v1/programs", content=batch)
    assert parcels.read_answer(answer.content) == parcels.Answer(index=0, missing="gone")
