"""The guest's modules as bytecode: compiled once, kept beside their sources where Python keeps its own.

Compiling them in each sandbox takes 50 ms of CPU time. A guest whose interpreter reads another bytecode compiles the
sources, which are sent too; so does every guest where Python is not to write any (PYTHONDONTWRITEBYTECODE) or cannot.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import marshal
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).with_name("guest") / "__pycache__"
Sources = tuple[tuple[str, str], ...]
DIGEST_BYTES = 32


def load(sources: Sources) -> bytes:
    """The modules' code for `marshal`; empty where there is none and none can be kept."""
    digest = hashlib.sha256(importlib.util.MAGIC_NUMBER + json.dumps(sources).encode()).digest()
    kept = FOLDER / f"guest.{sys.implementation.cache_tag}.opt-2.marshal"
    try:
        found = kept.read_bytes()
        if found[:DIGEST_BYTES] == digest:
            return found[DIGEST_BYTES:]
    except OSError:
        pass
    if sys.dont_write_bytecode:
        return b""
    code = marshal.dumps([(name, compile(text, f"guest/{name}.py", "exec", optimize=2)) for name, text in sources])
    return code if _keep(kept, digest + code) else b""


def _keep(target: Path, data: bytes) -> bool:
    """Write it whole or not at all; whether it is there."""
    made = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        FOLDER.mkdir(exist_ok=True)
        made.write_bytes(data)
        made.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            made.unlink()
        return False
    return True
