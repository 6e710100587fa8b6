"""Wheels come from a lock file by their digests, and nothing of them is run."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

import pytest

from sandbox import debian, languages, wheels
from sandbox.errors import ImageError
from sandbox.types import LANGUAGES

LOCKS = [name for name in LANGUAGES if languages.find(name).wheels]


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel of ours, in the one place where pip then looks."""
    path = tmp_path / "shelf" / "mini_wheel-1.0-py3-none-any.whl"
    path.parent.mkdir()
    about = "mini_wheel-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mini_wheel/__init__.py", "ANSWER = 42\n")
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: mini-wheel\nVersion: 1.0\n")
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: mine\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(path.parent))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return path


def lock(tmp_path: Path, digest: str) -> Path:
    path = tmp_path / "mini.lock"
    path.write_text(f"mini-wheel==1.0 \\\n    --hash=sha256:{digest}\n")
    return path


def test_a_wheel_is_taken_by_its_digest_and_one_of_another_is_refused(wheel: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    wheels._pip(lock(tmp_path, digest), tmp_path / "there")
    assert (tmp_path / "there" / "mini_wheel" / "__init__.py").is_file()
    with pytest.raises(ImageError, match=r"the wheels of mini.lock cannot be had: .*HASH"):
        wheels._pip(lock(tmp_path, "0" * 64), tmp_path / "other")
    assert not list((tmp_path / "other").glob("mini*"))


def test_a_source_archive_is_never_built(wheel: Path, tmp_path: Path) -> None:
    wheel.rename(wheel.with_name("mini_wheel-1.0.tar.gz"))
    with pytest.raises(ImageError, match="cannot be had"):
        wheels._pip(lock(tmp_path, "0" * 64), tmp_path / "there")


def test_another_machine_is_told_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels.platform, "machine", lambda: "riscv64")
    with pytest.raises(ImageError, match="for x86_64, and this machine is riscv64"):
        wheels.unpack(tmp_path / "any.lock", tmp_path, print)


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_file_is_a_version_with_its_digest(name: str) -> None:
    (path,) = debian.wheel_locks(languages.find(name).family)
    text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE)
    line = re.compile(r"([a-z0-9.-]+)==([\w.+!-]+) \\\n    --hash=sha256:[0-9a-f]{64}\n")
    assert line.sub("", text) == ""
    names = [found[1] for found in line.finditer(text)]
    assert names == sorted(set(names))
    assert {"pandas", "matplotlib", "scikit-learn", "scipy", "seaborn", "nltk", "numpy"} <= set(names)


@pytest.mark.parametrize("name", LOCKS)
def test_an_image_with_other_wheels_has_another_name(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    family = languages.find(name).family
    own = debian.digest(family)
    (tmp_path / "other.lock").write_text("mini-wheel==1.0\n")
    monkeypatch.setattr(debian, "wheel_locks", lambda _: [tmp_path / "other.lock"])
    debian.digest.cache_clear()
    assert debian.digest(family) != own
    debian.digest.cache_clear()
