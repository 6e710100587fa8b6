"""The interpreter for programs: the harness's own, or the system's where that is the better built and whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from sandbox import interpreter
from sandbox.interpreter import NAME, Interpreter

VERSION = f"{NAME.removeprefix('python')}.2"


def said(version: str = VERSION, suffix: str = str(sysconfig.get_config_var("EXT_SUFFIX"))) -> str:
    """What an interpreter answers."""
    return json.dumps([version, suffix, "/usr/lib/packages"])


@pytest.fixture
def own(tmp_path: Path) -> Interpreter:
    """An interpreter with a small library: two modules, a package, and parts that no program needs."""
    library = tmp_path / "own" / "lib" / NAME
    _write_library(library, "os.py", "string.py", "json/__init__.py", "tkinter/__init__.py", "_sysconfigdata_x.py")
    return Interpreter(path=Path(sys.executable), library=library, version="3.11.7")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    root = tmp_path / "usr"
    (root / "bin").mkdir(parents=True)
    _write_executable(root / "bin" / NAME, f"echo '{said()}'")
    return root


def _write_library(library: Path, *names: str) -> None:
    for name in names:
        (library / name).parent.mkdir(parents=True, exist_ok=True)
        (library / name).touch()


def _write_executable(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("folder", ["lib", "lib64"])
def test_a_system_with_all_that_programs_may_import_is_taken(own: Interpreter, system: Path, folder: str) -> None:
    library = system / folder / NAME
    _write_library(library, "os.py", "string.py", "json/__init__.py")
    expected = Interpreter(path=system / "bin" / NAME, library=library, version=VERSION)
    assert interpreter.of_system(own, system) == expected


@pytest.mark.parametrize("missing", ["string.py", "json/__init__.py"])
def test_a_system_that_lacks_a_module_is_not(own: Interpreter, system: Path, missing: str) -> None:
    library = system / "lib" / NAME
    _write_library(library, "os.py", "string.py", "json/__init__.py")
    (library / missing).unlink()
    assert interpreter.of_system(own, system) is None


@pytest.mark.parametrize(
    "line",
    [f"echo '{said('3.4.1')}'", f"echo '{said(suffix='.cpython-3xt.so')}'", "exit 1", "echo hello", "sleep 1; kill $$"],
)
def test_nor_one_that_is_not_what_its_name_says(own: Interpreter, system: Path, line: str) -> None:
    _write_library(system / "lib" / NAME, "os.py", "string.py", "json/__init__.py")
    _write_executable(system / "bin" / NAME, line)
    assert interpreter.of_system(own, system) is None


def test_nor_a_link_that_leads_out_of_the_system(own: Interpreter, system: Path) -> None:
    _write_library(system / "lib" / NAME, "os.py", "string.py", "json/__init__.py")
    (system / "bin" / NAME).unlink()
    (system / "bin" / NAME).symlink_to(sys.executable)
    assert interpreter.of_system(own, system) is None


def test_nor_one_that_is_not_there(own: Interpreter, tmp_path: Path) -> None:
    assert interpreter.of_system(own, tmp_path / "nothing") is None


def test_the_chosen_one_runs_and_has_every_module_that_ours_has() -> None:
    chosen = interpreter.chosen()
    assert chosen.path == Path(os.path.realpath(chosen.path))
    ask = (
        "import importlib.util as u, json, os, platform, sys\n"
        "found = [n for n in sys.stdlib_module_names if u.find_spec(n)]\n"
        "print(json.dumps([found, platform.python_version(), os.path.dirname(os.path.realpath(os.__file__))]))"
    )
    answer = subprocess.run([chosen.path, "-I", "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    found, version, library = json.loads(answer.stdout)
    assert (version, library) == (chosen.version, str(chosen.library))
    for name in (
        "asyncio",
        "bz2",
        "ctypes",
        "decimal",
        "lzma",
        "multiprocessing",
        "sqlite3",
        "ssl",
        "unittest",
        "zlib",
    ):
        assert name in found


def test_where_packages_are_looked_for_is_where_it_looks() -> None:
    chosen = interpreter.chosen()
    ask = "import site; print(site.getsitepackages())"
    answer = subprocess.run([chosen.path, "-I", "-c", ask], capture_output=True, text=True, check=True, timeout=60)
    assert str(interpreter.packages(chosen)) in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "ours"), [("'--enable-optimizations' '--with-lto'", True), ("", False), (None, False)]
)
def test_ours_is_left_for_the_systems_only_where_it_was_built_without_optimization(
    monkeypatch: pytest.MonkeyPatch, arguments: str | None, ours: bool
) -> None:
    systems = Interpreter(path=Path("/usr/bin", NAME), library=Path("/usr/lib", NAME), version=VERSION)
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": arguments}.get)
    monkeypatch.setattr(interpreter, "of_system", lambda own: systems)
    chosen = interpreter.chosen.__wrapped__()
    assert chosen.path == (Path(os.path.realpath(sys.executable)) if ours else systems.path)
