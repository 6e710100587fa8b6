"""The Docker engine's interface: this machine's own, one that is reached otherwise, and what is none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sandbox.backends import _engine
from sandbox.errors import SandboxUnavailable

HERE = os.environ.get("DOCKER_HOST", f"unix://{_engine.SOCKET}").removeprefix("unix://")


def listening(path: Path, answer: bytes) -> str:
    """The address of something that answers one connection with these bytes."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            connection.recv(1 << 16)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"unix://{path}"


@pytest.mark.usefixtures("docker")
def test_a_refusal_has_the_engines_status_and_reason() -> None:
    with pytest.raises(_engine.EngineError, match=r"[Nn]o such image") as refused:
        _engine.connect().ask("GET", "/images/codegen-harness-none/json")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "does not answer as an engine does"),
        (b"", "does not answer as an engine does"),
        (b"HTTP/1.0 500 Oops\r\n\r\n" + b'{"message": "it is ill"}', "it is ill"),
        (b"HTTP/1.0 503 Oops\r\n\r\n", "no reason given"),
    ],
)
def test_what_answers_otherwise_is_no_engine(
    answer: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", listening(tmp_path / "socket", answer))
    _engine.connect.cache_clear()
    with pytest.raises(SandboxUnavailable, match=said):
        _engine.connect()


@pytest.mark.usefixtures("docker")
def test_an_engine_elsewhere_runs_programs_through_its_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_relay, args=(listener,), daemon=True).start()
        code = (
            "import sandbox, sys\nwith sandbox.open('docker', workers=1) as box:\n"
            "    print(box.run(sandbox.Program(source='print(6 * 7)')).stdout, 'docker' in sys.modules)"
        )
        environment = {**os.environ, "DOCKER_HOST": f"tcp://127.0.0.1:{listener.getsockname()[1]}"}
        answer = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
        )
    assert answer.stdout.split() == ["42", "True"]


def _relay(listener: socket.socket) -> None:
    """What comes to the listener goes to this machine's engine."""
    while True:
        try:
            theirs = listener.accept()[0]
        except OSError:
            return
        threading.Thread(target=_exchange, args=(theirs,), daemon=True).start()


def _exchange(theirs: socket.socket) -> None:
    with theirs, socket.socket(socket.AF_UNIX) as engine:
        engine.connect(HERE)
        back = threading.Thread(target=_copy, args=(engine, theirs), daemon=True)
        back.start()
        _copy(theirs, engine)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
