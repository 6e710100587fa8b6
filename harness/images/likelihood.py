"""Bits per dimension: by the variational bound of an embedded model, or from a file of negative log-likelihoods.

The bound is estimated from a few timesteps of each picture, the first and one in each of equal strata of the
others, weighted by the strata: unbiased, with a standard error over pictures. `exact` takes every timestep. The
variance of a step is its beta (the larger choice of Ho et al. 2020, section 3.2).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import InputError
from harness.images.pictures import Pixels
from harness.metrics import elbo
from harness.models.shapes_networks import ShapesDiffusion, cosine_alpha_bar, to_unit
from harness.stats.bootstrap import mean_interval

Progress = Callable[[str, int, int], None]
Floats = NDArray[np.float64]
BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihoods:
    """Bits per dimension of pictures (N,). by_step: mean bits of timesteps, where it was the bound."""

    bits: Floats
    dims: int
    preprocess: str
    by_step: dict[int, float] = field(default_factory=dict)


def bound(
    network: ShapesDiffusion,
    pictures: Pixels,
    captions: list[str],
    *,
    strata: int = 10,
    exact: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Likelihoods:
    """The bound of every picture, (N, 32, 32, 3) in 8 bits with its caption."""
    torch.set_num_threads(1)  # threads that wait for each other in a network this small take four times the work
    alpha_bar = cosine_alpha_bar(network.config.steps)
    of = elbo.posterior(alpha_bar)
    nats: list[Floats] = []
    at = np.zeros((of.steps + 1, 2))
    rng = np.random.default_rng(seed)
    for start in range(0, len(pictures), BATCH):
        rows = slice(start, start + BATCH)
        nats.append(
            _bound(network, alpha_bar, of, pictures[rows], captions[rows], of.steps if exact else strata, rng, at)
        )
        if progress:
            progress("likelihood", min(start + BATCH, len(pictures)), len(pictures))
    dims = int(np.prod(pictures.shape[1:]))
    steps = {t: float(at[t, 0] / at[t, 1] / elbo.LN2) for t in range(1, of.steps + 1) if at[t, 1]}
    bits = np.concatenate(nats) / elbo.LN2
    return Likelihoods(
        bits=bits, dims=dims, preprocess=f"8 bit, {pictures.shape[2]}x{pictures.shape[1]} RGB", by_step=steps
    )


@torch.inference_mode()
def _bound(
    network: ShapesDiffusion,
    alpha_bar: Floats,
    of: elbo.Posterior,
    pictures: Pixels,
    captions: list[str],
    strata: int,
    rng: np.random.Generator,
    at: Floats,
) -> Floats:
    """Nats per dimension of a batch (N,). `at` (T + 1, 2) collects the sum and number of terms of each timestep."""
    x0 = to_unit(pictures)
    words = network.text(network.text.tokens(captions))
    flat = x0.double().numpy().reshape(len(x0), -1)
    total = elbo.prior_kl(float(alpha_bar[-1]), flat**2).mean(axis=1)
    rest = np.linspace(2, of.steps + 1, strata + 1 if strata < of.steps else of.steps).astype(int)
    for low, high in pairwise([1, *rest.tolist()]):
        t = int(rng.integers(low, high))
        noise = torch.from_numpy(rng.standard_normal(x0.shape).astype(np.float32))
        signal, spread = float(np.sqrt(alpha_bar[t])), float(np.sqrt(1 - alpha_bar[t]))
        xt = signal * x0 + spread * noise
        v = network(xt, torch.full((len(x0),), t), *words)
        guess = (signal * xt - spread * v).clamp(-1, 1).double().numpy().reshape(len(x0), -1)
        term = _term(of, t, flat, guess, xt.double().numpy().reshape(len(x0), -1)).mean(axis=1)
        total = total + (high - low) * term
        at[t] += (term.sum(), len(term))
    return np.asarray(total)


def _term(of: elbo.Posterior, t: int, x0: Floats, guess: Floats, xt: Floats) -> Floats:
    if t == 1:
        mean = of.of_x0[1] * guess + of.of_xt[1] * xt
        return elbo.discretized_nll(x0, mean, float(of.beta[1]))
    return elbo.step_kl(of, t, (guess - x0) ** 2, float(of.beta[t]))


def read_likelihoods(path: Path) -> dict[str, Likelihoods]:
    """By split, from JSONL rows `nll` (nats of the whole picture), `dims`, `split`, `preprocess`.

    Raises InputError for rows that do not go together.
    """
    rows: dict[str, list[float]] = {}
    kinds: set[tuple[int, str]] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            value, dims = float(row["nll"]), int(row["dims"])
            if not np.isfinite(value) or dims < 1:
                raise ValueError("nll is not finite, or dims below 1")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f'{path}, line {number}: a row needs "nll" (nats) and "dims": {error}') from error
        rows.setdefault(str(row.get("split", "test")), []).append(value / (dims * elbo.LN2))
        kinds.add((dims, str(row.get("preprocess", ""))))
    if not rows:
        raise InputError(f"{path} has no rows")
    if len(kinds) > 1:
        (first, how), (second, other) = sorted(kinds)[:2]
        if first != second:
            raise InputError(
                f"{path} has rows of {first} and of {second} dimensions: bits per dimension of different data do not "
                f"compare"
            )
        raise InputError(f"{path} has rows of preprocessing {how!r} and {other!r}: they do not compare")
    dims, how = next(iter(kinds))
    return {split: Likelihoods(bits=np.array(values), dims=dims, preprocess=how) for split, values in rows.items()}


def check_alike(first: str, a: Likelihoods, second: str, b: Likelihoods) -> None:
    """Raises InputError unless both are bits of data of one size and preprocessing."""
    if a.dims != b.dims:
        raise InputError(
            f"{first} has {a.dims} dimensions, {second} {b.dims}: bits per dimension of different data do not compare"
        )
    if a.preprocess != b.preprocess:
        raise InputError(
            f"{first} was preprocessed as {a.preprocess!r}, {second} as {b.preprocess!r}: they do not compare"
        )


def difference(a: Likelihoods, b: Likelihoods, seed: int = 0) -> tuple[float, float, float]:
    """Mean bits of a minus b, with a 95 % bootstrap interval: over pairs where both are bounds of the same pictures."""
    rng = np.random.default_rng(seed)
    if a.by_step and b.by_step and len(a.bits) == len(b.bits):
        found = mean_interval((a.bits - b.bits).tolist(), rng)
        return found.value, found.low, found.high
    draws = [rng.choice(part.bits, (2000, len(part.bits))).mean(axis=1) for part in (a, b)]
    low, high = np.quantile(draws[0] - draws[1], [0.025, 0.975])
    return float(a.bits.mean() - b.bits.mean()), float(low), float(high)


def summarize(test: Likelihoods, train: Likelihoods | None, *, method: str, seed: int = 0) -> dict[str, Any]:
    """As summary.json has it: bits with interval and error, the gap to training with interval, bits by timestep."""
    rng = np.random.default_rng(seed)
    found = mean_interval(test.bits.tolist(), rng)
    n = len(test.bits)
    record: dict[str, Any] = {
        "bits_per_dim": found.value, "low": found.low, "high": found.high,
        "se": float(test.bits.std(ddof=1) / np.sqrt(n)) if n > 1 else None, "n": n, "dims": test.dims,
        "preprocess": test.preprocess, "method": method, "by_step": test.by_step, "gap": None,
    }  # fmt: skip
    if train is not None:
        check_alike("test", test, "train", train)
        draws = [rng.choice(part.bits, (2000, len(part.bits))).mean(axis=1) for part in (test, train)]
        low, high = np.quantile(draws[0] - draws[1], [0.025, 0.975])
        gap = float(test.bits.mean() - train.bits.mean())
        record["gap"] = {"value": gap, "low": float(low), "high": float(high), "n_train": len(train.bits)}
    return record
