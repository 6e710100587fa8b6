"""Problem sets: `load_set` finds one by name or by path; one module per upstream format.

A module of this folder has `SOURCE` (a `Download`, or none for our own format), `recognizes(row)` and `problem(row)`.
"""

from __future__ import annotations

from harness.datasets._download import Download, fetch
from harness.datasets._loading import (
    CODE,
    OWN_FORMAT,
    RowReader,
    known_names,
    load_set,
    read_code_row,
    shipped,
    shipped_folder,
)
from harness.datasets._lookup import ProblemSets
from harness.datasets._text_fields import RowPlace
from harness.types import ProblemSet

__all__ = [
    "CODE",
    "OWN_FORMAT",
    "Download",
    "ProblemSet",
    "ProblemSets",
    "RowPlace",
    "RowReader",
    "fetch",
    "known_names",
    "load_set",
    "read_code_row",
    "shipped",
    "shipped_folder",
]
