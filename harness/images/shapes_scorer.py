"""Attribute accuracy, the scorer of the world `shapes`: the share of the five attributes of its caption that a picture
shows.

The embedded classifier says what a picture shows; the caption says what it should. The truth is known here, so this
tells how far CLIP can be believed: its rank correlation with this number stands in the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch

from harness.errors import InputError
from harness.images.features import SHAPES
from harness.images.pictures import Pixels, resize
from harness.models import shapes_networks, shapes_world


class AttributeScorer:
    """`score(images, prompts)`: 0, 0.2, ... 1 for each picture."""

    name = "attribute_accuracy"

    def __init__(self) -> None:
        self._network = shapes_networks.load_classifier(SHAPES)
        torch.set_num_threads(1)  # as the extractor does: the network is small

    @torch.inference_mode()
    def score(self, images: Sequence[Pixels], prompts: Sequence[str]) -> list[float]:
        """Raises InputError for a prompt that is no caption of the world."""
        wanted = [self._attributes(prompt) for prompt in prompts]
        pixels = np.stack([resize(one, shapes_world.SIDE) for one in images])  # (N, 32, 32, 3)
        x = torch.from_numpy(pixels.transpose(0, 3, 1, 2)).contiguous() / 127.5 - 1
        _, logits = self._network(x)
        seen = {name: values.argmax(1).tolist() for name, values in logits.items()}
        right = [
            [shapes_world.VALUES[name][found[i]] == one[name] for name, found in seen.items()]
            for i, one in enumerate(wanted)
        ]
        return [sum(row) / len(row) for row in right]

    @staticmethod
    def _attributes(prompt: str) -> dict[str, str]:
        known = shapes_world.by_caption().get(prompt)
        if known is None:
            example = shapes_world.combinations()[0].caption
            raise InputError(
                f"attribute accuracy reads captions of the world shapes only, such as {example!r}; this is none: "
                f"{prompt[:120]!r}"
            )
        return asdict(known)
