"""The GPUs that a process started from here would see, as nvidia-smi tells them: no CUDA library is loaded."""

from __future__ import annotations

import os
import subprocess


def memory_bytes() -> list[int]:
    """Bytes of memory of each GPU that CUDA_VISIBLE_DEVICES leaves; none without an nvidia-smi that works."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        found = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    if found.returncode != 0:
        return []
    shared = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")  # where it has none of its own, it says [N/A]
    sizes = [int(line) * 2**20 if line.strip().isdigit() else shared for line in found.stdout.splitlines() if line]
    return _visible(sizes, os.environ.get("CUDA_VISIBLE_DEVICES"))


def _visible(sizes: list[int], visible: str | None) -> list[int]:
    """As CUDA reads the variable: places or UUIDs, up to the first that is neither. A UUID does not tell its place."""
    if visible is None or not sizes:
        return sizes
    found = []
    for each in map(str.strip, visible.split(",")):
        if each.isdigit() and int(each) < len(sizes):
            found.append(sizes[int(each)])
        elif each.startswith(("GPU-", "MIG-")):
            found.append(min(sizes))
        else:
            break
    return found
