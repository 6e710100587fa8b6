"""Trains the embedded image models `shapes`, `shapes-early`, `shapes-clip` and `shapes-features` from nothing, on
the CPU:
`python -m harness.models.training.train_shapes --out DIR`.

All see the 20,000 training pictures of the world `shapes` and nothing else. `shapes-early` is the training of `shapes`
stopped early; both are exponential moving averages of the weights. `shapes-clip` is a `CLIPModel` of transformers
with a byte-pair tokenizer trained on the captions. Every part starts from the same seed, so each can be trained
alone (`--part`).

The same seed gives the same pictures everywhere; the same weights only with the same torch version, thread count and
kind of processor. Convolutions run in bfloat16 where the processor has it. What was trained so far is saved on the
way.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor, CLIPTokenizer

from harness.models import shapes_world as world
from harness.models.shapes_networks import (
    ClassifierConfig,
    DiffusionConfig,
    ShapesClassifier,
    ShapesDiffusion,
    cosine_alpha_bar,
    load_classifier,
    save,
    to_unit,
)

MEAN_STD = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
END_OF_WORD = "</w>"
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
Report = Callable[[str], None]
OnCheckpoint = Callable[[int, ShapesDiffusion], None]


@dataclass(frozen=True)
class Plan:
    """Sizes and schedule of the trainings."""

    seed: int = 0
    threads: int = 1
    diffusion_steps: int = 2500
    diffusion_batch: int = 64
    diffusion_rate: float = 1.5e-3
    caption_dropout: float = 0.1
    ema: float = 0.998
    early_share: float = 0.1
    checkpoints: int = 8
    features_steps: int = 500
    features_batch: int = 128
    features_rate: float = 2e-3
    clip_steps: int = 700
    clip_batch: int = 128
    clip_rate: float = 1e-3
    clip_vocabulary: int = 600
    log_every: int = 50


def _pace(step: int, steps: int, warm_up: int = 100, decay: float = 0.35) -> float:
    """Learning rate as a share of its peak: warm-up, constant, linear to zero over the last third."""
    return min((step + 1) / warm_up, 1.0, (steps - step) / (decay * steps))


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterator[NDArrayInt]:
    while True:
        order = rng.permutation(n)
        yield from (order[start : start + size] for start in range(0, n - size + 1, size))


NDArrayInt = np.ndarray[Any, np.dtype[np.int64]]


class _Curve:
    """Keeps a loss curve and prints it with the rate and the time that is left."""

    def __init__(self, name: str, steps: int, every: int, report: Report) -> None:
        self.name, self.steps, self.every, self.report = name, steps, every, report
        self.points: list[dict[str, float]] = []
        self.started, self.recent = time.monotonic(), list[float]()

    def add(self, step: int, loss: float, **more: float) -> None:
        self.recent.append(loss)
        if (step + 1) % self.every and step + 1 != self.steps:
            return
        mean, self.recent = sum(self.recent) / len(self.recent), []
        self.points.append({"step": step + 1, "loss": round(mean, 5), **{k: round(v, 5) for k, v in more.items()}})
        rate = (step + 1) / (time.monotonic() - self.started)
        left = (self.steps - step - 1) / rate
        self.report(f"{self.name} {step + 1}/{self.steps} loss {mean:.4f} {rate:.1f} steps/s {left / 60:.0f} min left")


def train_diffusion(plan: Plan, out: Path, report: Report, on_checkpoint: OnCheckpoint | None = None) -> None:
    """Write `shapes` and `shapes-early`; call `on_checkpoint(step, averaged model)` at every checkpoint."""
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    data = world.make("train")
    pictures, captions = to_unit(data.pictures), data.captions
    model = ShapesDiffusion(DiffusionConfig())
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub lacks the argument
    average = copy.deepcopy(model).requires_grad_(False)
    tokens = model.text.tokens(captions)
    alpha_bar = torch.from_numpy(cosine_alpha_bar(model.config.steps)).float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.diffusion_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step, plan.diffusion_steps))
    curve = _Curve("shapes", plan.diffusion_steps, plan.log_every, report)
    early = round(plan.early_share * plan.diffusion_steps)
    batches = _batches(len(captions), plan.diffusion_batch, rng)
    for step in range(plan.diffusion_steps):
        at = torch.from_numpy(next(batches))
        ids = tokens[at].clone()
        ids[torch.from_numpy(rng.random(len(at)) < plan.caption_dropout)] = 0
        loss = _diffusion_loss(model, pictures[at], ids, alpha_bar)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        _update_average(average, model, min(plan.ema, (step + 1) / (step + 10)))
        curve.add(step, loss.item())
        if step + 1 == early:
            save(average, out / "shapes-early", torch.bfloat16)
            _log(out / "shapes-early", plan, curve)
        if (step + 1) % (plan.diffusion_steps // plan.checkpoints) == 0 or step + 1 == plan.diffusion_steps:
            save(average, out / "shapes", torch.bfloat16)
            save(average, out / "checkpoints" / f"step-{step + 1:05d}", torch.bfloat16)
            _log(out / "shapes", plan, curve)
            if on_checkpoint:
                on_checkpoint(step + 1, average)


def _diffusion_loss(model: ShapesDiffusion, x0: Tensor, ids: Tensor, alpha_bar: Tensor) -> Tensor:
    """Mean squared error of v at timesteps drawn in strata over the batch."""
    n = len(x0)
    t = ((torch.randperm(n) + torch.rand(n)) / n * model.config.steps).long().clamp(max=model.config.steps - 1) + 1
    signal = alpha_bar[t].sqrt()[:, None, None, None]
    noise_scale = (1 - alpha_bar[t]).sqrt()[:, None, None, None]
    noise = torch.randn_like(x0)
    with torch.autocast("cpu", torch.bfloat16):
        v = model(signal * x0 + noise_scale * noise, t, *model.text(ids))
    return functional.mse_loss(v.float(), signal * noise - noise_scale * x0)


@torch.no_grad()
def _update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    for mean, value in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)


def train_features(plan: Plan, out: Path, report: Report) -> None:
    """Write `shapes-features`."""
    torch.manual_seed(plan.seed)
    data, unseen = world.make("train"), world.make("holdout")
    pictures, labels = to_unit(data.pictures), _labels(data.attributes)
    model = ShapesClassifier(ClassifierConfig())
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub lacks the argument
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.features_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step, plan.features_steps))
    curve = _Curve("shapes-features", plan.features_steps, plan.log_every, report)
    batches = _batches(len(pictures), plan.features_batch, np.random.default_rng(plan.seed))
    for step in range(plan.features_steps):
        at = torch.from_numpy(next(batches))
        with torch.autocast("cpu", torch.bfloat16):
            _, logits = model(pictures[at])
        loss = torch.stack([functional.cross_entropy(logits[a].float(), labels[a][at]) for a in logits]).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        curve.add(step, loss.item())
    save(model.eval(), out / "shapes-features", torch.bfloat16)
    shipped = load_classifier(out / "shapes-features")
    _log(out / "shapes-features", plan, curve, holdout_accuracy=_accuracy(shipped, unseen))


def _labels(attributes: list[world.Attributes]) -> dict[str, Tensor]:
    return {
        name: torch.tensor([values.index(getattr(one, name)) for one in attributes])
        for name, values in world.VALUES.items()
    }


@torch.no_grad()
def _accuracy(model: ShapesClassifier, data: world.World) -> dict[str, float]:
    _, logits = model(to_unit(data.pictures))
    labels = _labels(data.attributes)
    return {name: float((logits[name].argmax(1) == labels[name]).float().mean()) for name in labels}


def clip_tokenizer(captions: list[str], vocabulary: int) -> CLIPTokenizer:
    """A byte-pair tokenizer of CLIP's form, trained on the captions; any text can be written in its tokens."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=END_OF_WORD, unk_token=EOS))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, end_of_word_suffix=END_OF_WORD, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(captions, trainer)
    state = json.loads(tokenizer.to_str())["model"]
    learned = [token for token, _ in sorted(state["vocab"].items(), key=lambda pair: int(pair[1]))]
    tokens = dict.fromkeys([*alphabet, *(char + END_OF_WORD for char in alphabet), *learned, BOS, EOS])
    merges: Any = [tuple(pair) for pair in state["merges"]]  # its annotation says strings, its code wants pairs
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=merges, model_max_length=77)


def _clip_config(tokenizer: CLIPTokenizer) -> CLIPConfig:
    size = {"hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 320, "projection_dim": 64}
    special = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    return CLIPConfig(
        text_config={
            **size,
            **special,
            "num_hidden_layers": 2,
            "vocab_size": len(tokenizer),
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={**size, "num_hidden_layers": 4, "image_size": world.SIDE, "patch_size": 8},
        projection_dim=64,
    )


def train_clip(plan: Plan, out: Path, report: Report) -> None:
    """Write `shapes-clip`: the loss of CLIP (Radford 2021), where pictures of one caption are all right for it."""
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    data = world.make("train")
    tokenizer = clip_tokenizer(sorted(set(data.captions)), plan.clip_vocabulary)
    model = CLIPModel(_clip_config(tokenizer))
    pictures = to_unit(data.pictures)
    ids = torch.tensor(tokenizer(data.captions, padding=True)["input_ids"])
    same = torch.tensor([world.combinations().index(one) for one in data.attributes])
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.clip_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step, plan.clip_steps))
    curve = _Curve("shapes-clip", plan.clip_steps, plan.log_every, report)
    batches = _batches(len(pictures), plan.clip_batch, rng)
    folder = out / "shapes-clip"
    for step in range(plan.clip_steps):
        at = torch.from_numpy(next(batches))
        with torch.autocast("cpu", torch.bfloat16):
            result = model(input_ids=ids[at], pixel_values=pictures[at], attention_mask=torch.ones_like(ids[at]))
        target = (same[at][:, None] == same[at][None, :]).float()
        target = target / target.sum(1, keepdim=True)
        logits = result.logits_per_image.float()
        loss = (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.t(), target)) / 2
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        curve.add(step, loss.item())
        if (step + 1) % 350 == 0 or step + 1 == plan.clip_steps:
            _save_clip(model, tokenizer, folder)
            _log(folder, plan, curve, holdout_r_at_1=_r_at_1(model, tokenizer, world.make("holdout", 1000)))


def _save_clip(model: CLIPModel, tokenizer: CLIPTokenizer, folder: Path) -> None:
    packed: Any = copy.deepcopy(model)  # its decorated `to` has lost its types
    packed.to(torch.bfloat16).save_pretrained(folder)
    size = {"height": world.SIDE, "width": world.SIDE}
    pictures = CLIPImageProcessorPil(
        size={"shortest_edge": world.SIDE}, crop_size=size, image_mean=MEAN_STD[0], image_std=MEAN_STD[1]
    )
    processor: Any = CLIPProcessor  # untyped
    processor(image_processor=pictures, tokenizer=tokenizer).save_pretrained(folder)


@torch.no_grad()
def _r_at_1(model: CLIPModel, tokenizer: CLIPTokenizer, data: world.World) -> float:
    """How often a picture's own caption comes first among 256 (its own and 255 others of the world)."""
    model.train(False)
    every = [one.caption for one in world.combinations()]
    texts = model.get_text_features(**tokenizer(every, padding=True, return_tensors="pt")).pooler_output
    views = model.get_image_features(pixel_values=to_unit(data.pictures)).pooler_output
    cosine = functional.normalize(views, dim=1) @ functional.normalize(texts, dim=1).t()
    rng = np.random.default_rng(0)
    own = np.array([world.combinations().index(one) for one in data.attributes])
    hits = 0
    for row, mine in zip(cosine.numpy(), own, strict=True):
        others = rng.permutation(len(every) - 1)[: world.N_PROMPTS - 1]
        others = others + (others >= mine)
        hits += bool(row[mine] > row[others].max())
    model.train()
    return hits / len(own)


def _log(folder: Path, plan: Plan, curve: _Curve, **more: object) -> None:
    """Write the plan, the loss curve and the time beside the weights."""
    seconds = round(time.monotonic() - curve.started, 1)
    last = curve.points[-1]["step"] if curve.points else 0
    about = {
        "plan": asdict(plan), "steps": last, "wall_s": seconds, "cpu_s": round(time.process_time(), 1),
        "torch": torch.__version__, **more, "loss": curve.points,
    }  # fmt: skip
    (folder / "loss.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


PARTS = {"features": train_features, "clip": train_clip, "diffusion": train_diffusion}


def main() -> None:
    """Train all parts, or one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder that gets a folder for each model")
    parser.add_argument("--part", choices=sorted(PARTS), action="append", help="train this part only (can be repeated)")
    for name, value in asdict(Plan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=f"default {value}")
    given = vars(parser.parse_args())
    out, parts = given.pop("out"), given.pop("part")
    plan = Plan(**given)
    torch.set_num_threads(plan.threads)
    for part in parts or PARTS:
        PARTS[part](plan, out, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
