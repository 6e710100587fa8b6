"""A wheel, outside the checkout, holds all that a run needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.fixtures.places import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    backend = ["--no-build-isolation"]  # hatchling is one of the tests' own packages
    subprocess.run([*pip, "wheel", "--no-deps", *backend, "--wheel-dir", folder, ROOT], check=True)
    (built,) = folder.glob("codegen_harness-*.whl")
    return built


def test_a_wheel_holds_the_sets_the_templates_the_guest_and_the_models(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("harness/problems/starter.jsonl", "harness/problems/README.md", "sandbox/guest/supervisor.py"):
        assert needed in names
    for template in ROOT.glob("harness/**/templates/*"):
        assert template.relative_to(ROOT).as_posix() in names
    for model in ("nano", "nano-base"):
        weights = zipfile.ZipFile(wheel).getinfo(f"harness/models/{model}/model.safetensors")
        assert weights.file_size <= 6_000_000
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_a_wheel_beside_its_libraries_runs_the_embedded_model(wheel: Path, tmp_path: Path) -> None:
    """The libraries are those of the tests; the harness is the wheel's, since their folder's .pth files are not read."""
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    (site,) = (tmp_path / "venv").glob("lib/python3*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    runs_the_embedded_model(python, tmp_path)


@pytest.mark.slow
def test_a_wheel_in_an_empty_environment_brings_its_libraries_and_runs_the_embedded_model(
    wheel: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    torch = re.search(r"^TORCH \?= (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert torch
    for what in (torch[1], str(wheel)):
        subprocess.run([python, "-m", "pip", "install", "--quiet", what], check=True, cwd=tmp_path)
    runs_the_embedded_model(python, tmp_path)


def runs_the_embedded_model(python: Path, folder: Path) -> None:
    """Its command samples nano and scores it, and every import is of the wheel."""
    where = "import harness, sandbox; print(harness.__file__, sandbox.__file__)"
    found = subprocess.run([python, "-I", "-c", where], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert all(path.startswith(str(python.parents[1])) for path in found.split())
    (folder / "three.jsonl").write_text("".join((ROOT / "problems/starter.jsonl").read_text().splitlines(True)[:3]))
    command = [python, "-I", "-m", "harness", "run", "--problems", "three.jsonl", "--k", "1", "--n", "4", "--json"]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    assert summary["coverage"]["complete"] and summary["estimates"][0]["value"] > 0
    assert (folder / summary["run"] / "summary.json").is_file()
