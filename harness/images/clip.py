"""CLIP: does a picture show what its prompt says? Cosines of a `CLIPModel`'s embeddings; and DINOv2's features.

Hessel et al. 2021 (arXiv 2104.08718) write 2.5 * max(cos, 0) with the prefix "A photo depicts ", others 100 * cos:
cosines are kept, `scaled` writes the others. A prompt of more than 77 tokens is cut so that its last token, at which
CLIP reads the meaning,
stays.
The model is loaded once; a batch has the same embeddings as single pictures.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer, CLIPModel
from transformers.utils import logging as transformers_logging

from harness.errors import InputError
from harness.images.pictures import Pixels

Embeddings = NDArray[np.float32]  # (N, D), rows of length 1


class ClipModel:
    """A CLIP checkpoint of a folder, in float32 on the CPU (or `device`)."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        """Raises InputError for a folder that is not a CLIP's."""
        kind = _type_of(folder)
        if kind != "clip":
            raise InputError(f"{folder} holds a model of type {kind!r}, not clip: it cannot say what a picture shows")
        quiet_transformers()
        self.device, self.name = device, folder.resolve().name
        with _loading(folder):
            model: Any = CLIPModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._processor: Any = _pictures_processor(folder)
        self._model = model.to(device).eval()
        self.longest = int(self._model.config.text_config.max_position_embeddings)

    @torch.inference_mode()
    def embed_pictures(self, pictures: Sequence[Pixels]) -> Embeddings:
        """Projected embeddings of pictures of any sizes."""
        inputs = self._processor(images=list(pictures), input_data_format="channels_last", return_tensors="pt")
        return self._unit(self._model.get_image_features(pixel_values=inputs["pixel_values"].to(self.device)))

    @torch.inference_mode()
    def embed_texts(self, texts: Sequence[str]) -> tuple[Embeddings, list[int]]:
        """Projected embeddings, and how many tokens each text has before it is cut."""
        lengths = [len(ids) for ids in self._tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]]
        found = []
        for start in range(0, len(texts), 64):
            inputs = self._tokenizer(
                list(texts[start : start + 64]),
                padding="max_length",
                truncation=True,
                max_length=self.longest,
                return_tensors="pt",
            ).to(self.device)
            found.append(self._unit(self._model.get_text_features(**inputs)))
        return np.concatenate(found), lengths

    def _unit(self, output: Any) -> Embeddings:
        embeddings = output if isinstance(output, torch.Tensor) else output.pooler_output
        unit: Embeddings = torch.nn.functional.normalize(embeddings, dim=-1).cpu().numpy()
        return unit


@contextmanager
def _loading(folder: Path) -> Iterator[None]:
    """Raises InputError, with the folder and why, for a checkpoint that cannot be loaded."""
    try:
        yield
    except Exception as error:  # whatever transformers raises for files that do not fit
        said = str(error).splitlines() or [type(error).__name__]
        raise InputError(f"{folder} cannot be loaded: {said[0]}") from error


def _type_of(folder: Path) -> Any:
    """Raises InputError for a folder whose config.json cannot be read."""
    try:
        return dict(json.loads((folder / "config.json").read_text(encoding="utf-8"))).get("model_type")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder}: config.json cannot be read: {error}") from error


def open_dinov2(folder: Path) -> Callable[[list[Pixels]], NDArray[np.float32]]:
    """What takes pictures and returns the pooled CLS token, (N, D). Raises InputError for another kind of model."""
    quiet_transformers()
    kind = _type_of(folder)
    if not str(kind).startswith("dinov2"):
        raise InputError(f"{folder} holds a model of type {kind!r}, not dinov2")
    with _loading(folder):
        model: Any = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
        processor = _pictures_processor(folder)

    @torch.inference_mode()
    def embed(pictures: list[Pixels]) -> NDArray[np.float32]:
        inputs = processor(images=list(pictures), input_data_format="channels_last", return_tensors="pt")
        found: NDArray[np.float32] = model(pixel_values=inputs["pixel_values"]).pooler_output.numpy()
        return found

    return embed


def _pictures_processor(folder: Path) -> Any:
    load: Any = AutoImageProcessor.from_pretrained  # untyped
    return load(folder, local_files_only=True, backend="pil")  # the other backend needs torchvision


def quiet_transformers() -> None:
    """No bars and no advice on the terminal while a checkpoint loads."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("transformers").setLevel(logging.ERROR)
