"""Problem sets: `load_set` finds one by name or by path; one module per upstream format.

A module of this folder has `SOURCE` (a `Download`, `ByPath`, or none for our own format), `recognizes(row)` and
`problem(row, dataset)`. One whose set has parts, as `cruxeval:output`, says so by what `_choice` describes.
"""

from __future__ import annotations

from harness.datasets._choice import Choice, shown_name
from harness.datasets._download import ByPath, Download, fetch
from harness.datasets._loading import (
    CODE,
    OWN_FORMAT,
    RowReader,
    known_names,
    load_set,
    needs_part,
    published,
    read_code_row,
    shipped,
    shipped_folder,
)
from harness.datasets._lookup import ProblemSets
from harness.datasets._subset import subset
from harness.datasets._text_fields import RowPlace, text_with_references
from harness.types import ProblemSet

__all__ = [
    "CODE",
    "OWN_FORMAT",
    "ByPath",
    "Choice",
    "Download",
    "ProblemSet",
    "ProblemSets",
    "RowPlace",
    "RowReader",
    "fetch",
    "known_names",
    "load_set",
    "needs_part",
    "published",
    "read_code_row",
    "shipped",
    "shipped_folder",
    "shown_name",
    "subset",
    "text_with_references",
]
