"""Which GPUs count, by what a real command in nvidia-smi's place says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.engines import _gpus

MIB = 2**20


def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("visible", "left"),
    [
        (None, [100, 200, 300]),
        ("", []),
        ("-1", []),
        ("0,-1,2", [100]),  # CUDA reads no further than the first that is none
        ("2,1", [300, 200]),
        ("7", []),
        ("NoDevFiles", []),
        ("GPU-0f5b,GPU-77aa", [100, 100]),  # of which places is not known: at least the smallest
    ],
)
def test_the_visible_gpus_are_those_that_cuda_would_show(
    visible: str | None, left: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch, tmp_path, "echo 100; echo 200; echo 300")
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert _gpus.memory_bytes() == [each * MIB for each in left]


def test_a_driver_without_devices_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, tmp_path, "echo No devices were found; exit 6")
    assert _gpus.memory_bytes() == []


def test_a_gpu_without_memory_of_its_own_counts_with_the_machine_s(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed(monkeypatch, tmp_path, "echo '[N/A]'")
    (memory,) = _gpus.memory_bytes()
    total = Path("/proc/meminfo").read_text().split()[1]
    assert memory == pytest.approx(int(total) * 1024, rel=0.01)
