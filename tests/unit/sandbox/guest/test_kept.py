"""What is asked of a compiler that is kept: a real process on the other side, and answers that no compiler gives."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.guest import cleaning, kept

# answers each text with it in capitals, as one file; to "end" it ends
COMPILER = """
import os, struct
def read(size):
    data = b''
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more: os._exit(0)
        data += more
    return data
def part(): return read(struct.unpack('>I', read(4))[0])
def frame(data): return struct.pack('>I', len(data)) + data
while True:
    name, text = part(), part()
    if text == b'end': os._exit(3)
    os.write(1, struct.pack('>I', text == b'wrong') + frame(b'said ' + name) + struct.pack('>I', 1) + frame(b'a/b') + frame(text.upper()))
"""
COMMAND = (sys.executable, "-c", COMPILER)


def _answer(code: int, said: bytes = b"", *files: tuple[bytes, bytes]) -> bytes:
    parts = [struct.pack(">I", len(part)) + part for file in files for part in file]
    return struct.pack(">II", code, len(said)) + said + struct.pack(">I", len(files)) + b"".join(parts)


@pytest.fixture
def keeper() -> Iterator[kept.Keeper]:
    found = kept.Keeper(None)
    yield found
    found.end()


def _ask(fd: int, source: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(kept, "FD", fd)
    return kept.ask(source, "main.x", "out")


def test_one_process_translates_one_text_after_the_other(
    keeper: kept.Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fd = keeper.wake(COMMAND, {})
    (first,) = keeper.pids
    assert _ask(fd, "text", monkeypatch) == 0
    assert Path("out/a/b").read_text() == "TEXT"
    assert capfd.readouterr().err == "said main.x"
    keeper.rest()
    assert Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[0] in "TR"
    Path("out/a/b").unlink()
    assert _ask(keeper.wake(COMMAND, {}), "wrong", monkeypatch) == 1
    assert keeper.pids == {first}


def test_it_is_renewed_after_its_life_and_when_it_has_ended(
    keeper: kept.Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kept, "LIFE", 2)
    seen = []
    for text in ("a", "b", "c", "end"):
        code = _ask(keeper.wake(COMMAND, {}), text, monkeypatch)
        assert code == (kept.DOUBT if text == "end" else 0)
        seen += list(keeper.pids)
        Path("out/a/b").unlink(missing_ok=True)
    assert seen[0] == seen[1] != seen[2] == seen[3]
    os.waitid(os.P_PID, seen[3], os.WEXITED | os.WNOWAIT)
    cleaning.reap(keeper.pids)
    assert not keeper.pids
    assert _ask(keeper.wake(COMMAND, {}), "d", monkeypatch) == 0
    assert keeper.pids and seen[3] not in keeper.pids


def test_a_command_that_is_not_there_is_doubt(
    keeper: kept.Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _ask(keeper.wake(("/nowhere",), {}), "text", monkeypatch) == kept.DOUBT


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\0",
        _answer(0)[:6],
        _answer(2),
        struct.pack(">II", 0, kept.MAX_SAID + 1),
        _answer(0, b"", (b"../x", b"")),
        _answer(0, b"", (b"/tmp/x", b"")),
        _answer(0, b"", (b"", b"")),
        _answer(0, b"", (b"a//b", b"")),
        _answer(0, b"", (b"a\0b", b"")),
        _answer(0, b"", (b"\xff", b"")),
        _answer(0, b"", (b"x" * (kept.MAX_NAME + 1), b"")),
        _answer(0, b"", (b"x", b"1"), (b"x", b"2")),
        _answer(0, b"", (b"x", b"1"), (b"x/y", b"2")),
        _answer(0, b"", (b"link/y", b"2")),
        struct.pack(">III", 0, 0, kept.MAX_FILES + 1),
        struct.pack(">III", 0, 0, 1) + struct.pack(">I", 1) + b"x" + struct.pack(">I", kept.MAX_BYTES + 1),
    ],
)
def test_an_answer_that_is_none_is_doubt(answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work" / "out").mkdir(parents=True)
    (tmp_path / "work" / "out" / "link").write_text("a file where a folder is asked for")
    monkeypatch.chdir(tmp_path / "work")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)
        assert _ask(ours.fileno(), "text", monkeypatch) == kept.DOUBT
    assert {each.name for each in tmp_path.iterdir()} == {"work"}


def test_a_text_that_is_no_unicode_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _ask(-1, "\ud800", monkeypatch) == kept.DOUBT
