"""The world `shapes`: pictures of one shape each, drawn from seeds, with the caption that describes them.

A picture is 32 x 32 RGB: one of 5 shapes in one of 6 colors, small or large, in one of 5 places, on one of 4
backgrounds, 1,200 combinations in all. Place, size and shade vary continuously, so captions repeat and pictures do
not. A tenth
of the combinations is held out of training. Train, hold-out and reference pictures come from disjoint seeds: nothing
is
stored.

The mix of captions: `train` and `holdout` draw the combinations of training evenly; `reference` draws the 256 captions
of the prompt library evenly, as a model that is asked for the library does, so that a distance between the two does
not measure the captions.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import cache
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SIDE = 32
SHAPES = ("circle", "square", "triangle", "cross", "ring")
COLORS = {
    "red": (214, 40, 40),
    "green": (44, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 205, 40),
    "purple": (150, 50, 170),
    "cyan": (50, 200, 215),
}
SIZES = {"small": 4.6, "large": 8.2}
PLACES = {
    "top left": (10.0, 10.0),
    "top right": (22.0, 10.0),
    "bottom left": (10.0, 22.0),
    "bottom right": (22.0, 22.0),
    "center": (16.0, 16.0),
}
GROUNDS = {"black": (18, 18, 20), "white": (240, 240, 238), "gray": (128, 128, 128), "beige": (222, 192, 146)}
VALUES = {
    "shape": SHAPES,
    "color": tuple(COLORS),
    "size": tuple(SIZES),
    "place": tuple(PLACES),
    "ground": tuple(GROUNDS),
}

Split = Literal["train", "holdout", "reference"]
COUNTS: dict[Split, int] = {"train": 20_000, "holdout": 2_000, "reference": 10_000}
N_PROMPTS = 256
HELD_OUT_SHARE = 0.1
_SEEDS: dict[str, int] = {"train": 11, "holdout": 12, "reference": 13, "combinations": 14, "prompts": 15}

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a picture shows: one value for each attribute."""

    shape: str
    color: str
    size: str
    place: str
    ground: str

    def __post_init__(self) -> None:
        for name, value in zip(VALUES, astuple(self), strict=True):
            if value not in VALUES[name]:
                raise ValueError(f"{name} {value!r} is none of {', '.join(VALUES[name])}")

    @property
    def caption(self) -> str:
        """The sentence that describes the picture."""
        return f"a {self.size} {self.color} {self.shape} in the {self.place} on a {self.ground} background"


@dataclass(frozen=True, slots=True)
class World:
    """Pictures (N, 32, 32, 3) in 8 bits, and what each shows."""

    pictures: Picture
    attributes: list[Attributes]

    @property
    def captions(self) -> list[str]:
        """The caption of every picture."""
        return [one.caption for one in self.attributes]


@cache
def combinations() -> tuple[Attributes, ...]:
    """All 1,200 combinations, in a fixed order."""
    return tuple(Attributes(*values) for values in product(*VALUES.values()))


@cache
def held_out() -> frozenset[Attributes]:
    """The tenth of the combinations that training never sees."""
    every = combinations()
    order = np.random.default_rng(_SEEDS["combinations"]).permutation(len(every))
    return frozenset(every[i] for i in order[: round(HELD_OUT_SHARE * len(every))])


@cache
def prompt_attributes() -> tuple[Attributes, ...]:
    """The 256 combinations of the prompt library, a tenth of them held out of training."""
    rng = np.random.default_rng(_SEEDS["prompts"])
    unseen = [one for one in combinations() if one in held_out()]
    seen = [one for one in combinations() if one not in held_out()]
    n_unseen = round(HELD_OUT_SHARE * N_PROMPTS)
    picked = [unseen[i] for i in rng.permutation(len(unseen))[:n_unseen]]
    picked += [seen[i] for i in rng.permutation(len(seen))[: N_PROMPTS - n_unseen]]
    return tuple(picked[i] for i in rng.permutation(N_PROMPTS))


def prompts() -> dict[str, str]:
    """The prompt library: name -> caption, 256 of them."""
    return {f"p{i:03d}": one.caption for i, one in enumerate(prompt_attributes())}


@cache
def by_caption() -> dict[str, Attributes]:
    """Caption -> attributes, for all combinations."""
    return {one.caption: one for one in combinations()}


def make(split: Split, n: int | None = None) -> World:
    """The first `n` pictures of a split (all by default); the same pictures every time.

    Raises ValueError for more than the split has.
    """
    n = COUNTS[split] if n is None else n
    if not 1 <= n <= COUNTS[split]:
        raise ValueError(f"{split} has 1 to {COUNTS[split]:,} pictures, not {n:,}")
    if split == "reference":
        attributes = [prompt_attributes()[i % N_PROMPTS] for i in range(n)]
    else:
        rng = np.random.default_rng([_SEEDS[split], 0])
        seen = [one for one in combinations() if one not in held_out()]
        attributes = [seen[i] for i in rng.integers(len(seen), size=COUNTS[split])[:n]]
    return World(draw(attributes, seed=_SEEDS[split]), attributes)


def draw(attributes: list[Attributes], seed: int) -> Picture:
    """Draw the pictures: (N, 32, 32, 3) in 8 bits. Picture i depends on its attributes, `seed` and i alone."""
    blocks = [
        _draw(attributes[start : start + _BLOCK], np.random.default_rng([seed, 1, start // _BLOCK]))
        for start in range(0, len(attributes), _BLOCK)
    ]
    return np.concatenate(blocks) if blocks else np.zeros((0, SIDE, SIDE, 3), np.uint8)


_BLOCK = 500


def _draw(attributes: list[Attributes], rng: np.random.Generator) -> Picture:
    noise = rng.uniform(-1, 1, size=(_BLOCK, 9))[: len(attributes)]  # (N, 9)
    x, y = (
        np.array([PLACES[one.place][axis] for one in attributes]) + 1.5 * noise[:, axis] for axis in (0, 1)
    )  # (N,) pixels
    radius = np.array([SIZES[one.size] for one in attributes]) * (1 + 0.14 * noise[:, 2])
    centers = np.arange(SIDE) + 0.5
    dx = centers[None, None, :] - x[:, None, None]  # (N, 1, 32)
    dy = centers[None, :, None] - y[:, None, None]  # (N, 32, 1)
    kinds = np.array([one.shape for one in attributes])
    distance = np.empty((len(attributes), SIDE, SIDE))
    for kind in SHAPES:
        at = kinds == kind
        distance[at] = _signed_distance(kind, dx[at], dy[at], radius[at, None, None])
    cover = np.clip(0.5 - distance, 0, 1)[..., None]  # (N, 32, 32, 1): the share of a pixel inside the shape
    ink = np.array([COLORS[one.color] for one in attributes]) + 14 * noise[:, 3:6]
    ground = np.array([GROUNDS[one.ground] for one in attributes]) + 10 * noise[:, 6:9]
    mixed = cover * ink[:, None, None, :] + (1 - cover) * ground[:, None, None, :]
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _signed_distance(
    kind: str, dx: NDArray[np.float64], dy: NDArray[np.float64], r: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pixels to the edge of the shape, negative inside: (N, 32, 32)."""
    ax, ay = np.abs(dx), np.abs(dy)
    if kind == "circle":
        return np.asarray(np.hypot(dx, dy) - r)
    if kind == "ring":
        return np.asarray(np.abs(np.hypot(dx, dy) - 0.76 * r) - 0.24 * r)
    if kind == "square":
        return np.maximum(ax, ay) - 0.86 * r
    if kind == "cross":
        arm = 0.3 * r
        return np.minimum(np.maximum(ax - r, ay - arm), np.maximum(ax - arm, ay - r))
    slope = (ax * 2 - dy - r) / np.sqrt(5)  # triangle: tip up at (0, -r), base at y = 0.9 r
    return np.asarray(np.maximum(slope, dy - 0.9 * r))
