"""Precision, recall, density and coverage beside the authors' package `prdc`: paired, a ratio of medians of CPU time (and
of the clock, which says little where others use the machine), and our peak memory.

pip install --no-deps --target /tmp/prdc prdc
PYTHONPATH=/tmp/prdc:. python -m tests.bench.images_prdc [--pictures 5000] [--dimensions 512] [--runs 3]
python -m tests.bench.images_prdc --pictures 10000 --memory      # ours alone, with its peak
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import statistics
import time
from typing import Any

import numpy as np

from harness.metrics.precision_recall import precision_recall


def clocks() -> Any:
    """Seconds of CPU time of this process, and of the clock."""
    return np.array([time.process_time(), time.perf_counter()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    real, gen = (rng.standard_normal((given.pictures, given.dimensions)) + shift for shift in (0.0, 0.1))
    if given.memory:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        precision_recall(real, gen, k=5)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"peak {peak / 1e6:.3f} GB, of which {before / 1e6:.3f} GB were there before")
        return
    from prdc import compute_prdc

    ours, theirs = [], []
    for _ in range(given.runs):
        begun = clocks()
        found = precision_recall(real, gen, k=5)
        ours.append(clocks() - begun)
        begun = clocks()
        with contextlib.redirect_stdout(io.StringIO()):
            other = compute_prdc(real_features=real, fake_features=gen, nearest_k=5)
        theirs.append(clocks() - begun)
    worst = max(abs(getattr(found, name) - other[name]) for name in ("precision", "recall", "density", "coverage"))
    for place, name in enumerate(("CPU time", "the clock")):
        a, b = (statistics.median(float(one[place]) for one in each) for each in (ours, theirs))
        print(f"{name}: ours {a:.2f} s, prdc {b:.2f} s: {a / b:.2f} of its time")
    print(f"largest difference of a number {worst:.1e}")


if __name__ == "__main__":
    main()
