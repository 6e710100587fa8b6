"""Python: run by the guest's own interpreter, which is there already when a program comes."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.py",
    suffixes=(".py", ".pyw"),
    fence_names=("python", "py", "python3", "py3"),
)
