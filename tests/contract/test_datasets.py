"""Every published set is what `--problems` takes; a new file in `harness/datasets` is picked up by existing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness import registry
from harness.config import command_line_flags
from harness.datasets import (
    OWN_FORMAT,
    ByPath,
    Choice,
    Download,
    fetch,
    known_names,
    load_set,
    shipped,
    shipped_folder,
    shown_name,
)
from harness.errors import ProblemError

NAMES = registry.names("harness.datasets")
PUBLISHED = [name for name in NAMES if name != OWN_FORMAT]


def sources(name: str) -> list[Download | ByPath]:
    found = registry.load("harness.datasets", name, "problem set").SOURCE
    return list(found.values()) if isinstance(found, Mapping) else [found]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_set_says_where_it_is_what_its_bytes_are_and_under_which_licence(name: str) -> None:
    module = registry.load("harness.datasets", name, "problem set")
    assert module.__doc__
    for source in sources(name):
        assert source.urls and source.file and source.licence
        assert all(url.startswith("https://") for url in source.urls)
        assert isinstance(source, ByPath) or re.fullmatch(r"[0-9a-f]{64}", source.sha256)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_variants_of_a_set_are_those_that_have_a_file(name: str) -> None:
    module = registry.load("harness.datasets", name, "problem set")
    if isinstance(module.SOURCE, Mapping):
        assert set(module.SOURCE) == set(module.VARIANTS.names)
    if hasattr(module, "VARIANTS"):
        with pytest.raises(ProblemError, match=rf"name a {module.VARIANTS.kind}: {shown_name(name)}:"):
            load_set(shown_name(name), Path("nowhere"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_set_is_named_where_a_set_is_chosen(name: str) -> None:
    shown = shown_name(name)
    assert shown in known_names() and shown in command_line_flags()["problems"].help


@pytest.mark.parametrize("name", PUBLISHED)
def test_other_bytes_than_the_published_ones_are_never_read(name: str, tmp_path: Path) -> None:
    for source in sources(name):
        if isinstance(source, ByPath):
            with pytest.raises(ProblemError, match="taken by its path"):
                fetch(source, tmp_path)
            continue
        refused(source, tmp_path)


def refused(source: Download, tmp_path: Path) -> None:
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
    names = module.VARIANTS.names if hasattr(module, "VARIANTS") else ("",)
    has_parts = hasattr(module, "VARIANTS") or hasattr(module, "OPTIONS")
    for each in names:
        with pytest.raises((KeyError, ValueError, TypeError)):
            module.problem({}, "x", *([Choice(variant=each)] if has_parts else []))


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_set_is_of_no_published_format(name: str) -> None:
    row = json.loads((shipped_folder() / f"{name}.jsonl").read_text().splitlines()[0])
    formats = {each: registry.load("harness.datasets", each, "format") for each in PUBLISHED}
    assert not [each for each, module in formats.items() if module.recognizes(row)]
