"""The networks of the world `shapes`: a text-conditioned diffusion model and a picture classifier, and their files.

`ShapesDiffusion` is a U-Net over pictures folded to 12 x 16 x 16, with its own caption encoder (words, not the encoder
of `shapes-clip`: what steers a model must not score it). It predicts v = sqrt(abar) eps - sqrt(1 - abar) x0
(Salimans & Ho 2022, arXiv 2202.00512, section 4) at T = 200 steps of the cosine schedule (Nichol & Dhariwal 2021,
arXiv 2102.09672,
equation 17).
`ShapesClassifier` gives 64 features and one set of logits for each attribute.

A checkpoint is a folder with `config.json` and `model.safetensors`. Nothing here reads pictures from disk or draws
noise.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from harness.models.shapes_world import VALUES, combinations

PAD, UNKNOWN = "<pad>", "<unknown>"
MAX_WORDS = 16
STEPS = 200


def _vocabulary() -> tuple[str, ...]:
    words = sorted({word for one in combinations() for word in one.caption.split()})
    return (PAD, UNKNOWN, *words)


@dataclass(frozen=True)
class DiffusionConfig:
    """Sizes of a `ShapesDiffusion`."""

    kind: str = "shapes-diffusion"
    channels: tuple[int, int, int] = (40, 64, 80)
    embedding: int = 96
    text_width: int = 64
    text_layers: int = 2
    steps: int = STEPS
    vocabulary: tuple[str, ...] = field(default_factory=_vocabulary)


@dataclass(frozen=True)
class ClassifierConfig:
    """Sizes of a `ShapesClassifier`."""

    kind: str = "shapes-classifier"
    channels: tuple[int, int, int] = (32, 64, 96)
    features: int = 64
    attributes: dict[str, int] = field(default_factory=lambda: {name: len(values) for name, values in VALUES.items()})


def cosine_alpha_bar(steps: int) -> NDArray[np.float64]:
    """(steps + 1,): the share of signal after t steps; entry 0 is 1. Every step removes 0.999 at most."""
    t = np.arange(steps + 1) / steps
    curve = np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2
    beta = np.minimum(1 - curve[1:] / curve[:-1], 0.999)
    return np.concatenate([[1.0], np.cumprod(1 - beta)])


class _TextEncoder(nn.Module):
    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        width = config.text_width
        self.index = {word: i for i, word in enumerate(config.vocabulary)}
        self.embed = nn.Embedding(len(config.vocabulary), width)
        self.position = nn.Parameter(torch.zeros(MAX_WORDS, width))
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, config.text_layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)

    def tokens(self, captions: list[str]) -> Tensor:
        """(N, 16) word ids; an empty caption is the unconditional one."""
        rows = [[self.index.get(word, 1) for word in text.lower().split()[:MAX_WORDS]] for text in captions]
        return torch.tensor([row + [0] * (MAX_WORDS - len(row)) for row in rows])

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 16) -> words (N, 16, width), and their mean (N, width)."""
        words = self.norm(self.layers(self.embed(ids) + self.position))
        return words, words.mean(1)


class _Block(nn.Module):
    """Two convolutions with a scale and shift by the embedding."""

    def __init__(self, before: int, after: int, embedding: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, before), nn.Conv2d(before, after, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, after), nn.Conv2d(after, after, 3, padding=1)
        self.film = nn.Linear(embedding, 2 * after)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, 1)
        h = self.conv2(functional.silu(self.norm2(h) * (1 + scale) + shift))
        out: Tensor = self.skip(x) + h
        return out


class _Attention(nn.Module):
    """Pixels look at each other and at the words."""

    def __init__(self, channels: int, text_width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.query, self.out = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.key_value, self.word_key_value = nn.Linear(channels, 2 * channels), nn.Linear(text_width, 2 * channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        n, c, h, w = x.shape
        flat = self.norm(x).flatten(2).transpose(1, 2)
        key, value = torch.cat([self.key_value(flat), self.word_key_value(words)], 1).chunk(2, -1)
        heads = [part.unflatten(-1, (4, c // 4)).transpose(1, 2) for part in (self.query(flat), key, value)]
        mixed = functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
        out: Tensor = x + self.out(mixed).transpose(1, 2).reshape(n, c, h, w)
        return out


class ShapesDiffusion(nn.Module):
    """v(x_t, t, caption): pictures in [-1, 1], (N, 3, 32, 32)."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c = config.channels
        e, w = config.embedding, config.text_width
        self.text = _TextEncoder(config)
        self.time = nn.Sequential(nn.Linear(64, e), nn.SiLU(), nn.Linear(e, e))
        self.text_in = nn.Linear(w, e)
        self.enter, self.down1, self.down2, self.mid = (
            nn.Conv2d(12, a, 3, padding=1),
            *(_Block(*sizes, e) for sizes in ((a, a), (a, b), (b, c))),
        )
        self.attend_8, self.attend_4 = _Attention(b, w), _Attention(c, w)
        self.mid2 = _Block(c, c, e)
        self.up2, self.attend_up, self.up1 = _Block(c + b, b, e), _Attention(b, w), _Block(b + a, a, e)
        self.leave = nn.Sequential(nn.GroupNorm(8, a), nn.SiLU(), nn.Conv2d(a, 12, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, words: Tensor, pooled: Tensor) -> Tensor:
        """`t` (N,) in 1..T; `words` and `pooled` from `self.text`."""
        angle = t[:, None].float() * torch.exp(torch.arange(32) * (-math.log(10_000) / 32)) * (1000 / self.config.steps)
        embedding = self.time(torch.cat([angle.sin(), angle.cos()], 1)) + self.text_in(pooled)
        embedding = functional.silu(embedding)
        at16 = self.down1(self.enter(functional.pixel_unshuffle(x, 2)), embedding)
        at8 = self.attend_8(self.down2(functional.avg_pool2d(at16, 2), embedding), words)
        at4 = self.attend_4(self.mid(functional.avg_pool2d(at8, 2), embedding), words)
        at4 = self.mid2(at4, embedding)
        up8 = self.up2(torch.cat([functional.interpolate(at4, scale_factor=2.0), at8], 1), embedding)
        up8 = self.attend_up(up8, words)
        up16 = self.up1(torch.cat([functional.interpolate(up8, scale_factor=2.0), at16], 1), embedding)
        out: Tensor = functional.pixel_shuffle(self.leave(up16), 2)
        return out


class ShapesClassifier(nn.Module):
    """Pictures in [-1, 1], (N, 3, 32, 32) -> 64 features of unit scale over the training pictures, and logits."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        a, b, c = config.channels
        pairs = ((3, a, 1), (a, b, 2), (b, c, 2), (c, c, 2))
        layers: list[nn.Module] = []
        for before, after, stride in pairs:
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.GELU()]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(c * 16, config.features, bias=False))
        self.scale = nn.BatchNorm1d(config.features, affine=False)
        self.heads = nn.ModuleDict({name: nn.Linear(config.features, n) for name, n in config.attributes.items()})

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Features (N, 64), and attribute -> logits (N, values)."""
        features = self.scale(self.trunk(x))
        return features, {name: head(features) for name, head in self.heads.items()}


def to_unit(pictures: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) in 8 bits -> (N, 3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 127.5 - 1


def save(model: ShapesDiffusion | ShapesClassifier, folder: Path, dtype: torch.dtype) -> None:
    """Write `config.json` and `model.safetensors`; floating weights as `dtype`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(asdict(model.config), indent=2) + "\n", encoding="utf-8")
    weights = {
        name: value.detach().to(dtype if value.is_floating_point() else value.dtype).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(weights, folder / "model.safetensors")


def load_diffusion(folder: Path) -> ShapesDiffusion:
    """Read a checkpoint that `save` wrote; weights in float32, ready to sample."""
    raw = _config(folder, "shapes-diffusion")
    config = DiffusionConfig(**{**raw, "channels": tuple(raw["channels"]), "vocabulary": tuple(raw["vocabulary"])})
    model = ShapesDiffusion(config)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.float().eval().requires_grad_(False)


def load_classifier(folder: Path) -> ShapesClassifier:
    """Read a checkpoint that `save` wrote; weights in float32, ready to extract features."""
    raw = _config(folder, "shapes-classifier")
    model = ShapesClassifier(ClassifierConfig(**{**raw, "channels": tuple(raw["channels"])}))
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model.float().eval().requires_grad_(False)


def _config(folder: Path, kind: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if raw.get("kind") != kind:
        raise ValueError(f"{folder / 'config.json'}: kind is {raw.get('kind')!r}, not {kind!r}")
    return raw
