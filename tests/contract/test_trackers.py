"""Every tracker is what `harness report` takes; a new file in `harness/trackers` is picked up by existing.

What each sends is read back in tests/integration/test_trackers.py.
"""

from __future__ import annotations

import importlib.util
import inspect
import tomllib
from pathlib import Path

import pytest

from harness import registry, trackers
from harness.config import command_line_flags
from harness.errors import InputError
from harness.trackers import _send

ROOT = Path(__file__).resolve().parents[2]
NAMES = registry.names("harness.trackers")


@pytest.mark.parametrize("name", NAMES)
def test_a_tracker_has_the_parts_that_are_called_and_is_named_in_the_help(name: str) -> None:
    module = registry.load("harness.trackers", name, "tracker")
    assert module.__doc__ and module.LIBRARY and list(inspect.signature(module.send).parameters) == ["report"]
    assert name in command_line_flags()["report_to"].help
    if hasattr(module, "Live"):
        assert list(inspect.signature(module.Live).parameters) == ["folder", "name"]
        assert list(inspect.signature(module.Live.log).parameters) == ["self", "step", "scalars", "pictures"]
        assert callable(module.Live.close)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_library_is_named_with_how_to_get_it_before_a_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=rf"not installed: pip install .*\[{name}\]"):
        _send.check([name])


@pytest.mark.parametrize("name", NAMES)
def test_every_tracker_has_its_extra(name: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    library = trackers.find_tracker(name).LIBRARY
    assert any(each.startswith(library) for each in extras[name]) and name in extras["tracking"][0]
