"""Studies of small files."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.review.study import Study
from tests.fixtures.review import make_study


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Study]:
    """make(items=20, models=2, judges="3", ...): a study in this test's folder."""
    return functools.partial(make_study, tmp_path)
