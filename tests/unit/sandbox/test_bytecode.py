"""The guest's bytecode, kept beside its sources."""

from __future__ import annotations

import marshal
from pathlib import Path

import pytest

import sandbox
from sandbox import bytecode, worker

SOURCES = (("one", '"""Said."""\nx = 1\n'),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bytecode, "FOLDER", tmp_path / "kept")
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    return tmp_path / "kept"


def test_it_is_compiled_once_and_anew_for_another_source(folder: Path) -> None:
    first = bytecode.load(SOURCES)
    ((name, code),) = marshal.loads(first)
    assert name == "one" and code.co_filename == "guest/one.py" and "Said." not in code.co_consts
    (kept,) = folder.iterdir()
    written = kept.stat().st_mtime_ns
    assert bytecode.load(SOURCES) == first and kept.stat().st_mtime_ns == written
    assert bytecode.load((("one", "x = 2\n"),)) != first
    assert list(folder.iterdir()) == [kept]


def test_none_is_made_where_none_can_be_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_text("a file in its place")
    assert bytecode.load(SOURCES) == b""
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    monkeypatch.setattr(bytecode, "FOLDER", folder.with_name("none"))
    assert bytecode.load(SOURCES) == b"" and not folder.with_name("none").exists()


def test_a_guest_without_bytecode_of_its_own_compiles_the_sources(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_code", lambda _: b"")
    with sandbox.open(backend, workers=1) as box:
        assert box.run(sandbox.Program(source="print(6 * 7)")).stdout == "42\n"
