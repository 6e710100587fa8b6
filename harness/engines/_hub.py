"""What is known of a model on a hub before it is loaded: which commit its name stands for, and whether it is for chat.

Two small files are fetched, or found in the hub's cache; no weights. Whether the hub answers at all is tried first, for
its library tries again for a minute and more: without network the cache alone is asked, by all that comes later too.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.errors import InputError

PROBE_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """revision: the commit, None where nobody could tell. has_template: whether its tokenizer has a chat template."""

    revision: str | None = None
    has_template: bool = False


def look_up(model: str) -> HubModel:
    """The model as the hub, or its cache, has it now. An unknown one is for the engine to refuse, with its reason.

    Raises InputError where the hub cannot be reached and the cache does not have it.
    """
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # a line per retry without network
    reason = _unreachable()
    config = _file(model, "config.json", None)
    if config is None and reason:
        raise InputError(
            f"the model {model} is not on this machine, and {_address()} cannot be reached ({reason}). Give the "
            f"directory that has it, or fetch it where there is network (hf download {model}) and bring over "
            f"{_cache()}"
        )
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


def _unreachable() -> str | None:
    """Why the hub cannot be asked, and from now on is not; None where it answers."""
    from huggingface_hub import constants  # measured: 0.3 s

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    reason = probe(_address())
    if reason is not None:
        constants.HF_HUB_OFFLINE = True
        os.environ["HF_HUB_OFFLINE"] = "1"  # for a server that is started, and libraries that are imported later
    return reason


def probe(url: str, timeout_s: float = PROBE_S) -> str | None:
    """Why nothing at this address, or at the proxy before it, takes a connection in time; None where it does."""
    from urllib.request import getproxies, proxy_bypass  # measured: 50 ms with ssl

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    place = (parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443))
    found: list[str | None] = []

    def connect() -> None:
        try:
            socket.create_connection(place, timeout_s).close()
            found.append(None)
        except OSError as error:
            found.append(f"{place[0]}: {error.strerror or error}")

    thread = threading.Thread(target=connect, daemon=True)  # a name server that is silent has no timeout of ours
    thread.start()
    thread.join(timeout_s)
    return found[0] if found else f"{place[0]}: no answer in {timeout_s:g} s"


def _address() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _cache() -> str:
    from huggingface_hub import constants

    return str(constants.HF_HUB_CACHE)


def _file(model: str, name: str, revision: str | None) -> Path | None:
    import huggingface_hub  # measured: 0.5 s
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    download: Any = huggingface_hub.hf_hub_download
    try:
        return Path(download(model, name, revision=revision))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError):  # not there, not ours to read, or no network
        return None
