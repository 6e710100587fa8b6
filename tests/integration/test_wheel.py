"""A wheel in an empty environment, outside the checkout, holds all that a run needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_wheel_in_an_empty_environment_runs_the_embedded_model(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("codegen_harness-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("harness/problems/starter.jsonl", "harness/problems/README.md", "sandbox/guest/supervisor.py"):
        assert needed in names
    for template in (ROOT / "harness/leaderboard/templates").iterdir():
        assert f"harness/leaderboard/templates/{template.name}" in names
    for model in ("nano", "nano-base"):
        weights = zipfile.ZipFile(wheel).getinfo(f"harness/models/{model}/model.safetensors")
        assert weights.file_size <= 6_000_000
    assert any(name.endswith("licenses/LICENSE") for name in names)

    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    torch = re.search(r"^TORCH \?= (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert torch
    for what in (torch[1], str(wheel)):
        subprocess.run([python, "-m", "pip", "install", "--quiet", what], check=True, cwd=tmp_path)
    command = [tmp_path / "empty" / "bin" / "harness", "run", "--k", "1", "--n", "1", "--json"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    summary = json.loads(answer.stdout)
    assert summary["coverage"]["complete"] and summary["estimates"][0]["value"] > 0
    assert (tmp_path / summary["run"] / "summary.json").is_file()
