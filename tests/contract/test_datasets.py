"""Every published set is what `--problems` takes; a new file in `harness/datasets` is picked up by existing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness import registry
from harness.config import command_line_flags
from harness.datasets import OWN_FORMAT, Download, fetch, known_names, shipped, shipped_folder
from harness.errors import ProblemError

NAMES = registry.names("harness.datasets")
PUBLISHED = [name for name in NAMES if name != OWN_FORMAT]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_set_says_where_it_is_what_its_bytes_are_and_under_which_licence(name: str) -> None:
    module = registry.load("harness.datasets", name, "problem set")
    assert isinstance(module.SOURCE, Download) and module.SOURCE.urls and module.SOURCE.file and module.SOURCE.licence
    assert all(url.startswith("https://") for url in module.SOURCE.urls)
    assert re.fullmatch(r"[0-9a-f]{64}", module.SOURCE.sha256)
    assert module.__doc__


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_set_is_named_where_a_set_is_chosen(name: str) -> None:
    shown = name.replace("plus", "+")
    assert shown in known_names() and shown in command_line_flags()["problems"].help


@pytest.mark.parametrize("name", PUBLISHED)
def test_other_bytes_than_the_published_ones_are_never_read(name: str, tmp_path: Path) -> None:
    source = registry.load("harness.datasets", name, "problem set").SOURCE
    other = tmp_path / "other"
    other.write_text("{}")
    moved = Download(urls=(other.as_uri(),), sha256=source.sha256, file=source.file, licence=source.licence)
    with pytest.raises(ProblemError):
        fetch(moved, tmp_path)
    assert not (tmp_path / source.file).exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_another_format_is_not_recognized_and_one_without_its_keys_is_refused(name: str) -> None:
    module = registry.load("harness.datasets", name, "format")
    if name != OWN_FORMAT:
        assert not module.recognizes({}) and not module.recognizes({"text": "x"})
    with pytest.raises((KeyError, ValueError, TypeError)):
        module.problem({}, "x")


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_set_is_of_no_published_format(name: str) -> None:
    row = json.loads((shipped_folder() / f"{name}.jsonl").read_text().splitlines()[0])
    formats = {each: registry.load("harness.datasets", each, "format") for each in PUBLISHED}
    assert not [each for each, module in formats.items() if module.recognizes(row)]
