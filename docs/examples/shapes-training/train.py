"""The training of `shapes`, watched: a point of CLIP scores every 250 steps, with the same prompts and seeds each time.

    python docs/examples/shapes-training/train.py OUT     # the weights go to OUT, the points to OUT/tracked

`tracked/` beside this file is what it wrote. Draw it: `harness images track docs/examples/shapes-training/tracked`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from harness.images import TrainingCallback
from harness.images.pictures import Pixels
from harness.images.sampling import MODELS, PictureRequest, sample
from harness.models import shapes_world
from harness.models.shapes_networks import ShapesDiffusion
from harness.models.training.train_shapes import Plan, train_diffusion

EVERY = 250
PROMPTS = dict(list(shapes_world.prompts().items())[:16])


class Painter:
    """What is trained, as the callback asks for it: `generate(prompt, seed)` draws with the weights of the moment."""

    model: ShapesDiffusion

    def generate(self, prompt: str, seed: int) -> Pixels:
        """One picture. The noise depends on prompt and seed alone, so that pictures of two steps compare."""
        place = list(PROMPTS.values()).index(prompt)
        row = PictureRequest(name=prompt, prompt=prompt, seed=seed, noise=(seed, place))
        return sample(self.model, [row], steps=20, guidance=3.0)[0]


def main(out: Path) -> None:
    """Train, and score on the way."""
    painter = Painter()
    callback = TrainingCallback(
        PROMPTS, painter.generate, out / "tracked", clip=MODELS / "shapes-clip", every=EVERY, model="shapes"
    )

    def watch(step: int, model: ShapesDiffusion) -> None:
        painter.model = model
        found = callback(step)
        print(f"step {step}: CLIP {found['clip/mean']:.3f}" if found else f"step {step} was scored before", flush=True)

    plan = Plan(checkpoints=Plan.diffusion_steps // EVERY)
    torch.set_num_threads(plan.threads)
    train_diffusion(plan, out, lambda line: print(line, flush=True), watch)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
