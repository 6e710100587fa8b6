"""What people said of the two models: the results of closed studies (`harness review`), as the report shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleResult:
    """One study. comparisons: its pairs of models, as the study's own result has them; none of a study of ratings."""

    study: str
    headline: str
    comparisons: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]
    signature: str
