"""Our own plug-ins pass the checks that those of others are given, and a plug-in from elsewhere is one of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import registry, testing
from tests.fixtures.commands import COMMAND

ROOT = Path(__file__).resolve().parents[2]
OWN = [(package, name) for package in registry.GROUPS for name in registry.own_names(package)
       if (package, name) != ("harness.datasets", "own")]  # fmt: skip


@pytest.mark.parametrize(("package", "name"), OWN)
def test_a_plug_in_of_our_own_passes_its_check(package: str, name: str) -> None:
    testing.check(package, name)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine that has the example package."""
    place = tmp_path_factory.mktemp("plug-in")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", place, ROOT / "docs" / "examples" / "plug-in"], check=True, timeout=300)
    return {**os.environ, "PYTHONPATH": f"{place}:{os.environ.get('PYTHONPATH', '')}"}


def test_the_example_package_passes_its_own_tests(installed: dict[str, str], tmp_path: Path) -> None:
    test = ROOT / "docs" / "examples" / "plug-in" / "test_shouting.py"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        tmp_path,
        test,
    ]
    done = subprocess.run(
        command, env=installed, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0 and "5 passed" in done.stdout, done.stdout


def test_a_task_from_elsewhere_runs_and_stands_in_the_signature(installed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"id": "a", "text": "hello there", "summary": "HELLO THERE"}\n')
    command = [COMMAND, "run", "--task", "shouting", "--problems", "texts.jsonl", "--json"]
    done = subprocess.run(
        command, env=installed, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    (estimate,) = json.loads(done.stdout)["estimates"]
    assert estimate["metric"] == "upper_case_share" and "|plug-ins:harness-shouting@1.0" in estimate["signature"]
    help_text = subprocess.run(
        [COMMAND, "run", "--help"], env=installed, capture_output=True, text=True, check=True
    ).stdout
    assert "shouting" in help_text and "indented" in help_text


def test_a_plug_in_that_cannot_be_imported_is_named_with_its_distribution(
    installed: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "broken-2.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 2.0\n")
    (broken / "entry_points.txt").write_text("[harness.tasks]\nbroken = no_such_module\ncodegen = no_such_module\n")
    env = {**installed, "PYTHONPATH": f"{tmp_path}:{installed['PYTHONPATH']}"}
    command = [COMMAND, "run", "--task", "broken", "--problems", "texts.jsonl"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2 and "the task 'broken' of broken@2.0 cannot be imported" in done.stderr, done.stderr
    own = subprocess.run([COMMAND, "run", "--print-prompt"], env=env, cwd=tmp_path, capture_output=True, check=False)
    assert own.returncode == 0, own.stderr  # a name of ours is not taken over
