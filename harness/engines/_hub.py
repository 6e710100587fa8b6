"""What is known of a model on a hub before it is loaded: which commit its name stands for, and whether it is for chat.

Two small files are fetched, or found in the hub's cache; no weights. Without network the cache alone is asked.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """revision: the commit, None where nobody could tell. has_template: whether its tokenizer has a chat template."""

    revision: str | None = None
    has_template: bool = False


def look_up(model: str) -> HubModel:
    """The model as the hub, or its cache, has it now. An unknown one is for the engine to refuse, with its reason."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a line per retry without network
    config = _file(model, "config.json", None)
    if config is None:
        return HubModel()
    revision = config.parent.name  # the cache keeps files at snapshots/<commit>/
    if _file(model, "chat_template.jinja", revision) is not None:
        return HubModel(revision=revision, has_template=True)
    tokenizer = _file(model, "tokenizer_config.json", revision)
    try:
        has_template = tokenizer is not None and bool(json.loads(tokenizer.read_bytes()).get("chat_template"))
    except (OSError, ValueError, AttributeError):
        has_template = False
    return HubModel(revision=revision, has_template=has_template)


def _file(model: str, name: str, revision: str | None) -> Path | None:
    import huggingface_hub  # measured: 0.5 s
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    download: Any = huggingface_hub.hf_hub_download
    try:
        return Path(download(model, name, revision=revision))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError):  # not there, not ours to read, or no network
        return None
