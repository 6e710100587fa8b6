"""What pyproject.toml says of the package's parts."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from tests.fixtures.places import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def brought_by(extra: str) -> set[str]:
    """The extras that one extra installs, itself among them."""
    own = [re.fullmatch(rf"{PROJECT['name']}\[(.+)\]", each) for each in EXTRAS[extra]]
    names = {name.strip() for found in own if found for name in found[1].split(",")}
    return {extra}.union(*map(brought_by, names))


def test_the_tests_environment_has_every_extra() -> None:
    assert set(EXTRAS) - brought_by("dev") == set()
