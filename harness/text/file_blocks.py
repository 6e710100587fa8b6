"""Several files as one text: each whole, in a fenced block, with its path on the line before."""

from __future__ import annotations

import re
from collections.abc import Mapping


def write_files(files: Mapping[str, str]) -> str:
    """The text of these files by path, as `harness.extractors.read_files` reads it."""
    pieces = []
    for path, text in files.items():
        longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
        fence = "`" * (longest + 1)
        pieces.append(f"{path}\n{fence}\n{text.rstrip(chr(10))}\n{fence}\n")
    return "\n".join(pieces)
