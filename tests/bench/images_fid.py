"""FID's formula beside scipy's sqrtm and, where it is installed, torchmetrics' eigenvalues: paired, ratios of medians of CPU
time with one thread each.

    OMP_NUM_THREADS=1 python -m tests.bench.images_fid [--dimensions 2048] [--pictures 3000] [--runs 1]

Both get the same features; ours includes the means and covariances, as theirs does. torchmetrics belongs into an
environment of its own (it breaks beside an unfit torchvision): run this there for the second ratio.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.metrics import fid


def sqrtm_frechet(real: Any, gen: Any) -> float:
    """The textbook form, as pytorch-fid and clean-fid have it."""
    from scipy.linalg import sqrtm

    covariances = [np.cov(part, rowvar=False) for part in (real, gen)]
    gap = real.mean(axis=0) - gen.mean(axis=0)
    root = np.real(sqrtm(covariances[0] @ covariances[1]))
    return float(gap @ gap + sum(np.trace(each) for each in covariances) - 2 * np.trace(root))


def torchmetrics_frechet(real: Any, gen: Any) -> float:
    """torchmetrics' formula on the moments of the features."""
    import torch
    from torchmetrics.image.fid import _compute_fid

    parts = [torch.from_numpy(part) for part in (real, gen)]
    moments = [each for part in parts for each in (part.mean(dim=0), torch.cov(part.T))]
    return float(_compute_fid(*moments))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimensions", type=int, default=2048)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=1)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    mix = rng.standard_normal((given.dimensions, given.dimensions)) / given.dimensions**0.5
    real, gen = (rng.standard_normal((given.pictures, given.dimensions)) @ mix + shift for shift in (0.0, 0.05))
    peers: dict[str, Callable[[Any, Any], float]] = {"scipy sqrtm": sqrtm_frechet}
    if importlib.util.find_spec("torchmetrics"):
        peers["torchmetrics"] = torchmetrics_frechet
    else:
        print("torchmetrics is not installed here: no ratio to it")
    seconds: dict[str, list[float]] = {name: [] for name in ("harness", *peers)}
    values: dict[str, float] = {}
    for _ in range(given.runs):
        for name, measure in {"harness": fid.frechet, **peers}.items():
            begun = time.process_time()
            values[name] = measure(real, gen)
            seconds[name].append(time.process_time() - begun)
    ours = statistics.median(seconds["harness"])
    for name, taken in seconds.items():
        ratio = statistics.median(taken) / ours
        print(f"{name:12} {statistics.median(taken):8.3f} s  FID {values[name]:.9g}  {ratio:.2f} times ours")


if __name__ == "__main__":
    main()
