"""Names in a results folder."""

from __future__ import annotations

import pytest

from harness.runs import layout


@pytest.mark.parametrize("name", ["..", "/", "a/../../b", "", "\0", "x" * 500, "a b\n"])
def test_no_name_becomes_a_path(name: str) -> None:
    folder = layout.model_folder(name)
    assert folder and folder not in (".", "..") and "/" not in folder and "\0" not in folder and len(folder) <= 100
