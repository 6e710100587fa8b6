"""The life of a managed server, with a small real server in vLLM's place: starts, deaths, ports, logs."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.engines import _vllm_arguments, _vllm_server
from harness.errors import EngineError, InputError

# Answers the probes for vLLM, then serves /health; `mode` beside it says whether it dies as it starts.
SERVER = """#!{python}
import http.server, sys
if "-c" in sys.argv:
    sys.exit(0)
print("x" * 3000, flush=True)
if open({mode!r}).read() == "die":
    sys.exit("torch.OutOfMemoryError: CUDA out of memory")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture
def mode(tmp_path: Path) -> Path:
    path = tmp_path / "mode"
    path.write_text("live")
    return path


@pytest.fixture
def options(tmp_path: Path, mode: Path, monkeypatch: pytest.MonkeyPatch) -> _vllm_arguments.ServerOptions:
    """A server's options; its logs are kept below tmp_path/logs."""
    python = tmp_path / "python"
    python.write_text(SERVER.format(python=sys.executable, mode=str(mode)))
    python.chmod(0o755)
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "logs"))
    return _vllm_arguments.ServerOptions(model="owner/name", name="m", python=python)


def started(options: _vllm_arguments.ServerOptions) -> _vllm_server.ModelServer:
    return _vllm_server.ModelServer(options, lambda _: None)


def kill(server: _vllm_server.ModelServer) -> None:
    """End the server as a crash would, and wait for its guardian's end."""
    process = server._process
    assert process is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in children:
        os.kill(int(pid), signal.SIGKILL)
    process.wait(timeout=60)


def test_the_log_of_a_server_that_was_started_again_has_no_hole(options: _vllm_arguments.ServerOptions) -> None:
    with started(options) as server:
        kill(server)
        server.ensure_running()
        assert b"\0" not in server.log.read_bytes()


def test_a_server_that_does_not_come_up_again_says_so_to_every_thread(
    options: _vllm_arguments.ServerOptions, mode: Path
) -> None:
    with started(options) as server:
        kill(server)
        mode.write_text("die")
        for _ in range(_vllm_server.RESTARTS + 1):
            with pytest.raises(EngineError, match="memory:"):
                server.ensure_running()


def test_many_threads_that_find_it_dead_start_it_once(options: _vllm_arguments.ServerOptions) -> None:
    with started(options) as server:
        for _ in range(_vllm_server.RESTARTS):
            kill(server)
            with ThreadPoolExecutor(16) as threads:
                urls = [each.result() for each in [threads.submit(server.ensure_running) for _ in range(16)]]
            assert set(urls) == {server.url}
        kill(server)
        with pytest.raises(EngineError, match=f"died {_vllm_server.RESTARTS + 1} times"):
            server.ensure_running()


def test_restarts_are_counted_from_the_last_answer_on(options: _vllm_arguments.ServerOptions) -> None:
    with started(options) as server:
        for _ in range(_vllm_server.RESTARTS + 2):
            kill(server)
            assert server.ensure_running() == server.url
            server.answered()


def test_a_closed_server_is_not_started_again(options: _vllm_arguments.ServerOptions) -> None:
    with started(options) as server:
        pass
    with pytest.raises(EngineError, match="closed"):
        server.ensure_running()


def test_a_log_is_kept_where_an_error_names_it_and_nowhere_else(
    options: _vllm_arguments.ServerOptions, mode: Path, tmp_path: Path
) -> None:
    with started(options):
        pass
    assert list((tmp_path / "logs").iterdir()) == []
    mode.write_text("die")
    with pytest.raises(EngineError) as raised, started(options):
        pass
    (log,) = (tmp_path / "logs").iterdir()
    assert str(log) in str(raised.value) and all(len(line) < 600 for line in str(raised.value).splitlines())


def test_a_proxy_for_the_world_is_none_for_the_loopback(
    options: _vllm_arguments.ServerOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_vllm_server, "START_TIMEOUT_S", 30)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with started(options) as server:
        assert server.url


def test_a_port_that_another_server_has_is_refused(options: _vllm_arguments.ServerOptions) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = dataclasses.replace(options, port=other.getsockname()[1])
        with pytest.raises(InputError, match="choose another with --port"), started(taken):
            pass


def test_a_port_that_was_just_closed_is_free(options: _vllm_arguments.ServerOptions) -> None:
    for _ in range(2):
        with started(options) as server:
            port = int(server.url.rpartition(":")[2].removesuffix("/v1"))
            connection = socket.create_connection(("127.0.0.1", port))
            options = dataclasses.replace(options, port=port)
        connection.close()


def test_a_folder_named_vllm_is_no_vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vllm").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    assert _vllm_server.find_vllm(None) is None
    with pytest.raises(InputError, match="not an interpreter that has vLLM"):
        _vllm_server.find_vllm(Path(sys.executable))
