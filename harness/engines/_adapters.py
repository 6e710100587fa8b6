"""A LoRA adapter as a model: a directory with adapter_config.json, which names the model that it changes.

What such a directory is comes from PEFT's own files (adapter_config.json, adapter_model.safetensors).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from harness.errors import InputError

CONFIG = "adapter_config.json"
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM makes room for


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """folder: with the adapter's files. base: the model's directory or hub id. rank: the largest of its matrices."""

    folder: Path
    base: str
    rank: int


def is_adapter(folder: Path) -> bool:
    """Whether a directory holds an adapter, and no model of its own."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def read_adapter(folder: Path) -> Adapter:
    """Raises InputError for a configuration that names no base, and for one of another kind than LoRA."""
    try:
        config = json.loads((folder / CONFIG).read_bytes())
        base, kind = config["base_model_name_or_path"], config.get("peft_type", "LORA")
        ranks = [config.get("r", 8), *(config.get("rank_pattern") or {}).values()]
        rank = max(int(each) for each in ranks)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{folder / CONFIG} is not a configuration of an adapter: {error!r}") from error
    if kind != "LORA":
        raise InputError(f"{folder} is an adapter of kind {kind}; merge it into its base, and give that directory")
    if not isinstance(base, str) or not base:
        raise InputError(f"{folder / CONFIG} names no base_model_name_or_path; write the base model's there")
    return Adapter(folder=folder, base=base, rank=rank)


def adapter_digest(folder: Path) -> str:
    """Of an adapter's configuration and weights, whole: they are small."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.name.startswith("adapter_"):
            with open(file, "rb") as data:
                digest.update(f"{file.name} {hashlib.file_digest(data, 'sha256').hexdigest()} ".encode())
    return digest.hexdigest()[:16]


def vllm_rank(rank: int) -> int:
    """The room that vLLM is to make: the next of the ranks that it takes."""
    return next((each for each in _RANKS if each >= rank), rank)
